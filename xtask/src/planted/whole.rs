//! Bugs of the whole: in hand-overs, homes, keys and what is acknowledged. Each is a small change of the kind that people make, and
//! no unit beside it need notice: the simulation of the whole must.

use super::bugs::Bug;

/// All of them.
pub(super) const BUGS: [Bug; 12] = [
    Bug {
        name: "a key signs before its CServer has acknowledged it",
        file: "webtier/src/keys.rs",
        find: "self.acked && self.not_before_ms <= now_ms",
        replace: "self.not_before_ms <= now_ms",
    },
    Bug {
        name: "a key is the same after a restart",
        file: "protocol/src/keys.rs",
        find: "server.as_str().as_bytes(), &[0], boot]",
        replace: "server.as_str().as_bytes(), &[0], &boot[..0]]",
    },
    Bug {
        name: "a key is pushed once and not again to a CServer that has started anew",
        file: "webtier/src/keys.rs",
        find: "        if held.boot != boot {\n            *held = Held::new(boot);\n        }\n",
        replace: "",
    },
    Bug {
        name: "a ticket's nonce is not used up",
        file: "cserver/src/credentials/nonces.rs",
        find: "        if !self.used.insert(nonce) {\n",
        replace: "        if !self.used.insert(nonce) && now_ms == 0 {\n",
    },
    Bug {
        name: "a home's number does not rise",
        file: "webtier/src/store/sled.rs",
        find: "let home = old.home.saturating_add(1);",
        replace: "let home = old.home.max(1);",
    },
    Bug {
        name: "homes that were left are not told",
        file: "webtier/src/store/tx.rs",
        find: "session.left.iter().try_for_each(|old| self.tell(",
        replace: "session.left.iter().take(0).try_for_each(|old| self.tell(",
    },
    Bug {
        name: "a session's older home takes it back",
        file: "cserver/relay/src/relay.rs",
        find: "            if home <= session.home || session.resume != *owner {",
        replace: "            if session.resume != *owner {",
    },
    Bug {
        name: "a CServer that has started anew keeps the sessions of its former start",
        file: "webtier/src/store/sled.rs",
        find: "self.lose(server, now_ms, |session| session.boot != boot)",
        replace: "self.lose(server, now_ms, |session| session.boot != boot && session.home == 0)",
    },
    Bug {
        name: "a change is acknowledged before it is on disk",
        file: "webtier/src/store/sled.rs",
        find: "        let done = self.write_lazily(change)?;\n        self.db.flush()?;\n",
        replace: "        let done = self.write_lazily(change)?;\n",
    },
    Bug {
        name: "an acknowledgement forgets one report too many",
        file: "cserver/src/control.rs",
        find: "is_some_and(|report| report.seq <= seq) {",
        replace: "is_some_and(|report| report.seq <= seq + 1) {",
    },
    Bug {
        name: "what was sealed and not sent does not travel with a connection to another core",
        file: "cserver/src/shard/mod.rs",
        find: "            slot.outgoing = unsent;\n",
        replace: "            drop(unsent);\n",
    },
    Bug {
        name: "a returning visitor's page is not told that its session is not here",
        file: "cserver/src/shard/routes.rs",
        find: "    let owner = shared.owner(&resume.session)?;\n    check_origin",
        replace: "    let owner = shared.owner(&resume.session).map_err(|_| CloseCode::NotAllowed)?;\n    check_origin",
    },
];
