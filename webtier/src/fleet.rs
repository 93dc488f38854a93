//! Which CServers are up, how busy they are, and which one takes the next session. A machine without a clock.
//!
//! Owns the choice. What it knows comes from the dialler; what an operator ordered comes from the store.

use std::collections::HashMap;

use protocol::control::Boot;
use protocol::figures::{CoreFigures, ServerFigures};
use protocol::{GroupId, ServerId};

use crate::store::records::Server;

/// Every configured CServer.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    members: HashMap<ServerId, Member>,
}

#[derive(Debug)]
struct Member {
    public_url: String,
    draining: bool,
    stream: Option<Stream>,
}

/// What is known while a control stream is open, and only then.
#[derive(Debug)]
struct Stream {
    boot: Boot,
    cores: u16,
    accepting: bool,
    /// Its clock and ours differ too much for tickets.
    clock_is_off: bool,
    sessions: u64,
    /// Given out since the last load report.
    assigned: u64,
    /// The settings in force there.
    groups: HashMap<GroupId, u64>,
    told: Told,
}

/// What a CServer last said that it has counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) whole: ServerFigures,
    pub(crate) cores: Vec<CoreFigures>,
}

/// A CServer that can be reached now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) server: ServerId,
    pub(crate) boot: Boot,
    pub(crate) public_url: String,
}

impl Fleet {
    /// Takes over what the operator configured; streams that are open stay.
    pub(crate) fn configure(&mut self, servers: &[Server]) {
        self.members.retain(|id, _| servers.iter().any(|server| server.id == *id));
        for server in servers {
            let member = self.members.entry(server.id).or_insert_with(|| Member {
                public_url: String::new(),
                draining: false,
                stream: None,
            });
            member.public_url.clone_from(&server.public_url);
            member.draining = server.drain_until_ms.is_some();
        }
    }

    /// A control stream is open.
    pub(crate) fn up(&mut self, server: &ServerId, boot: Boot, cores: u16, draining: bool) {
        if let Some(member) = self.members.get_mut(server) {
            member.draining = draining;
            member.stream = Some(Stream {
                boot,
                cores: cores.max(1),
                accepting: true,
                clock_is_off: false,
                sessions: 0,
                assigned: 0,
                groups: HashMap::new(),
                told: Told::default(),
            });
        }
    }

    /// Its clock and ours differ too much for tickets: it gets no new session while this stream is open.
    pub(crate) fn clock_is_off(&mut self, server: &ServerId) {
        if let Some(stream) = self.stream_mut(server) {
            stream.clock_is_off = true;
        }
    }

    /// The control stream is gone.
    pub(crate) fn down(&mut self, server: &ServerId) {
        if let Some(member) = self.members.get_mut(server) {
            member.stream = None;
        }
    }

    /// A `load` record.
    pub(crate) fn load(&mut self, server: &ServerId, sessions: u64, accepting: bool) {
        if let Some(stream) = self.stream_mut(server) {
            stream.sessions = sessions;
            stream.assigned = 0;
            stream.accepting = accepting;
        }
    }

    /// A `metrics` record. A core that the CServer does not have is passed over.
    pub(crate) fn told(
        &mut self,
        server: &ServerId,
        core: u16,
        whole: ServerFigures,
        figures: CoreFigures,
    ) {
        if let Some(stream) = self.stream_mut(server)
            && core < stream.cores
        {
            let at = usize::from(core);
            if stream.told.cores.len() <= at {
                stream.told.cores.resize_with(at + 1, CoreFigures::default);
            }
            stream.told.cores[at] = figures;
            stream.told.whole = whole;
        }
    }

    /// What all connected CServers have counted, by name.
    pub(crate) fn figures(&self) -> Vec<(ServerId, Told)> {
        let told =
            |(id, member): (&ServerId, &Member)| Some((*id, member.stream.as_ref()?.told.clone()));
        let mut all: Vec<_> = self.members.iter().filter_map(told).collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }

    /// How many CServers are configured.
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// A `group_ack` record.
    pub(crate) fn group_acked(&mut self, server: &ServerId, group: GroupId, revision: u64) {
        if let Some(stream) = self.stream_mut(server) {
            stream.groups.insert(group, revision);
        }
    }

    /// The least loaded CServer that takes sessions, has these settings in force and passes `may_take`. Counts
    /// the session as given out there.
    pub(crate) fn choose(
        &mut self,
        group: &GroupId,
        revision: u64,
        may_take: impl Fn(&ServerId) -> bool,
    ) -> Option<Home> {
        let ready = |member: &Member| {
            let stream = member.stream.as_ref();
            !member.draining
                && stream.is_some_and(|stream| {
                    stream.accepting
                        && !stream.clock_is_off
                        && stream.groups.get(group).is_some_and(|at| *at >= revision)
                })
        };
        let least = self
            .members
            .iter()
            .filter(|(id, member)| ready(member) && may_take(id))
            .min_by(|(id, member), (other_id, other)| {
                member.load().total_cmp(&other.load()).then_with(|| id.cmp(other_id))
            })
            .map(|(id, _)| *id)?;
        let home = self.home(&least);
        if let Some(stream) = self.stream_mut(&least) {
            stream.assigned += 1;
        }
        home
    }

