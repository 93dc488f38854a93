//! The CServer's configuration file: what is taken, printed and read again says the same, and origins are as browsers write them.

use std::sync::LazyLock;

use cserver::config::{Config, ConfigError, Url};
use tempfile::TempDir;

use super::{Outcome, Target};
use crate::limits::CONFIG_MEMORY_PER_BYTE_MAX;

pub(crate) const TARGET: Target = Target {
    name: "config",
    run,
    seeds,
    words: WORDS,
    memory_per_byte_max: CONFIG_MEMORY_PER_BYTE_MAX,
};

fn run(input: &[u8]) -> Outcome {
    let config = match read(input) {
        Ok(config) => config,
        Err(error) => {
            let told = error.to_string();
            assert!(told.contains("config.toml"), "the message does not name the file: {told}");
            if let ConfigError::Values { faults, .. } = error {
                assert!(!faults.is_empty(), "refused without a reason");
            }
            return Outcome::Refused;
        }
    };
    let printed = config.to_toml();
    match read(printed.as_bytes()) {
        Ok(again) => assert_eq!(again.to_toml(), printed, "another round changes it"),
        Err(error) => panic!("what it prints is refused: {error}\n{printed}"),
    }
    assert!(!config.listen.is_empty());
    for Url { origin, host } in [&config.public_url, &config.web_tier_url] {
        assert_eq!(*origin, format!("https://{host}"));
        let port = host.split_once(':').map(|(_, port)| port);
        let canonical =
            |port: &str| port.parse::<u16>().is_ok_and(|n| n.to_string() == port && n != 443);
        assert!(port.is_none_or(canonical), "no browser writes {origin:?}");
    }
    Outcome::Accepted
}

/// Through a file: that is the only way in.
fn read(text: &[u8]) -> Result<Config, ConfigError> {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| match folder() {
        Ok(folder) => folder,
        Err(error) => panic!("no folder for configuration files: {error}; set TMPDIR"),
    });
    let path = FOLDER.path().join("config.toml");
    if let Err(error) = std::fs::write(&path, text) {
        panic!("cannot write {}: {error}", path.display());
    }
    Config::read(&path)
}

fn seeds() -> Vec<Vec<u8>> {
    let short = GOOD.replace(":8443", "").replace("cores = 2", "backend = \"poll\"");
    let ports = [":08443", ":+8443", ":443:443"].map(|port| GOOD.replace(":8443", port));
    [GOOD.to_owned(), short].into_iter().chain(ports).map(String::into_bytes).collect()
}

/// In memory where the system has such a folder: a disk would take most of the time.
fn folder() -> std::io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

const GOOD: &str = r#"id = "s1"
listen = ["127.0.0.1:9444", "[::1]:9444"]
public_url = "https://S1.example:443/"
control_name = "s1-control.example"
web_tier_url = "https://www.example:8443"
cores = 2
[tls]
certificate = "s1.pem"
key = "/keys/s1.key"
[control]
certificate = "c.pem"
key = "c.key"
ca = "ca.pem"
[log]
format = "json"
"#;

const WORDS: &[&[u8]] = &[
    b"\"",
    b"\n",
    b"[",
    b"]",
    b"=",
    b"[[tls]]",
    b"\"\"\"",
    b"'''",
    b"\\u0000",
    b"{",
    b"}",
    b":443",
    b":0",
    b":08",
    b":+8",
    b"https://",
    b"/",
    b".",
    b"nan",
    b"-1",
    b"0x7fffffffffffffff",
    b"backend = \"poll\"\n",
];
