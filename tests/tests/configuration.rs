//! docs/CONFIGURATION.md against the servers: every key, whether it must be given, its range and its default.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// One server's part of the page.
struct Server {
    name: &'static str,
    /// A file with every key that must be given, and with those that have no default to print.
    full: &'static str,
    rows: Vec<Row>,
}

/// One key, as the page has it.
struct Row {
    key: String,
    range: String,
    default: String,
}

#[test]
fn the_page_has_every_key_and_no_other() -> Result<()> {
    for server in servers()? {
        let printed = server.printed(server.full)?;
        let known: BTreeSet<String> = values(&printed).into_iter().map(|(key, _)| key).collect();
        let written: BTreeSet<String> = server.rows.iter().map(|row| row.key.clone()).collect();
        assert_eq!(written, known, "CONFIGURATION.md and {}", server.name);
    }
    Ok(())
}

#[test]
fn what_the_page_calls_required_is_asked_for_and_all_else_may_be_left_out() -> Result<()> {
    for server in servers()? {
        for row in &server.rows {
            let without = server.without(&row.key);
            match (row.default.as_str(), server.printed(&without)) {
                ("required", Ok(_)) => panic!("{} starts without {}", server.name, row.key),
                ("required", Err(error)) => {
                    let told = error.to_string();
                    let is_named =
                        row.key.split('.').any(|part| told.contains(&format!("`{part}`")));
                    assert!(is_named, "{}: {told}", row.key);
                }
                (_, Err(error)) => panic!("{}: {error}", row.key),
                _ => {}
            }
        }
    }
    Ok(())
}

