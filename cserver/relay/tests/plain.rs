//! Views over plain HTTP under seeded chance: whatever visitors and agents do, and however the log is cut, such a view is sent no frame
//! of a page that did not come over plain HTTP.

use std::collections::BTreeSet;

use cobrowse_relay::{
    Bounds, Event, FRAME_WIRE_BYTES_MAX, JoinSpec, LinkId, Relay, SessionRef, SessionSpec,
};
use protocol::secret::Secret;
use protocol::{AgentId, CloseCode, Flags, Header, JoinId, Kind, Privileges};

#[test]
fn a_view_over_plain_http_is_sent_nothing_of_another_page_whatever_happens() {
    let mut all = Told::default();
    for seed in 1..=400 {
        let mut world = World::new(seed);
        for _ in 0..300 {
            world.step();
        }
        all.plain_frames += world.told.plain_frames;
        all.secure_frames += world.told.secure_frames;
        all.closed += world.told.closed;
        all.refused += world.told.refused;
    }
    // The control: all of it has happened.
    let Told { plain_frames, secure_frames, closed, refused } = all;
    assert!(plain_frames > 1_000 && secure_frames > 1_000, "{plain_frames} {secure_frames}");
    assert!(closed > 100 && refused > 100, "{closed} {refused}");
}

/// How often what was to be tried has come about.
#[derive(Default)]
struct Told {
    plain_frames: usize,
    secure_frames: usize,
    closed: usize,
    refused: usize,
}

struct World {
    seed: u64,
    state: u64,
    relay: Relay,
    session: SessionRef,
    now: u64,
    links: u64,
    /// The visitor's connection, and whether its page has an http origin.
    visitor: Option<(LinkId, bool)>,
    epoch: u32,
    /// Of the next reliable frame; none before the epoch's keyframe is complete.
    sequence: u32,
    is_live: bool,
    /// Epochs whose page came over plain HTTP.
    open: BTreeSet<u32>,
    /// Each agent's connection, if it has one, and whether it is over plain HTTP.
    views: [Option<(LinkId, bool)>; 3],
    told: Told,
    /// What the visitor has sent, for who has to find a fault.
    sent: Vec<Header>,
}

impl World {
    fn new(seed: u64) -> Self {
        // Small bounds, so that logs are dropped and agents skip all the time.
        let bounds = Bounds {
            log_bytes_max: 4_000,
            log_diff_bytes_soft: 1_000,
            agent_lag_bytes_max: 1_500,
            ..Bounds::default()
        };
        let mut relay = Relay::new(bounds);
        let spec = SessionSpec {
            id: "demo:1:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
            home: 1,
            resume: Secret::new([1; 32]).hash(),
            grace_ms: 600_000,
            welcome_settings: "{}".into(),
        };
        let session = relay.open_session(0, spec).unwrap();
        for number in 0..3 {
            let agent = AgentId::from_bytes([number; 16]);
            let privileges = Privileges::VIEW | Privileges::POINT;
            let spec = JoinSpec { join: join(number), agent, name: "Ada".into(), privileges };
            relay.join(0, session, spec).unwrap();
        }
        Self {
            seed,
            state: seed,
            relay,
            session,
            now: 0,
            links: 0,
            visitor: None,
            epoch: 0,
            sequence: 0,
            is_live: false,
            open: BTreeSet::new(),
            views: [None; 3],
            told: Told::default(),
            sent: Vec::new(),
        }
    }

    fn step(&mut self) {
        self.now += self.below(400);
        self.relay.handle_time(self.now);
        match self.below(12) {
            0 => self.connect_visitor(),
            1 | 2 => self.begin_epoch(),
            3 | 4 => self.continue_keyframe(),
            5 | 6 => self.live(),
            7 | 8 => self.connect_agent(),
            9 => self.resync(),
            10 if self.below(3) == 0 => {
                if let Some((link, _)) = self.visitor.take() {
                    self.relay.handle_gone(self.now, link);
                    (self.sequence, self.is_live) = (0, false);
                }
            }
            _ => self.drain(),
        }
        self.events();
    }

    fn connect_visitor(&mut self) {
        let (link, on_http) = (self.link(), self.below(2) == 0);
        self.relay.attach_visitor(self.now, self.session, link).unwrap();
        if on_http {
            self.relay.visitor_is_on_http(self.session);
        }
        self.visitor = Some((link, on_http));
        (self.sequence, self.is_live) = (0, false);
    }

