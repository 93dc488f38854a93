//! The control stream's machine, and the shard that does what it says: whatever records come in whatever order, nothing
//! happens before `hello`, nothing that was not valid is put in force, it never sends more than it was asked for, and no
//! order breaks the shard.

use std::sync::Arc;

use cserver::control::{Control, Effect, LoadFigures};
use cserver::credentials::CookieKeys;
use cserver::shard::{Mail, Now, Shard};
use cserver::shared::{Identity, Shared};
use protocol::control::{ReportEvent, Up};
use protocol::secret::Secret;
use relay::LinkId;

use super::{Outcome, Target, records};
use crate::limits::MEMORY_PER_BYTE_MAX;
use crate::wire;

pub(crate) const TARGET: Target = Target {
    name: "control",
    run,
    seeds,
    words: records::WORDS,
    memory_per_byte_max: MEMORY_PER_BYTE_MAX,
};

/// Each line is a record on the stream that its number says; an empty one lets time pass.
fn run(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused };
    let mut control = Control::default();
    let mut server = Server::new();
    let us = identity();
    let mut open = [false; STREAMS];
    let mut greeted = [false; STREAMS];
    let mut reports = 0;
    let mut accepted = false;
    for (at, line) in text.lines().take(LINES_MAX).enumerate() {
        let now_ms = 1_000 * at as u64;
        let stream = at % STREAMS;
        let link = LinkId(stream as u64);
        if !open[stream] {
            open[stream] = true;
            greeted[stream] = false;
            control.open(now_ms, now_ms, link, &us, 2);
        }
        let effects = match line {
            "" => control.tick(now_ms, load),
            "report" => {
                reports += 1;
                control.report(now_ms, super::session(), &ReportEvent::SessionStarted { home: 1 })
            }
            record => {
                let effects = control.record(now_ms, link, record);
                greeted[stream] |= effects.is_empty() || told_hello(record);
                accepted |= effects.iter().any(in_force);
                let silent = !effects.iter().any(in_force) || greeted[stream];
                assert!(silent, "a record is in force before hello");
                effects
            }
        };
        assert!(
            effects.len() <= STREAMS * (reports + 2),
            "{} effects of one record",
            effects.len()
        );
        for effect in effects {
            match effect {
                Effect::Send(_, json) => {
                    assert!(matches!(Up::from_json(&json), Ok(Some(_))), "we sent {json}");
                }
                Effect::Close(link, _) => {
                    open[link.0 as usize] = false;
                    control.gone(link);
                }
                effect => server.obey(now_ms, effect),
            }
        }
        assert!(control.connected() <= open.iter().filter(|open| **open).count());
    }
    Outcome::of(accepted)
}

/// The core that carries out what the records order.
struct Server {
    shared: Arc<Shared>,
    shard: Shard,
}

impl Server {
    fn new() -> Self {
        let cookies = CookieKeys::new(&Secret::new([1; 32]));
        let shared = Arc::new(Shared::new(identity(), wire::configs(), cookies, 1));
        let shard = Shard::new(0, 1, shared.clone(), Box::new(|bytes| bytes.fill(1)));
        Self { shared, shard }
    }

    fn obey(&mut self, now_ms: u64, effect: Effect) {
        let now = Now { mono_ms: now_ms, wall_ms: now_ms };
        let url = |url: &str| url.starts_with("https://") && !url.contains(['"', '<', ' ', ';']);
        match effect {
            Effect::Key { id, key, expires_ms, web_tier } => {
                let mut keys = self.shared.keys.write();
                keys.insert(id, &key, expires_ms, now_ms);
                assert!(web_tier.as_deref().is_none_or(url), "{web_tier:?} goes into a page");
                web_tier.into_iter().for_each(|web_tier| keys.is_of(&id, web_tier));
            }
            Effect::Surrounding(origins) => {
                assert!(origins.iter().all(|origin| url(origin)), "{origins:?} go into a policy");
                self.shared.set_surrounding(origins.into());
            }
            Effect::Group(_, group, settings) => {
                assert_eq!(settings.faults(), [""; 0]);
                self.shared.set_group(group, *settings);
                self.shard.handle_mail(now, Mail::Settings(group));
            }
            Effect::GroupRemoved(group) => {
                self.shared.remove_group(&group);
                self.shard.handle_mail(now, Mail::GroupRemoved(group));
            }
            Effect::Revoke(group, agent) => self.shard.handle_mail(now, Mail::Revoke(group, agent)),
            Effect::Moved(session, home, code) => {
                self.shard.handle_mail(now, Mail::Moved(session, home, code));
            }
            Effect::Offer(presence, offer) => {
                self.shard.handle_mail(now, Mail::Offer(presence, offer));
            }
            Effect::Drain(deadline_ms) => self.shard.handle_mail(now, Mail::Drain(deadline_ms)),
            Effect::Send(..) | Effect::Ping(_) | Effect::Close(..) | Effect::Warn(_) => {}
        }
        self.shard.handle_time(now);
        self.shard.end_turn(now);
    }
}

fn in_force(effect: &Effect) -> bool {
    let told = [
        matches!(effect, Effect::Key { .. } | Effect::Group(..) | Effect::GroupRemoved(_)),
        matches!(
            effect,
            Effect::Revoke(..) | Effect::Drain(_) | Effect::Offer(..) | Effect::Moved(..)
        ),
    ];
    told.contains(&true)
}

fn told_hello(record: &str) -> bool {
    use protocol::control::Down;
    matches!(Down::from_json(record), Ok(Some(Down::Hello { .. })))
}

fn load() -> LoadFigures {
    LoadFigures { sessions: 1, agents: 2, connections: 3, accepting: true }
}

fn identity() -> Identity {
    Identity {
        server: "s1".parse().unwrap_or_else(|_| unreachable!("s1 is a server id")),
        boot: [7; 16],
        origin: "https://s1.example".into(),
        host: "s1.example".into(),
        plain: None,
        web_tier_url: "https://www.example".into(),
        backend: "poll",
        started_ms: 0,
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let down = &records::SEEDS[..7];
    let twice: Vec<&str> = down.iter().flat_map(|record| [*record, record]).collect();
    let mixed = [&twice[..4], &["report", "report", "", ""], &twice[4..], &["", "report"]].concat();
    // The largest numbers that there are.
    let digits = ["1700000000000", "1700000060000", "30000", "10000", "3,", "4}"];
    let largest = digits.iter().fold(twice.join("\n"), |text, digits| {
        let end = digits.trim_start_matches(|digit: char| digit.is_ascii_digit());
        text.replace(digits, &format!("{}{end}", u64::MAX))
    });
    // One stream that says it is two replicas, and another that is a third.
    let hello = |name: &str| down[0].replace("w1", name);
    let names = ["w1", "w2", "w3"].map(hello).join("\n");
    let (twice, mixed) = (twice.join("\n"), mixed.join("\n"));
    [twice, mixed, largest, names].map(String::into_bytes).into()
}

const STREAMS: usize = 2;
const LINES_MAX: usize = 64;
