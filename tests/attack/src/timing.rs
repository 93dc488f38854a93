//! How long answers take that must not be told apart: a wrong password and an unknown account, a session of another group and none.
//!
//! Owns the measure and its statistic, for the report. Nothing is asserted here, since a clock says something else on every machine: that
//! the work is the same is asserted where it can be counted, in the web tier's tests.

use std::time::Instant;

use anyhow::{Result, ensure};
use cobrowse_tests::{AgentBrowser, Stack, Visitor};

use crate::Findings;

/// Measures both pairs. It comes last, since it uses up what one address may try in vain.
pub(crate) fn measure(stack: &Stack, findings: &mut Findings) -> Result<()> {
    keys(stack, findings)?;
    logins(stack, findings)
}

fn logins(stack: &Stack, findings: &mut Findings) -> Result<()> {
    let mut stranger = AgentBrowser::new(stack);
    let url = stranger.login_url();
    let mut guess = |name: &str| {
        let began = Instant::now();
        let answer = stranger.log_in_as(&url, name, "not the password")?;
        ensure!(answer.status == 401, "a guess at {name}: {}", answer.status);
        Ok(began.elapsed().as_micros() as u64)
    };
    let mut pair = Pair::default();
    for (turn, account) in ["ada", "bob", "eve", "mia"].iter().cycle().take(GUESSES).enumerate() {
        pair.take(turn, &mut guess, [account, &format!("nobody{turn}")])?;
    }
    pair.report("login_wrong", "login_unknown", findings);
    Ok(())
}

/// Asked again, a key that was missed is no new guess; so the two are asked in turn.
fn keys(stack: &Stack, findings: &mut Findings) -> Result<()> {
    let foreign = Visitor::with_page(stack, "support", b"page")?;
    let mut agent = AgentBrowser::login(stack, "bob")?;
    let mut look_up = |key: &str| {
        let began = Instant::now();
        let answer = agent.look_up(key)?;
        ensure!(answer.status == 404, "a key that is not Bob's: {}", answer.status);
        Ok(began.elapsed().as_micros() as u64)
    };
    let mut pair = Pair::default();
    for turn in 0..LOOKS {
        pair.take(turn, &mut look_up, [foreign.key(), "none-has-it"])?;
    }
    pair.report("key_foreign", "key_unknown", findings);
    Ok(())
}

/// Microseconds of two kinds of request.
#[derive(Default)]
struct Pair([Vec<u64>; 2]);

impl Pair {
    /// Both, the one or the other first: whatever else the machine does falls on both alike.
    fn take(
        &mut self,
        turn: usize,
        mut ask: impl FnMut(&str) -> Result<u64>,
        what: [&str; 2],
    ) -> Result<()> {
        for at in [turn % 2, 1 - turn % 2] {
            self.0[at].push(ask(what[at])?);
        }
        Ok(())
    }

    /// The medians, and in how many of a hundred comparisons of one with another the first took longer: 50 tells nothing.
    fn report(mut self, first: &str, second: &str, findings: &mut Findings) {
        let longer = self.0[0].iter().flat_map(|a| self.0[1].iter().map(move |b| (a, b)));
        let (mut wins, mut all) = (0, 0);
        for (a, b) in longer {
            // An equal one counts half.
            wins += 1 + u64::from(a > b) - u64::from(a < b);
            all += 2;
        }
        for (name, times) in [first, second].into_iter().zip(&mut self.0) {
            times.sort_unstable();
            findings.number(&format!("{name}_us"), times[times.len() / 2]);
        }
        findings.number(&format!("{first}_longer_percent"), 100 * wins / all.max(1));
    }
}

/// Guesses at passwords, each once at an account that is there and once at none: half of what one address may try in a row, with room for the
/// logins that the other parts made.
const GUESSES: usize = 12;

/// Looks for keys, each kind.
const LOOKS: usize = 60;
