//! The bugs: each a small change to the relay of the kind that people make, and that the simulation must notice.

/// One change. `find` stands exactly once in the file.
pub(super) struct Bug {
    pub(super) name: &'static str,
    /// Below the suite's sources.
    pub(super) file: &'static str,
    pub(super) find: &'static str,
    pub(super) replace: &'static str,
}

/// All of them, in the order of the relay's own files.
pub(super) const BUGS: [Bug; 30] = [
    Bug {
        name: "a purge leaves the log as it was",
        file: "log.rs",
        find: "        if purge {\n",
        replace: "        if purge && self.complete.is_none() {\n",
    },
    Bug {
        name: "joiners begin with an epoch whose head was dropped",
        file: "log.rs",
        find: "flatten().find(|span| span.whole).map(|s| s.from)",
        replace: "flatten().next().map(|s| s.from)",
    },
    Bug {
        name: "an agent counts as late for what came before it joined",
        file: "agent.rs",
        find: "Place::At { index, credit: log.live_bytes() }",
        replace: "Place::At { index, credit: log.live_bytes().min(1) }",
    },
    Bug {
        name: "an agent is not told that frames were left out",
        file: "agent.rs",
        find: "        self.skipped_due = true;\n",
        replace: "",
    },
    Bug {
        name: "the socket's progress does not count against a stall",
        file: "links.rs",
        find: "pub(crate) fn progress(&mut self, now: u64) {\n        self.idle_since_ms = now;",
        replace: "pub(crate) fn progress(&mut self, now: u64) {\n        let _ = now;",
    },
    Bug {
        name: "a gap in the visitor's sequence is accepted",
        file: "visitor.rs",
        find: "self.sequence.checked_add(1) == Some(header.sequence)",
        replace: "header.sequence > self.sequence",
    },
    Bug {
        name: "an epoch may be begun twice",
        file: "visitor.rs",
        find: "begins && header.epoch > self.last_epoch",
        replace: "begins && header.epoch >= self.last_epoch",
    },
    Bug {
        name: "the bound of the visitor's queue is off by a factor",
        file: "visitor.rs",
        find: "while self.queue_bytes + bytes > bytes_max {",
        replace: "while self.queue_bytes + bytes > 2 * bytes_max {",
    },
    Bug {
        name: "the core's budget for keyframes is not asked",
        file: "percore.rs",
        find: "if self.line.is_empty() && self.budget.borrow(now, bytes) {",
        replace: "if self.budget.borrow(now, bytes) || bytes > 0 {",
    },
    Bug {
        name: "a connection without room counts as drained",
        file: "relay.rs",
        find: "        if !self.owes(owner) {\n            self.drained(owner);",
        replace: "        if frame.is_none() {\n            self.drained(owner);",
    },
    Bug {
        name: "lag is never checked",
        file: "session/fanout.rs",
        find: "if view.lag_bytes(&self.log) > lag_bytes_max {",
        replace: "if view.lag_bytes(&self.log) > lag_bytes_max.saturating_mul(1000) {",
    },
    Bug {
        name: "an epoch leaves the ephemeral frames of the one before",
        file: "session/upload.rs",
        find: "        self.slots.clear();\n",
        replace: "",
    },
    Bug {
        name: "agents keep their place in an epoch that was dropped",
        file: "session/upload.rs",
        find: "self.reseat(core, below);",
        replace: "let _ = below;",
    },
    Bug {
        name: "agents keep their place in an epoch that was abandoned",
        file: "session/upload.rs",
        find: "Some(index) if index > from => view.place = Place::Waiting,",
        replace: "Some(index) if index > from && end == 0 => view.place = Place::Waiting,",
    },
    Bug {
        name: "a newer ephemeral frame has the version of the older",
        file: "session/upload.rs",
        find: "        self.slot_version += 1;\n",
        replace: "",
    },
    Bug {
        name: "one kind is relayed without its privilege",
        file: "session/agents.rs",
        find: "if !agent.effective().allows(header.kind) {",
        replace: "if header.kind != Kind::Navigate && !agent.effective().allows(header.kind) {",
    },
    Bug {
        name: "an agent that claims a number keeps it",
        file: "session/agents.rs",
        find: "    body[2..4].copy_from_slice(&number.0.to_be_bytes());",
        replace: "    if body[2..4] == [0, 0] {\n        body[2..4].copy_from_slice(&number.0.to_be_bytes());\n    }",
    },
    Bug {
        name: "an agent's older connection is not closed by its newer one",
        file: "session/agents.rs",
        find: "core.close(old.outlet.link, CloseCode::Superseded);",
        replace: "core.links.remove(old.outlet.link);",
    },
    Bug {
        name: "a revoked agent stays connected",
        file: "session/agents.rs",
        find: "                self.close_agent(core, now, key, CloseCode::Revoked);\n                self.forget(core, key);",
        replace: "                if self.agents[key].view.is_none() {\n                    self.forget(core, key);\n                }",
    },
    Bug {
        name: "the interval between keyframe requests is not kept",
        file: "session/requests.rs",
        find: "sent_at_ms.saturating_add(interval_ms)",
        replace: "sent_at_ms.min(interval_ms)",
    },
    Bug {
        name: "a request that has to wait is lost",
        file: "session/requests.rs",
        find: "        if self.request_due_ms(core).is_some_and(|due| due > now) {\n",
        replace: "        if self.request_due_ms(core).is_some_and(|due| due > now) {\n            self.request.wanted = false;\n",
    },
    Bug {
        name: "grace runs out although the visitor came back",
        file: "session/clock.rs",
        find: "            Some(_) => {}\n            None if now >= self.gone_since_ms.saturating_add(self.grace_ms) => {",
        replace: "            _ if now >= self.gone_since_ms.saturating_add(self.grace_ms) => {\n                return Some(CloseCode::SessionEndedTimeout);\n            }\n            Some(_) => {}\n            None if self.grace_ms == 0 => {",
    },
    Bug {
        name: "a keyframe's bound counts each chunk alone",
        file: "visitor.rs",
        find: "if self.keyframe_bytes > keyframe_bytes_max {",
        replace: "if payload_bytes > keyframe_bytes_max {",
    },
    Bug {
        name: "the bound of the log is not kept",
        file: "session/upload.rs",
        find: "        if self.log.held_bytes() > core.bounds.log_bytes_max {\n            self.log.shrink();\n            if",
        replace: "        if self.log.held_bytes() > 2 * core.bounds.log_bytes_max {\n            self.log.shrink();\n            if",
    },
    Bug {
        name: "a new connection may go on in the middle of an epoch",
        file: "session/upload.rs",
        find: "        self.order.disconnect();\n",
        replace: "",
    },
    Bug {
        name: "the list of participants is made once and for all",
        file: "session/agents.rs",
        find: "        self.participants = None;\n",
        replace: "",
    },
    Bug {
        name: "an agent's frames are not counted",
        file: "session/agents.rs",
        find: "if !agent.bucket.take(now, 1) {",
        replace: "if !agent.bucket.take(now, 0) {",
    },
    Bug {
        name: "a session that waited in line never asks again",
        file: "session/requests.rs",
        find: "        self.request.in_line = false;\n",
        replace: "",
    },
    Bug {
        name: "a request that the visitor lost is not repeated",
        file: "session/clock.rs",
        find: "        self.retry_request(core, now);\n",
        replace: "        self.request.served();\n",
    },
    Bug {
        name: "an idle join is kept for ever",
        file: "agent.rs",
        find: "None => Some(self.idle_since_ms.saturating_add(bounds.join_idle_ms)),",
        replace: "None => Some(self.idle_since_ms.saturating_add(bounds.join_idle_ms * 1000)),",
    },
];