    /// A CServer, if its stream is open.
    pub(crate) fn home(&self, server: &ServerId) -> Option<Home> {
        let member = self.members.get(server)?;
        let boot = member.stream.as_ref()?.boot;
        Some(Home { server: *server, boot, public_url: member.public_url.clone() })
    }

    /// Whether sessions may stay on this CServer: it is up, and nobody ordered it to empty itself.
    pub(crate) fn keeps(&self, server: &ServerId, boot: Boot) -> bool {
        self.members.get(server).is_some_and(|member| {
            !member.draining
                && member
                    .stream
                    .as_ref()
                    .is_some_and(|stream| stream.accepting && stream.boot == boot)
        })
    }

    /// How many streams are open.
    pub(crate) fn up_count(&self) -> usize {
        self.members.values().filter(|member| member.stream.is_some()).count()
    }

    /// For the operator: sessions at the last report, when the stream is open.
    pub(crate) fn sessions(&self, server: &ServerId) -> Option<(u64, bool)> {
        let stream = self.members.get(server)?.stream.as_ref()?;
        Some((stream.sessions, stream.accepting))
    }

    fn stream_mut(&mut self, server: &ServerId) -> Option<&mut Stream> {
        self.members.get_mut(server)?.stream.as_mut()
    }
}

impl Member {
    /// Sessions a core.
    fn load(&self) -> f64 {
        self.stream.as_ref().map_or(f64::INFINITY, |stream| {
            (stream.sessions + stream.assigned) as f64 / f64::from(stream.cores)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ServerId {
        name.parse().unwrap()
    }

    fn demo() -> GroupId {
        "demo".parse().unwrap()
    }

    /// Two servers of two cores that are up and have revision 3 of the group.
    fn fleet() -> Fleet {
        let mut fleet = Fleet::default();
        let server = |name: &str| Server {
            id: id(name),
            public_url: format!("https://{name}.example"),
            control_name: format!("c-{name}.example"),
            address: "127.0.0.1:1".into(),
            drain_until_ms: None,
            boot: None,
        };
        fleet.configure(&[server("s1"), server("s2")]);
        for name in ["s1", "s2"] {
            fleet.up(&id(name), Boot::new([1; 16]), 2, false);
            fleet.group_acked(&id(name), demo(), 3);
        }
        fleet
    }

    fn chosen(fleet: &mut Fleet, revision: u64) -> Option<ServerId> {
        fleet.choose(&demo(), revision, |_| true).map(|home| home.server)
    }

    #[test]
    fn the_least_loaded_server_is_chosen_and_what_was_just_given_out_counts() {
        let mut fleet = fleet();
        fleet.load(&id("s1"), 2, true);
        assert_eq!(chosen(&mut fleet, 3), Some(id("s2")));
        assert_eq!(chosen(&mut fleet, 3), Some(id("s2")));
        assert_eq!(chosen(&mut fleet, 3), Some(id("s1")), "two each: the first by name");
        fleet.load(&id("s1"), 3, true);
        fleet.load(&id("s2"), 5, true);
        assert_eq!(chosen(&mut fleet, 3), Some(id("s1")));
    }

    #[test]
    fn more_cores_take_more_sessions() {
        let mut fleet = fleet();
        fleet.up(&id("s2"), Boot::new([1; 16]), 8, false);
        fleet.group_acked(&id("s2"), demo(), 3);
        fleet.load(&id("s1"), 10, true);
        fleet.load(&id("s2"), 30, true);
        assert_eq!(chosen(&mut fleet, 3), Some(id("s2")));
    }

    #[test]
    fn a_server_without_the_settings_or_on_its_way_out_is_not_chosen() {
        let mut fleet = fleet();
        assert_eq!(chosen(&mut fleet, 4), None, "nobody has revision 4 yet");
        fleet.group_acked(&id("s2"), demo(), 4);
        assert_eq!(chosen(&mut fleet, 4), Some(id("s2")));
        fleet.load(&id("s2"), 0, false);
        assert_eq!(chosen(&mut fleet, 3), Some(id("s1")));
        fleet.down(&id("s1"));
        assert_eq!(chosen(&mut fleet, 3), None);
        assert_eq!(fleet.up_count(), 1);
    }

    #[test]
    fn a_server_whose_keys_do_not_sign_is_not_chosen() {
        let mut fleet = fleet();
        let home = fleet.choose(&demo(), 3, |server| *server == id("s2"));
        assert_eq!(home.map(|home| home.server), Some(id("s2")));
    }

    #[test]
    fn a_new_stream_begins_without_settings() {
        let mut fleet = fleet();
        fleet.down(&id("s1"));
        fleet.up(&id("s1"), Boot::new([2; 16]), 2, false);
        assert_eq!(chosen(&mut fleet, 3), Some(id("s2")));
        assert!(!fleet.keeps(&id("s1"), Boot::new([1; 16])));
        assert!(fleet.keeps(&id("s1"), Boot::new([2; 16])));
    }
}
