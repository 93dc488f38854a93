//! The programs that a stack runs: where they are, and how each is called.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::process::{Process, run};

/// The programs that a stack starts.
pub(crate) struct Programs {
    /// The session server's program.
    pub(crate) cserver: PathBuf,
    /// The web tier's program.
    pub(crate) webtier: PathBuf,
}

impl Programs {
    /// They stand beside the program that runs this: cargo puts all of a workspace there, and tests one folder below.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::current_exe()?;
        let folder = match std::env::var_os("COBROWSE_BIN_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => here
                .ancestors()
                .skip(1)
                .find(|folder| folder.join("cserver").is_file())
                .map(Path::to_owned)
                .context("the servers are not built: run `cargo build -p cserver -p webtier`, or give their folder in COBROWSE_BIN_DIR")?,
        };
        let found = Self { cserver: folder.join("cserver"), webtier: folder.join("webtier") };
        for program in [&found.cserver, &found.webtier] {
            ensure!(
                program.is_file(),
                "{} is not built: run `cargo build -p cserver -p webtier`",
                program.display()
            );
        }
        Ok(found)
    }

    /// Starts a CServer with that file, within another command if one is given; its log goes to `root`.
    pub(crate) fn serve_cserver(
        &self,
        id: &str,
        within: &[String],
        file: &Path,
        root: &Path,
    ) -> Result<Process> {
        let words = [self.cserver.as_path(), Path::new("serve"), Path::new("--config"), file];
        let all: Vec<&Path> = within.iter().map(Path::new).chain(words).collect();
        Process::start(id, all[0], &all[1..], &root.join(format!("{id}.log")))
    }
}

/// The web tier's command line.
pub(crate) struct Admin {
    /// The web tier's program.
    pub(crate) program: PathBuf,
    /// Its configuration.
    pub(crate) file: PathBuf,
    /// What its process and its log are called.
    pub(crate) name: String,
}

impl Admin {
    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str], input: &str) -> Result<String> {
        let file = self.file.to_string_lossy();
        run(&self.program, &[words, &["--config", &file]].concat(), input)
    }

    /// Starts the web tier; its log goes to `root`.
    pub(crate) fn serve(&self, root: &Path) -> Result<Process> {
        let words = [Path::new("serve"), Path::new("--config"), &self.file];
        Process::start(&self.name, &self.program, &words, &root.join(format!("{}.log", self.name)))
    }
}
