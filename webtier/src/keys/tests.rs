//! The rotation over a thousand minutes, with CServers that answer late, stop, restart and come back.

use std::collections::HashMap;

use protocol::Ticket;
use protocol::limits::CLOCK_SKEW_MS;
use protocol::secret::SecretHash;
use protocol::ticket::{SealedTicket, Subject, TicketError};

use super::*;

/// One CServer's key ring, as PROTOCOL.md asks for it.
struct Peer {
    id: ServerId,
    boot: Boot,
    keys: HashMap<KeyId, (Box<TicketKey>, u64)>,
}

/// The rotation with its peers and a wall clock.
struct World {
    now_ms: u64,
    rotation: Rotation,
    drawn: u64,
    peers: Vec<Peer>,
    /// Whether a peer's stream is open and whether it acknowledges.
    open: Vec<bool>,
    acks: Vec<bool>,
}

impl World {
    fn new(names: &[&str]) -> Self {
        let mut drawn = 0;
        let rotation = Rotation::new(T0, &mut || draw(&mut drawn));
        let mut world =
            Self { now_ms: T0, rotation, drawn, peers: vec![], open: vec![], acks: vec![] };
        for name in names {
            world.peers.push(Peer {
                id: name.parse().unwrap(),
                boot: Boot::new([1; 16]),
                keys: HashMap::new(),
            });
            world.open.push(true);
            world.acks.push(true);
            world.reconnect(world.peers.len() - 1);
        }
        world
    }

    fn reconnect(&mut self, peer: usize) {
        self.open[peer] = true;
        let (id, boot) = (self.peers[peer].id, self.peers[peer].boot);
        let pushes = self.rotation.hello(id, boot);
        self.deliver(pushes);
    }

    fn restart(&mut self, peer: usize, boot: u8) {
        self.peers[peer].boot = Boot::new([boot; 16]);
        self.peers[peer].keys.clear();
        self.reconnect(peer);
    }

    fn deliver(&mut self, pushes: Vec<Push>) {
        for push in pushes {
            let at = self.peers.iter().position(|peer| peer.id == push.server).unwrap();
            let Down::Key { key_id, secret, expires_ms, .. } = push.record else {
                panic!("the rotation pushes keys only");
            };
            if !self.open[at] {
                continue;
            }
            self.peers[at].keys.insert(key_id, (secret.key().unwrap(), expires_ms));
            if self.acks[at] {
                let again = self.rotation.acked(self.now_ms, push.server, key_id);
                self.deliver(again);
            }
        }
    }

    /// Lets time pass, ticking every second as the service does.
    fn pass(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        let next_second = |now_ms: u64| now_ms - (now_ms - T0 % 1_000) % 1_000 + 1_000;
        while next_second(self.now_ms) <= until {
            self.now_ms = next_second(self.now_ms);
            let drawn = &mut self.drawn;
            let pushes = self.rotation.tick(self.now_ms, &mut || draw(drawn));
            self.deliver(pushes);
        }
        self.now_ms = until;
        for peer in &mut self.peers {
            peer.keys.retain(|_, (_, expires_ms)| until <= *expires_ms + CLOCK_SKEW_MS);
        }
    }

    fn ticket(&self, peer: usize) -> Option<String> {
        let (key_id, key) = self.rotation.signing(self.now_ms, &self.peers[peer].id)?;
        let ticket = Ticket {
            subject: Subject::Visitor { resume: SecretHash::from_bytes([5; 32]) },
            home: 1,
            key_id,
            audience: self.peers[peer].id,
            session: "demo:471113:000102030405060708090a0b0c0d0e0f".parse().unwrap(),
            issued_ms: self.now_ms,
            expires_ms: self.now_ms + TICKET_LIFE_MS,
            nonce: [4; 16],
        };
        Some(ticket.sign(key))
    }

    fn opens(&self, peer: usize, ticket: &str) -> Result<(), TicketError> {
        let sealed = SealedTicket::from_text(ticket)?;
        let (key, expires_ms) =
            self.peers[peer].keys.get(&sealed.key_id()).ok_or(TicketError::Forged)?;
        assert!(self.now_ms <= expires_ms + CLOCK_SKEW_MS);
        sealed.open(key, &self.peers[peer].id, self.now_ms).map(|_| ())
    }

    fn signer(&self, peer: usize) -> Option<KeyId> {
        self.rotation.signing(self.now_ms, &self.peers[peer].id).map(|(id, _)| id)
    }
}

fn draw(drawn: &mut u64) -> [u8; 40] {
    *drawn += 1;
    let mut bytes = [0; 40];
    bytes[..8].copy_from_slice(&drawn.to_be_bytes());
    bytes[8..16].copy_from_slice(&drawn.to_le_bytes());
    bytes
}

const T0: u64 = 1_700_000_000_000;

