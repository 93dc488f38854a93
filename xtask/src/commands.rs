//! Running other programs: their output in a file, their end told, the tail shown when they fail.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cobrowse_tests::process::Process;

/// A command to be run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    program: String,
    words: Vec<String>,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Run {
    /// Cargo in that folder, with the words of one line.
    pub(crate) fn cargo(folder: &Path, line: &str) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        Self::new(&cargo, folder, line)
    }

    /// npm in that folder, with the words of one line.
    pub(crate) fn npm(folder: &Path, line: &str) -> Self {
        Self::new("npm", folder, line)
    }

    /// Any program.
    pub(crate) fn new(program: &str, folder: &Path, line: &str) -> Self {
        Self {
            program: program.into(),
            words: line.split_whitespace().map(str::to_owned).collect(),
            folder: folder.to_owned(),
            variables: Vec::new(),
        }
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().to_string_lossy().into_owned()));
        self
    }

    /// Runs it with its output appended to `log`, and returns that output. The error names the command; the output's
    /// end is for the caller to show.
    pub(crate) fn logged(&self, log: &Path) -> Result<String> {
        let mut file = File::options().create(true).append(true).open(log)?;
        let start = file.metadata()?.len();
        use std::io::Write;
        writeln!(file, "$ {}", self.line())?;
        let status = self
            .command()
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .with_context(|| self.missing())?;
        let all = std::fs::read(log)?;
        let from = usize::try_from(start).unwrap_or(0).min(all.len());
        let output = String::from_utf8_lossy(&all[from..]).into_owned();
        if !status.success() {
            bail!("`{}` failed ({status})", self.line());
        }
        Ok(output)
    }

    /// Runs it quietly and returns what it writes to standard output. The error has what it wrote besides.
    pub(crate) fn output(&self) -> Result<String> {
        let output =
            self.command().stdin(Stdio::null()).output().with_context(|| self.missing())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            bail!("`{}` failed ({}): {text}{told}", self.line(), output.status);
        }
        Ok(text)
    }

    /// Runs it with its output where ours goes.
    pub(crate) fn shown(&self) -> Result<()> {
        let status =
            self.command().stdin(Stdio::null()).status().with_context(|| self.missing())?;
        if !status.success() {
            bail!("`{}` failed ({status})", self.line());
        }
        Ok(())
    }

    /// Runs it quietly and returns the first line that it writes.
    pub(crate) fn first_line(&self) -> Result<String> {
        let output =
            self.command().stdin(Stdio::null()).output().with_context(|| self.missing())?;
        if !output.status.success() {
            bail!("`{}` failed ({})", self.line(), output.status);
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Starts it with its output in `log`.
    pub(crate) fn started(&self, name: &str, log: &Path) -> Result<Process> {
        let file = File::options().create(true).append(true).open(log)?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Process::adopt(name, command, log)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words).current_dir(&self.folder);
        // The tail of a log has room for what failed, not for stacks.
        command.env("NO_COLOR", "1").env("RUST_BACKTRACE", "0").env("CARGO_TERM_COLOR", "never");
        // What cargo tells this program about its own package is not for other cargo calls.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn line(&self) -> String {
        let program = Path::new(&self.program).file_name().unwrap_or_default().to_string_lossy();
        format!("{program} {}", self.words.join(" "))
    }

    fn missing(&self) -> String {
        format!(
            "cannot start {}: is it installed and in PATH? The README names what is needed",
            self.program
        )
    }
}