#[test]
fn defaults_are_those_of_the_page() -> Result<()> {
    let mut seen = 0;
    for server in servers()? {
        for row in server.rows.iter().filter(|row| row.default != "required") {
            let found = value(&values(&server.printed(&server.without(&row.key))?), &row.key);
            let default = row.default.trim_matches('`').replace(',', "");
            match default.as_str() {
                "none" => {
                    let is_none = found.as_deref().is_none_or(|found| found == "[]");
                    assert!(is_none, "{} of {} is {found:?}", row.key, server.name);
                }
                _ => {
                    assert_eq!(found, Some(default), "{} of {}", row.key, server.name);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 7, "only {seen} defaults were found on the page");
    Ok(())
}

#[test]
fn ranges_are_those_of_the_page() -> Result<()> {
    let mut seen = 0;
    for server in servers()? {
        for row in &server.rows {
            if let Some(range) = numbers(&row.range).filter(|_| !row.range.contains("of `")) {
                let below = range.start().checked_sub(1);
                for (value, fits) in [
                    (Some(*range.start()), true),
                    (Some(*range.end()), true),
                    (Some(range.end() + 1), false),
                    (below, false),
                ] {
                    let Some(value) = value else { continue };
                    server.expect(row, &value.to_string(), fits)?;
                }
                seen += 1;
            } else if row.range.starts_with('`') {
                for word in row.range.split(", ").map(|word| word.trim_matches('`')) {
                    server.expect(row, &format!("{word:?}"), true)?;
                }
                server.expect(row, "\"something\"", false)?;
                seen += 1;
            } else if let Some(range) = numbers(&row.range) {
                let long = "a".repeat(*range.end());
                server.expect(row, &format!("{long:?}"), true)?;
                server.expect(row, &format!("\"{long}a\""), false)?;
                server.expect(row, "\"\"", false)?;
                seen += 1;
            }
        }
    }
    assert!(seen >= 10, "only {seen} ranges were found on the page");
    Ok(())
}

impl Server {
    /// What `print-config` says of a file with this text.
    fn printed(&self, text: &str) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("config.toml");
        fs::write(&file, text)?;
        let output = Command::new(program(self.name))
            .args(["print-config", "--config"])
            .arg(&file)
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The full file without a key, and without its table where it was the only one.
    fn without(&self, key: &str) -> String {
        let mut table = String::new();
        let kept = self.full.lines().filter(|line| {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                table = format!("{name}.");
            }
            line.split_once(" = ").is_none_or(|(name, _)| format!("{table}{name}") != key)
        });
        let kept: Vec<&str> = kept.collect();
        // A table goes with its last key.
        let is_empty = |at: usize| {
            kept[at].starts_with('[') && kept.get(at + 1).is_none_or(|next| next.starts_with('['))
        };
        let lines =
            (0..kept.len()).filter(|at| !is_empty(*at)).map(|at| kept[at].to_owned() + "\n");
        lines.collect()
    }

    /// Tries a value.
    fn expect(&self, row: &Row, value: &str, fits: bool) -> Result<()> {
        let (table, name) = row.key.rsplit_once('.').unwrap_or(("", &row.key));
        let mut text = self.without(&row.key);
        let line = format!("{name} = {value}\n");
        if table.is_empty() {
            text = line + &text;
        } else if let Some(at) = text.find(&format!("[{table}]\n")) {
            text.insert_str(at + table.len() + 3, &line);
        } else {
            text += &format!("\n[{table}]\n{line}");
        }
        let printed = self.printed(&text);
        match (&printed, fits) {
            (Ok(_), true) => {}
            (Err(error), false) => {
                let told = error.to_string();
                assert!(told.contains(name) && told.contains("line "), "{told}");
            }
            _ => panic!("{} = {value} of {}, expected {fits}: {printed:?}", row.key, self.name),
        }
        Ok(())
    }
}

/// Both servers with their rows of the page.
fn servers() -> Result<[Server; 2]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CONFIGURATION.md");
    let page = fs::read_to_string(path)?;
    let server = |name, heading: &str, full| -> Result<Server> {
        let part = page.split(heading).nth(1).with_context(|| format!("no {heading}"))?;
        let rows: Vec<Row> =
            part.split("\n## ").next().unwrap_or_default().lines().filter_map(row).collect();
        ensure!(rows.len() > 10, "the table of {name} was not read");
        Ok(Server { name, full, rows })
    };
    Ok([
        server("cserver", "## Session server", CSERVER)?,
        server("webtier", "## Web tier", WEB_TIER)?,
    ])
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
    let [key, _, range, default] = cells[..] else { return None };
    let plain = |text: &str| text.trim_end_matches(" |").to_owned();
    Some(Row {
        key: key.trim_end_matches('`').into(),
        range: range.into(),
        default: plain(default),
    })
}

/// The first range of a text, like `1-60,000`.
fn numbers(text: &str) -> Option<RangeInclusive<usize>> {
    text.split([' ', ';']).find_map(|word| {
        let (from, to) = word.split_once('-')?;
        Some(from.replace(',', "").parse().ok()?..=to.replace(',', "").parse().ok()?)
    })
}

/// Dotted keys and values of a TOML that was printed; strings without their quotes.
fn values(text: &str) -> Vec<(String, String)> {
    let mut table = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((key, value)) = line.split_once(" = ") {
            found.push((format!("{table}{key}"), value.trim_matches('"').to_owned()));
        }
    }
    found
}

fn value(values: &[(String, String)], key: &str) -> Option<String> {
    values.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
}

/// A program that stands where the stack's servers stand.
fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let named = std::env::var_os("COBROWSE_BIN_DIR").map(|folder| PathBuf::from(folder).join(name));
    let found = here.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    named.or(found).unwrap_or_else(|| panic!("{name} is not built"))
}

const CSERVER: &str = r#"id = "s1"
listen = ["127.0.0.1:9444"]
public_url = "https://s1.cobrowse.example"
plain_host = "plain.s1.cobrowse.example"
control_name = "s1.control.example"
web_tier_url = "https://www.cobrowse.example"
admin_socket = "cserver.sock"
[tls]
certificate = "a.pem"
key = "a.key"
[control]
certificate = "b.pem"
key = "b.key"
ca = "ca.pem"
"#;

const WEB_TIER: &str = r#"replica = "w1"
listen = ["127.0.0.1:9443"]
public_url = "https://www.cobrowse.example"
cookie_domain = "cobrowse.example"
[tls]
certificate = "a.pem"
key = "a.key"
[control]
certificate = "b.pem"
key = "b.key"
ca = "ca.pem"
[store]
path = "store"
[audit]
key = "audit.key"
[metrics]
token = "token"
"#;