#[test]
fn over_a_thousand_rotations_every_ticket_opens_until_it_expires_and_no_key_stays() {
    let mut world = World::new(&["s1", "s2"]);
    let mut signers = std::collections::HashSet::new();
    for round in 0..1_000u64 {
        // Not in step with the rotation, so that every phase of it is met.
        let part = round * 7_919 % SERVER_KEY_PERIOD_MS;
        world.pass(part);
        for peer in 0..2 {
            signers.insert((peer, world.signer(peer).expect("somebody always signs")));
            let ticket = world.ticket(peer).unwrap();
            assert_eq!(world.opens(peer, &ticket), Ok(()));
            assert!(world.opens(1 - peer, &ticket).is_err(), "for one server only");
            let held = &world.rotation.servers[&world.peers[peer].id];
            assert!(held.derived.len() <= 2, "round {round}: {}", held.derived.len());
            assert!(world.peers[peer].keys.len() <= 3, "round {round}");
        }
        assert!(world.rotation.made.len() <= 2);
        // The last moment of a ticket, however the keys turned meanwhile.
        let tickets = [world.ticket(0).unwrap(), world.ticket(1).unwrap()];
        world.pass(TICKET_LIFE_MS);
        assert_eq!(world.opens(0, &tickets[0]), Ok(()), "round {round}");
        assert_eq!(world.opens(1, &tickets[1]), Ok(()), "round {round}");
        world.pass((SERVER_KEY_PERIOD_MS - part).saturating_sub(TICKET_LIFE_MS));
    }
    // A key signs about a minute: one and the same for long would be a rotation that stands still.
    let minutes = (world.now_ms - T0) / SERVER_KEY_PERIOD_MS;
    assert!(minutes >= 1_000);
    assert!(signers.len() as u64 >= 2 * 900, "{} signers in {minutes} minutes", signers.len());
    assert!(
        (minutes + 1..=minutes + 2).contains(&world.drawn),
        "{} keys in {minutes} minutes",
        world.drawn
    );
}

#[test]
fn a_first_contact_can_sign_at_once_in_any_phase() {
    for second in 0..180 {
        let mut world = World::new(&[]);
        world.pass(second * 1_000);
        world.peers.push(Peer {
            id: "s9".parse().unwrap(),
            boot: Boot::new([9; 16]),
            keys: HashMap::new(),
        });
        world.open.push(true);
        world.acks.push(true);
        world.reconnect(0);
        let ticket = world.ticket(0).unwrap_or_else(|| panic!("nothing signs after {second} s"));
        assert_eq!(world.opens(0, &ticket), Ok(()), "after {second} s");
    }
}

#[test]
fn a_key_that_is_not_acknowledged_never_signs() {
    let mut world = World::new(&["s1"]);
    let first = world.signer(0).unwrap();
    world.acks[0] = false;
    for _ in 0..9 {
        world.pass(SERVER_KEY_PERIOD_MS);
        assert_eq!(world.signer(0), Some(first));
        let ticket = world.ticket(0).unwrap();
        assert_eq!(world.opens(0, &ticket), Ok(()));
    }
}

#[test]
fn the_last_acknowledged_key_signs_for_ten_minutes_and_then_nothing_does() {
    let mut world = World::new(&["s1", "s2"]);
    world.open[0] = false;
    world.pass(SERVER_KEY_STALE_MS_MAX - 1);
    let last = world.ticket(0).expect("still within ten minutes");
    world.pass(1);
    assert!(world.ticket(0).is_none());
    assert!(world.ticket(1).is_some(), "the other is not concerned");
    world.pass(TICKET_LIFE_MS - 1);
    assert_eq!(world.opens(0, &last), Ok(()), "the last ticket lives to its end");
    world.reconnect(0);
    let ticket = world.ticket(0).expect("a stream brings new keys");
    assert_eq!(world.opens(0, &ticket), Ok(()));
    assert!(world.rotation.servers[&world.peers[0].id].derived.len() <= 2);
}

#[test]
fn a_restarted_server_gets_fresh_keys_at_once_and_old_tickets_are_worth_nothing() {
    let mut world = World::new(&["s1"]);
    world.pass(100_000);
    let old = world.ticket(0).unwrap();
    world.restart(0, 2);
    assert!(world.opens(0, &old).is_err());
    let new = world.ticket(0).unwrap();
    assert_eq!(world.opens(0, &new), Ok(()));
}

#[test]
fn a_short_loss_of_the_stream_changes_no_signer() {
    let mut world = World::new(&["s1"]);
    world.pass(10_000);
    let before = world.signer(0);
    world.open[0] = false;
    world.pass(5_000);
    world.reconnect(0);
    assert_eq!(world.signer(0), before);
}

#[test]
fn a_key_that_has_retired_does_not_come_back_with_a_stream_that_opens_before_the_next_tick() {
    let mut world = World::new(&["s1"]);
    let first = world.signer(0).unwrap();
    // The next key is on the way and not acknowledged when its time comes, within a second of ours.
    world.acks[0] = false;
    world.pass(SERVER_KEY_PERIOD_MS - 500);
    world.now_ms += 700;
    world.acks[0] = true;
    world.reconnect(0);
    let second = world.signer(0).unwrap();
    assert_ne!(second, first);
    world.reconnect(0);
    assert_eq!(world.signer(0), Some(second));
    world.pass(1_000);
    assert_eq!(world.signer(0), Some(second));
}

