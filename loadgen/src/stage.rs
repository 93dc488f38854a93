//! A CServer of one's own for a run: certificates of a throw-away CA, a configuration on loopback, the process on its own cores,
//! stopped at the end by its id.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::control::ControlAccess;

/// A CServer that runs until this is dropped.
pub struct Stage {
    /// Where it listens.
    pub address: SocketAddr,
    /// `Host` of its public name.
    pub host: String,
    /// The name in its certificate.
    pub name: String,
    /// CA of that certificate.
    pub ca: PathBuf,
    /// How to dial its control stream.
    pub control: ControlAccess,
    child: Child,
    _folder: tempfile::TempDir,
}

/// How to run it.
#[derive(Clone, Debug, clap::Args)]
pub struct StageOptions {
    /// The release build of the CServer. Left out: the one beside this program, which is built first if it is missing or
    /// older.
    #[arg(long, value_name = "FILE", env = "CSERVER_BIN")]
    pub cserver: Option<PathBuf>,
    /// Its backend: `auto`, `io_uring` or `poll`.
    #[arg(long, default_value = "auto")]
    pub backend: String,
    /// Processors of the CServer; one thread runs on each.
    #[arg(long, value_delimiter = ',', default_value = "0")]
    pub server_cores: Vec<usize>,
    /// Processors of the generator.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub generator_cores: Vec<usize>,
}

impl Stage {
    /// Starts a CServer and waits until it listens. The calling thread, and those it starts later, keep to the generator's
    /// processors.
    pub fn start(options: &StageOptions) -> anyhow::Result<Self> {
        let program = match &options.cserver {
            Some(program) => program.clone(),
            None => beside()?,
        };
        let folder = tempfile::tempdir().context("cannot make a scratch folder")?;
        certificates(folder.path())?;
        let port = free_port()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let config = folder.path().join("cserver.toml");
        fs::write(&config, configuration(port, options))?;
        let cores = |list: &[usize]| keep_to(list);
        // A child begins on the processors of the thread that starts it.
        cores(&options.server_cores)?;
        let log = fs::File::create(folder.path().join("log"))?;
        let child = Command::new(&program)
            .args(["serve", "--config"])
            .arg(&config)
            .env("COBROWSE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        cores(&options.generator_cores)?;
        let child = child.with_context(|| {
            format!(
                "cannot start {}: build it with `cargo build --release -p cserver`, or name it with --cserver",
                program.display()
            )
        })?;
        let path = |name: &str| folder.path().join(name);
        let mut stage = Self {
            address,
            host: format!("{PUBLIC_NAME}:{port}"),
            name: PUBLIC_NAME.into(),
            ca: path("ca.pem"),
            control: ControlAccess {
                name: CONTROL_NAME.into(),
                certificate: path("web.pem"),
                key: path("web.key"),
                ca: path("ca.pem"),
            },
            child,
            _folder: folder,
        };
        stage.wait()?;
        Ok(stage)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + START_MAX;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the CServer ended at once ({status}):\n{}", self.log());
            }
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the CServer does not listen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        let mut text = String::new();
        let path = self._folder.path().join("log");
        // Without a log there is nothing more to say.
        let _ = fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        text
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Its sessions are ours; there is nobody to move.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(port: u16, options: &StageOptions) -> String {
    format!(
        r#"id = "load-1"
listen = ["127.0.0.1:{port}"]
public_url = "https://{PUBLIC_NAME}:{port}"
control_name = "{CONTROL_NAME}"
web_tier_url = "https://web.load.localhost"
cores = {}
backend = "{}"

[tls]
certificate = "public.pem"
key = "public.key"

[control]
certificate = "control.pem"
key = "control.key"
ca = "ca.pem"
"#,
        options.server_cores.len(),
        options.backend
    )
}

/// Makes a CA and three certificates of it: public name, control name, web tier. They also serve peers in comparisons.
pub fn certificates(folder: &Path) -> anyhow::Result<()> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Load test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join("ca.pem"), ca.pem())?;
    for (stem, name) in [("public", PUBLIC_NAME), ("control", CONTROL_NAME), ("web", "web")] {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &ca)?;
        fs::write(folder.join(format!("{stem}.pem")), certificate.pem())?;
        fs::write(folder.join(format!("{stem}.key")), key.serialize_pem())?;
    }
    Ok(())
}

/// Keeps this thread, and what it starts from now on, to these processors.
pub fn keep_to(processors: &[usize]) -> anyhow::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    for processor in processors {
        ensure!(*processor < rustix::thread::CpuSet::MAX_CPU, "no processor {processor}");
        set.set(*processor);
    }
    rustix::thread::sched_setaffinity(None, &set).with_context(|| {
        format!("cannot keep to processors {processors:?}: `nproc` says how many there are")
    })
}

/// The CServer beside this program. Cargo brings it up to date, where this program runs from its target folder.
fn beside() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("this program stands in no folder")?;
    let cserver = folder.join("cserver");
    if folder.file_name().is_some_and(|name| name == "release")
        && PathBuf::from("Cargo.toml").is_file()
    {
        let built = Command::new("cargo")
            .args(["build", "--release", "--quiet", "-p", "cserver", "--target-dir"])
            .arg(folder.parent().context("the target folder has no parent")?)
            .status()
            .context("cannot start cargo to build the CServer; name a build with --cserver")?;
        ensure!(
            built.success(),
            "the CServer cannot be built: `cargo xtask build` builds the browser part that it carries, or name a build with --cserver"
        );
    }
    ensure!(
        cserver.is_file(),
        "there is no {}: build it with `cargo build --release -p cserver`, or name one with --cserver",
        cserver.display()
    );
    Ok(cserver)
}

fn free_port() -> anyhow::Result<u16> {
    // Free at this moment; who else asks the system gets another.
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What the CServer of a stage is called by browsers.
pub const PUBLIC_NAME: &str = "s1.load.localhost";
const CONTROL_NAME: &str = "control.s1.load.localhost";
const START_MAX: Duration = Duration::from_secs(15);
