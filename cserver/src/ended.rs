//! What is remembered of sessions that have ended here: how, at which home, for two minutes.
//!
//! Owns the memory and its bound. Who comes late hears the reason, and what people wanted or their absence did is not undone by a ticket that
//! is still on its way.

use std::collections::{HashMap, VecDeque};

use protocol::{CloseCode, SessionId};

use crate::limits::{ENDED_MAX, ENDED_MS};

/// See the module.
#[derive(Default)]
pub(crate) struct EndedSessions {
    by_session: HashMap<SessionId, Ended>,
    /// When each is forgotten. Of a session that ended twice the newer one counts.
    order: VecDeque<(u64, SessionId)>,
}

#[derive(Clone, Copy)]
struct Ended {
    home: u32,
    reason: CloseCode,
    until_ms: u64,
}

impl EndedSessions {
    /// One has ended. What is old enough is forgotten, and the oldest when there are too many.
    pub(crate) fn insert(&mut self, session: SessionId, home: u32, reason: CloseCode, now_ms: u64) {
        while self.order.len() >= ENDED_MAX
            || self.order.front().is_some_and(|(until_ms, _)| *until_ms < now_ms)
        {
            if let Some((until_ms, old)) = self.order.pop_front()
                && self.by_session.get(&old).is_some_and(|ended| ended.until_ms == until_ms)
            {
                self.by_session.remove(&old);
            }
        }
        let until_ms = now_ms + ENDED_MS;
        self.by_session.insert(session, Ended { home, reason, until_ms });
        self.order.push_back((until_ms, session));
    }

    /// How it ended last.
    pub(crate) fn reason(&self, session: &SessionId) -> Option<CloseCode> {
        self.by_session.get(session).map(|ended| ended.reason)
    }

    /// Why a session is over for good, if it is. Who was away from one home may have been at a newer one, of which a ticket for a
    /// higher number tells; what people wanted holds for all of them.
    pub(crate) fn over(&self, session: &SessionId, home: u32) -> Option<CloseCode> {
        let ended = self.by_session.get(session)?;
        let goes_on = !ended.reason.is_wanted() && home > ended.home;
        (ended.reason.is_final() && !goes_on).then_some(ended.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> SessionId {
        format!("demo:1:{n:032x}").parse().unwrap()
    }

    #[test]
    fn the_memory_of_it_is_bounded() {
        let mut ended = EndedSessions::default();
        for n in 0..=ENDED_MAX {
            ended.insert(id(n), 1, CloseCode::SessionEndedVisitor, 0);
        }
        assert_eq!(ended.reason(&id(0)), None);
        assert_eq!(ended.reason(&id(1)), Some(CloseCode::SessionEndedVisitor));
        assert_eq!((ended.by_session.len(), ended.order.len()), (ENDED_MAX, ENDED_MAX));
    }

    #[test]
    fn a_session_that_ended_twice_is_remembered_as_long_after_its_second_end_as_after_a_first() {
        let mut ended = EndedSessions::default();
        ended.insert(id(1), 1, CloseCode::Moved, 0);
        // Its next home died, and it came back.
        ended.insert(id(1), 3, CloseCode::SessionEndedAgent, ENDED_MS / 2);
        // Others end, and with each what is old enough is forgotten.
        ended.insert(id(2), 1, CloseCode::SessionEndedVisitor, ENDED_MS + 1);
        assert_eq!(ended.reason(&id(1)), Some(CloseCode::SessionEndedAgent));
        assert_eq!(ended.over(&id(1), 4), Some(CloseCode::SessionEndedAgent));
        ended.insert(id(2), 1, CloseCode::SessionEndedVisitor, 2 * ENDED_MS);
        assert_eq!(ended.reason(&id(1)), None);
    }

    #[test]
    fn an_absence_from_one_home_does_not_end_a_newer_one_and_what_people_ended_stays_ended() {
        let mut ended = EndedSessions::default();
        ended.insert(id(1), 2, CloseCode::SessionEndedTimeout, 0);
        for (home, over) in [(1, true), (2, true), (3, false)] {
            let reason = over.then_some(CloseCode::SessionEndedTimeout);
            assert_eq!(ended.over(&id(1), home), reason, "home {home}");
        }
        for reason in [CloseCode::SessionEndedAgent, CloseCode::SessionEndedVisitor] {
            ended.insert(id(1), 3, reason, 0);
            assert_eq!(ended.over(&id(1), 4), Some(reason));
        }
    }
}