#[test]
fn a_key_is_with_the_server_thirty_seconds_before_it_signs() {
    let mut world = World::new(&["s1"]);
    let first = world.signer(0).unwrap();
    world.pass(SERVER_KEY_PERIOD_MS - SERVER_KEY_LEAD_MS);
    assert_eq!(world.peers[0].keys.len(), 2);
    assert_eq!(world.signer(0), Some(first));
    world.pass(SERVER_KEY_LEAD_MS - 1);
    assert_eq!(world.signer(0), Some(first));
    world.pass(1);
    assert_ne!(world.signer(0), Some(first));
}

#[test]
fn a_retired_key_verifies_until_its_last_ticket_has_expired_and_no_longer() {
    let mut world = World::new(&["s1"]);
    let first = world.signer(0).unwrap();
    world.pass(SERVER_KEY_PERIOD_MS + TICKET_LIFE_MS + CLOCK_SKEW_MS);
    assert!(world.peers[0].keys.contains_key(&first));
    world.pass(1);
    assert!(!world.peers[0].keys.contains_key(&first));
}

#[test]
fn the_end_of_a_retired_key_comes_again_with_every_stream_until_it_is_acknowledged() {
    let mut world = World::new(&["s1"]);
    let first = world.signer(0).unwrap();
    world.pass(SERVER_KEY_PERIOD_MS - 1);
    // The stream is lost with the record that shortens the first key's life.
    world.open[0] = false;
    world.pass(1);
    assert_ne!(world.signer(0), Some(first));
    assert!(world.peers[0].keys[&first].1 > world.now_ms + SERVER_KEY_PERIOD_MS);
    // The next one brings it and is lost with its acknowledgement, and so is the third with all that it brings.
    world.acks[0] = false;
    world.reconnect(0);
    assert_eq!(world.peers[0].keys[&first].1, world.now_ms + TICKET_LIFE_MS);
    let ends_ms = world.peers[0].keys[&first].1;
    world.open[0] = false;
    let (id, boot) = (world.peers[0].id, world.peers[0].boot);
    let lost = world.rotation.hello(id, boot);
    assert_eq!(lost.len(), 2, "the retired key and the one that signs");
    world.acks[0] = true;
    world.reconnect(0);
    assert_eq!(world.peers[0].keys[&first].1, ends_ms, "it ends when it would have");
    assert!(world.rotation.servers[&id].retired.is_empty(), "our copy is wiped");
    assert_eq!(world.rotation.hello(id, boot).len(), 1);
}

#[test]
fn a_late_acknowledgement_of_a_key_says_nothing_of_its_end() {
    let mut world = World::new(&["s1"]);
    let (id, first) = (world.peers[0].id, world.signer(0).unwrap());
    world.acks[0] = false;
    world.reconnect(0);
    world.pass(SERVER_KEY_PERIOD_MS);
    let second = world.rotation.servers[&id].derived.back().unwrap().id;
    let retiring = world.rotation.acked(world.now_ms, id, second);
    assert_eq!(retiring.len(), 1);
    world.rotation.acked(world.now_ms, id, first);
    assert_eq!(world.rotation.servers[&id].retired.len(), 1, "that was for the stream's beginning");
    world.rotation.acked(world.now_ms, id, first);
    assert!(world.rotation.servers[&id].retired.is_empty());
}

#[test]
fn a_clock_set_back_or_a_host_that_slept_leaves_no_gap() {
    for now_ms in [T0 - 86_400_000, T0 + 86_400_000] {
        let mut world = World::new(&["s1"]);
        world.pass(45_000);
        world.now_ms = now_ms;
        let drawn = &mut world.drawn;
        let pushes = world.rotation.tick(now_ms, &mut || draw(drawn));
        world.deliver(pushes);
        let ticket = world.ticket(0).expect("signs at the new time");
        assert_eq!(world.opens(0, &ticket), Ok(()));
        world.pass(200_000);
        let ticket = world.ticket(0).expect("and goes on");
        assert_eq!(world.opens(0, &ticket), Ok(()));
    }
}

#[test]
fn every_key_that_is_held_lies_in_locked_pages() {
    let mut drawn = 0_u8;
    let mut draw = || {
        drawn += 1;
        [drawn; 40]
    };
    let mut rotation = Rotation::new(0, &mut draw);
    rotation.hello("s1".parse().unwrap(), Boot::new([1; 16]));
    rotation.tick(SERVER_KEY_PERIOD_MS - SERVER_KEY_LEAD_MS, &mut draw);
    let held = format!("{rotation:?}");
    assert_eq!(held.matches("Locked(set)").count(), 4, "two of ours, and two derived: {held}");
    assert_eq!(held.matches("key: ").count(), 4, "and no other: {held}");
}
