//! What `systemd-analyze security` says of the units: a sum over what a service could still do, 0 to 10, lower is better.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::commands::Run;

/// Exposure of both services, as the tool writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exposure {
    /// Of the session server.
    pub(crate) cserver: f64,
    /// Of the web tier.
    pub(crate) webtier: f64,
}

impl Exposure {
    /// Looks at the units of that folder.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let of = |unit: &str| exposure(&folder.join(unit));
        Ok(Self { cserver: of("cserver.service")?, webtier: of("webtier.service")? })
    }

    /// An error when a unit grants more than it should.
    pub(crate) fn check(self) -> Result<()> {
        ensure!(
            self.cserver <= CSERVER_MAX,
            "cserver.service is at {}, {CSERVER_MAX} at most: `systemd-analyze security --offline=true` says what it grants",
            self.cserver
        );
        ensure!(
            self.webtier <= WEBTIER_MAX,
            "webtier.service is at {}, {WEBTIER_MAX} at most",
            self.webtier
        );
        Ok(())
    }
}

fn exposure(unit: &Path) -> Result<f64> {
    let line = format!("security --offline=true --no-pager {}", unit.display());
    let folder = unit.parent().unwrap_or(Path::new("/"));
    let output = Run::new("systemd-analyze", folder, &line).output().context(
        "systemd-analyze is needed: `apt-get install systemd` (Debian), which also brings what the guest boots",
    )?;
    let found = output.lines().find_map(|line| line.split("exposure level for").nth(1));
    let number = found.and_then(|rest| rest.split(": ").nth(1)?.split(' ').next()?.parse().ok());
    number.with_context(|| {
        format!("systemd-analyze says no exposure of {}:\n{output}", unit.display())
    })
}

/// Local sockets, through which it is handed its sockets and speaks to the manager, and the clock that every service may read.
const CSERVER_MAX: f64 = 0.1;

/// On top of those: the network that it serves and dials.
const WEBTIER_MAX: f64 = 1.0;
