//! A visitor and an agent who never stop: the page changes, the copy is compared, and whatever is lost is fetched again.
//!
//! Owns what a browser would do after a loss, and the time until the agent had the visitor's page again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use cobrowse_tests::socket::Heard;
use cobrowse_tests::{Agent, AgentBrowser, Stack, Visitor};
use protocol::Kind;

use super::{WEB_TIERS, faults};

/// What the faults want of all pairs, in numbers that rise, and what they do.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) cut_visitors: AtomicUsize,
    pub(super) cut_agents: AtomicUsize,
    /// Nobody can be asked for another home at the moment, by web tier.
    pub(super) web_away: [AtomicBool; WEB_TIERS],
    /// The kind of fault that was injected last.
    pub(super) fault: AtomicUsize,
}

/// One loss that was made good.
#[derive(Clone, Debug)]
pub(super) struct Restored {
    pub(super) ms: u64,
    /// The fault that was injected last when it was seen.
    pub(super) fault: &'static str,
    /// The session's web tier was away for some of it.
    pub(super) was_alone: bool,
    /// The loss, and what went wrong before it was made good.
    pub(super) tries: Vec<String>,
}

/// What came of one pair.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) restored: Vec<Restored>,
    /// Why it did not come back.
    pub(super) lost: Option<String>,
    /// The web tier did not know the session any more.
    pub(super) is_forgotten: bool,
}

/// See the module.
pub(super) struct Pair {
    visitor: Visitor,
    agent: Agent,
    browser: AgentBrowser,
    web: usize,
    number: usize,
    changes: usize,
    cut: (usize, usize),
}

impl Pair {
    /// A session given out by one of the web tiers, and an agent who comes through the same.
    pub(super) fn start(
        stack: &Stack,
        web: usize,
        mut browser: AgentBrowser,
        number: usize,
    ) -> Result<Self> {
        let visitor = Visitor::with_page_from(stack, web, "demo", &page(number, 0))?;
        let agent = enter(&mut browser, &visitor)?;
        Ok(Self { visitor, agent, browser, web, number, changes: 0, cut: (0, 0) })
    }

    /// Until it is over; then once more, so that the end is seen. The page rests so long between two changes.
    pub(super) fn live(mut self, orders: &Orders, is_over: &AtomicBool, rest: Duration) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let is_last = is_over.load(Ordering::Relaxed);
            let Err(error) = self.step(orders, is_last, rest) else {
                if is_last {
                    return outcome;
                }
                continue;
            };
            let lost_at = Instant::now();
            let fault = faults::name(orders.fault.load(Ordering::Relaxed));
            let mut tries = vec![brief(&error)];
            match self.restore(orders, &mut tries) {
                Ok(was_alone) => {
                    let ms = lost_at.elapsed().as_millis() as u64;
                    outcome.restored.push(Restored { ms, fault, was_alone, tries });
                }
                Err(worse) => {
                    outcome.is_forgotten = format!("{worse:#}").contains(" 404 ");
                    outcome.lost = Some(format!("{fault}: {error:#}; then: {worse:#}"));
                    return outcome;
                }
            }
        }
    }

    fn step(&mut self, orders: &Orders, is_last: bool, rest: Duration) -> Result<()> {
        let load = |order: &AtomicUsize| order.load(Ordering::Relaxed);
        let cut = (load(&orders.cut_visitors), load(&orders.cut_agents));
        let before = std::mem::replace(&mut self.cut, cut);
        // Every third, so that the others are seen not to notice.
        if before.0 != cut.0 && self.number.is_multiple_of(3) {
            bail!("the visitor's connection is cut");
        }
        if before.1 != cut.1 && self.number % 3 == 1 {
            self.agent = self.agent.view.connect()?;
        }
        self.changes += 1;
        self.visitor.diff(&page(self.number, self.changes))?;
        self.listen(if is_last { rest / 4 } else { rest })?;
        self.agent.expect_copy_of(&self.visitor)
    }

    /// The visitor hears what its server says, for so long.
    fn listen(&mut self, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.visitor.socket.hear(left)? {
                Some(Heard::Frame(frame))
                    if frame.first() == Some(&(Kind::KeyframeRequest as u8)) =>
                {
                    self.visitor.keyframe(&page(self.number, self.changes))?;
                }
                Some(Heard::Frame(_)) => {}
                None => return Ok(()),
                Some(other) => bail!("the visitor's connection brought {other:?}"),
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// As the browsers do: the visitor comes back or is given another home, the agent follows through the web tier.
    fn restore(&mut self, orders: &Orders, tries: &mut Vec<String>) -> Result<bool> {
        let end = Instant::now() + PATIENCE;
        let is_away = &orders.web_away[self.web];
        let mut was_alone = is_away.load(Ordering::Relaxed);
        loop {
            let restored = self.try_restore(end);
            was_alone |= is_away.load(Ordering::Relaxed);
            match restored {
                Ok(()) => return Ok(was_alone),
                Err(error) if Instant::now() >= end => return Err(error),
                Err(error) => {
                    tries.push(brief(&error));
                    sleep(RETRY);
                }
            }
        }
    }

    fn try_restore(&mut self, end: Instant) -> Result<()> {
        if self.visitor.resume().is_err() {
            self.visitor.continue_elsewhere()?;
        }
        self.changes += 1;
        self.visitor.keyframe(&page(self.number, self.changes))?;
        // Its viewer's cookie may be good still.
        self.agent = match self.agent.view.connect() {
            Ok(agent) => agent,
            // Its page asks again and again. Meanwhile the visitor's connection may end, which is a loss of its own.
            Err(_) => loop {
                match enter(&mut self.browser, &self.visitor) {
                    Ok(agent) => break agent,
                    Err(error) if Instant::now() >= end => return Err(error),
                    Err(_) => self.listen(RETRY)?,
                }
            },
        };
        self.agent.expect_copy_of(&self.visitor)
    }
}

fn enter(browser: &mut AgentBrowser, visitor: &Visitor) -> Result<Agent> {
    browser.open(visitor.key())?.connect()
}

/// Without the page that an error may carry.
fn brief(error: &anyhow::Error) -> String {
    format!("{error:#}").chars().take(120).collect()
}

fn page(number: usize, change: usize) -> Vec<u8> {
    format!("[\"page of session {number}, change {change}\"]").into_bytes()
}

/// A lost session that is not there again by then is lost for good.
const PATIENCE: Duration = Duration::from_secs(60);

const RETRY: Duration = Duration::from_millis(100);
