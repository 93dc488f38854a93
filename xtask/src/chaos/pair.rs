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

/// What the faults want of all pairs: numbers that rise.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) cut_visitors: AtomicUsize,
    pub(super) cut_agents: AtomicUsize,
    /// Nobody can be asked for another home at the moment.
    pub(super) web_away: AtomicBool,
}

/// One loss that was made good.
#[derive(Clone, Debug)]
pub(super) struct Restored {
    pub(super) ms: u64,
    /// No web tier was there for some of it.
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
    number: usize,
    changes: usize,
    cut: (usize, usize),
}

impl Pair {
    pub(super) fn start(stack: &Stack, mut browser: AgentBrowser, number: usize) -> Result<Self> {
        let visitor = Visitor::with_page(stack, "demo", &page(number, 0))?;
        let agent = enter(&mut browser, &visitor)?;
        Ok(Self { visitor, agent, browser, number, changes: 0, cut: (0, 0) })
    }

    /// Until it is over; then once more, so that the end is seen.
    pub(super) fn live(mut self, orders: &Orders, is_over: &AtomicBool) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let is_last = is_over.load(Ordering::Relaxed);
            if let Err(error) = self.step(orders, is_last) {
                let lost_at = Instant::now();
                let mut tries = vec![brief(&error)];
                match self.restore(orders, &mut tries) {
                    Ok(was_alone) => {
                        let ms = lost_at.elapsed().as_millis() as u64;
                        outcome.restored.push(Restored { ms, was_alone, tries });
                    }
                    Err(worse) => {
                        outcome.is_forgotten = format!("{worse:#}").contains(" 404 ");
                        outcome.lost = Some(format!("{error:#}; then: {worse:#}"));
                        return outcome;
                    }
                }
            } else if is_last {
                return outcome;
            }
        }
    }

    fn step(&mut self, orders: &Orders, is_last: bool) -> Result<()> {
        let cut = (
            orders.cut_visitors.load(Ordering::Relaxed),
            orders.cut_agents.load(Ordering::Relaxed),
        );
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
        let patience = if is_last { QUIET / 4 } else { QUIET };
        self.listen(patience)?;
        self.agent.expect_copy_of(&self.visitor)
    }

    /// The visitor hears what its server says, until it says nothing for so long.
    fn listen(&mut self, patience: Duration) -> Result<()> {
        while let Some(heard) = self.visitor.socket.hear(patience)? {
            match heard {
                Heard::Frame(frame) if frame.first() == Some(&(Kind::KeyframeRequest as u8)) => {
                    self.visitor.keyframe(&page(self.number, self.changes))?;
                }
                Heard::Frame(_) => {}
                other => bail!("the visitor's connection brought {other:?}"),
            }
        }
        Ok(())
    }

    /// As the browsers do: the visitor comes back or is given another home, the agent follows through the web tier.
    fn restore(&mut self, orders: &Orders, tries: &mut Vec<String>) -> Result<bool> {
        let end = Instant::now() + PATIENCE;
        let mut was_alone = false;
        loop {
            was_alone |= orders.web_away.load(Ordering::Relaxed);
            let restored = self.try_restore();
            was_alone |= orders.web_away.load(Ordering::Relaxed);
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

    fn try_restore(&mut self) -> Result<()> {
        if self.visitor.resume().is_err() {
            self.visitor.continue_elsewhere()?;
        }
        self.changes += 1;
        self.visitor.keyframe(&page(self.number, self.changes))?;
        // Its viewer's cookie may be good still.
        self.agent = match self.agent.view.connect() {
            Ok(agent) => agent,
            Err(_) => {
                let end = Instant::now() + FOLLOW;
                loop {
                    match enter(&mut self.browser, &self.visitor) {
                        Ok(agent) => break agent,
                        Err(error) if Instant::now() >= end => return Err(error),
                        // Its new home may be the next to go.
                        Err(_) => self.listen(RETRY)?,
                    }
                }
            }
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

/// A page rests so long between two changes.
const QUIET: Duration = Duration::from_millis(120);

/// A lost session that is not there again by then is lost for good.
const PATIENCE: Duration = Duration::from_secs(60);

/// An agent looks for the new home so long before all is tried anew.
const FOLLOW: Duration = Duration::from_secs(10);

const RETRY: Duration = Duration::from_millis(100);
