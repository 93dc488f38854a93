//! Where things are: the repository, cargo's target folder, the browser part, the suites in a browser.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders that commands work in.
#[derive(Clone, Debug)]
pub(crate) struct Repo {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, outside git: logs, demo, screenshots.
    pub(crate) target: PathBuf,
}

impl Repo {
    /// Found from where cargo says that this package stands, and from where this program was built to.
    pub(crate) fn find() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = std::env::current_dir()?;
        let from = package.as_deref().unwrap_or(&here);
        let root = from
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .context("not inside the repository: run this as `cargo xtask` there")?;
        // …/target/debug/xtask
        let program = std::env::current_exe()?;
        let target =
            program.ancestors().nth(2).context("this program stands in no target folder")?;
        Ok(Self { root: root.to_owned(), target: target.to_owned() })
    }

    /// The browser part.
    pub(crate) fn browser(&self) -> PathBuf {
        self.root.join("browser")
    }

    /// The browser suite.
    pub(crate) fn e2e(&self) -> PathBuf {
        self.root.join("tests/e2e")
    }

    /// The leak suite.
    pub(crate) fn leaks(&self) -> PathBuf {
        self.root.join("tests/leaks")
    }

    /// The fidelity suite.
    pub(crate) fn mirror(&self) -> PathBuf {
        self.root.join("tests/mirror")
    }

    /// The suites that `test` runs, each with npm packages of its own.
    pub(crate) fn suites(&self) -> [PathBuf; 3] {
        [self.e2e(), self.leaks(), self.mirror()]
    }

    /// This program, for others to start. It may have been built anew while it runs.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        let program = std::env::current_exe()?;
        let folder = program.parent().unwrap_or(Path::new("/"));
        Ok(folder.join("xtask"))
    }
}