    fn begin_epoch(&mut self) {
        let Some((_, on_http)) = self.visitor else { return };
        if self.sequence > 0 && !self.is_live {
            return;
        }
        let (says, purge) = (self.below(3) > 0, self.below(4) == 0);
        self.epoch += 1;
        (self.sequence, self.is_live) = (0, false);
        if says && on_http {
            self.open.insert(self.epoch);
        }
        let mut flags = if says { Flags::INSECURE } else { Flags::NONE };
        if purge {
            flags = flags | Flags::PURGE;
        }
        self.send(Kind::Facts, flags, self.sequence, 20);
        self.sequence = 1;
    }

    fn continue_keyframe(&mut self) {
        if self.sequence == 0 || self.is_live {
            return;
        }
        let first = if self.sequence == 1 { Flags::FIRST } else { Flags::NONE };
        self.is_live = self.below(2) == 0;
        let last = if self.is_live { Flags::LAST } else { Flags::NONE };
        let len = self.below(900);
        self.send(Kind::Keyframe, first | last, self.sequence, len);
        self.sequence += 1;
    }

    fn live(&mut self) {
        if !self.is_live {
            return;
        }
        let len = self.below(900);
        match self.below(3) {
            0 => {
                let slot = Flags(self.below(16) as u8);
                self.send(Kind::Ephemeral, slot, self.sequence - 1, len);
            }
            kind => {
                let kind = if kind == 1 { Kind::Diff } else { Kind::Facts };
                self.send(kind, Flags::NONE, self.sequence, len);
                self.sequence += 1;
            }
        }
    }

    fn send(&mut self, kind: Kind, flags: Flags, sequence: u32, len: u64) {
        let Some((link, _)) = self.visitor else { return };
        let header = Header { kind, flags, source: 1, epoch: self.epoch, sequence };
        let frame = [&header.encode()[..], &vec![0; len as usize]].concat();
        self.relay.handle_frame(self.now, link, frame.into());
        self.sent.push(header);
    }

    fn connect_agent(&mut self) {
        let (at, plain, link) = (self.below(3) as usize, self.below(2) == 0, self.link());
        let (now, session) = (self.now, self.session);
        let attached = if plain {
            self.relay.attach_plain_agent(now, session, join(at as u8), link)
        } else {
            self.relay.attach_agent(now, session, join(at as u8), link)
        };
        match attached {
            Ok(()) => self.views[at] = Some((link, plain)),
            Err(code) => {
                assert_eq!(code, CloseCode::SecurePage, "seed {}", self.seed);
                self.told.refused += 1;
            }
        }
    }

    fn resync(&mut self) {
        let at = self.below(3) as usize;
        if let Some((link, _)) = self.views[at] {
            let kind = Kind::Resync;
            let header = Header { kind, flags: Flags::NONE, source: 0, epoch: 0, sequence: 0 };
            self.relay.handle_frame(self.now, link, header.encode().to_vec().into());
        }
    }

    /// Some of what is there to be sent leaves.
    fn drain(&mut self) {
        while self.relay.poll_dirty().is_some() {}
        for at in 0..3 {
            let Some((link, plain)) = self.views[at] else { continue };
            for _ in 0..self.below(12) {
                let Some(frame) = self.relay.next_frame(self.now, link, FRAME_WIRE_BYTES_MAX)
                else {
                    break;
                };
                let header = Header::decode(frame.body()).unwrap();
                if matches!(header.kind.byte(), 0x01..=0x04) {
                    let is_open = self.open.contains(&header.epoch);
                    assert!(is_open || !plain, "seed {}: {header:?} in plain text", self.seed);
                    self.told.plain_frames += usize::from(plain);
                    self.told.secure_frames += usize::from(!plain && !is_open);
                }
            }
        }
        if let Some((link, _)) = self.visitor {
            while self.relay.next_frame(self.now, link, FRAME_WIRE_BYTES_MAX).is_some() {}
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.relay.poll_event() {
            let Event::Close { link, code } = event else { continue };
            if self.visitor.is_some_and(|(of, _)| of == link) {
                let last = &self.sent[self.sent.len().saturating_sub(5)..];
                panic!("seed {}: the visitor was closed with {code:?} after {last:?}", self.seed);
            }
            for view in &mut self.views {
                if let Some((_, plain)) = view.take_if(|(of, _)| *of == link) {
                    let fits = plain || code != CloseCode::SecurePage;
                    assert!(fits, "seed {}: {code:?} over TLS", self.seed);
                    self.told.closed += usize::from(code == CloseCode::SecurePage);
                }
            }
        }
    }

    fn link(&mut self) -> LinkId {
        self.links += 1;
        LinkId(self.links)
    }

    fn below(&mut self, end: u64) -> u64 {
        // SplitMix64: the seed alone decides.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn join(number: u8) -> JoinId {
    JoinId::from_bytes([number; 8])
}
