//! Style as tests: headers, sizes, words that must not land, and one truth for names and numbers.
//!
//! `docs/PROTOCOL.md` is the source: what Rust and TypeScript say must equal its tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use protocol::{CloseCode, Flags, Kind, Privileges};

#[test]
fn every_source_file_says_what_it_owns() {
    let mut faults = Vec::new();
    for (path, text) in sources(&["rs", "ts", "mts", "js", "mjs", "css"]) {
        let start = match ending(&path) {
            "rs" => "//!",
            "css" => "/*",
            _ => "/**",
        };
        if !text.starts_with(start) {
            faults.push(format!("{path} does not open with a header ({start} …)"));
        }
    }
    assert_none(&faults);
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let mut faults = Vec::new();
    for (path, text) in sources(&["rs", "ts", "mts", "js", "mjs"]) {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!(
                "{path} has {lines} lines; {FILE_LINES_MAX} at most: split it by what it owns"
            ));
        }
    }
    assert_none(&faults);
}

#[test]
fn nothing_half_done_and_no_path_of_one_machine_has_landed() {
    // Cut in two, so that this file does not hold them.
    let words = [
        ("todo", "!("),
        ("unimplemented", "!("),
        ("FIX", "ME"),
        ("XX", "X:"),
        ("<<<<", "<<< "),
        (">>>>", ">>> "),
        ("/wo", "rk/"),
        ("/tmp", "/w/"),
        ("/ro", "ot/"),
        ("registry.", "npmjs"),
        ("index.", "crates.io"),
    ];
    let mut faults = Vec::new();
    let endings = ["rs", "ts", "mts", "js", "mjs", "css", "html", "md", "toml", "json", "sh"];
    for (path, text) in sources(&endings) {
        for (one, two) in words {
            let word = format!("{one}{two}");
            if let Some(line) = text.lines().position(|line| line.contains(&word)) {
                faults.push(format!("{path}:{} holds {word:?}", line + 1));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn links_between_our_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for (path, text) in sources(&["md"]) {
        let folder = root().join(&path).parent().map(Path::to_owned).unwrap_or_default();
        for part in text.split("](").skip(1) {
            let target = part.split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !folder.join(target).exists() {
                faults.push(format!("{path} links to {target}, which is not there"));
            }
        }
    }
    assert_none(&faults);
}

/// A promise whose test was renamed or removed is a promise without one.
#[test]
fn every_test_that_the_security_pages_name_is_there() {
    let pages = ["docs/SECURITY.md", "docs/SECURITY-CLAIMS.md"];
    let page = pages.map(|page| fs::read_to_string(root().join(page)).unwrap()).concat();
    let endings = ["rs", "ts", "mts", "js", "mjs"];
    let tests: String = sources(&endings).into_iter().map(|(_, text)| text).collect();
    let (mut faults, mut named) = (Vec::new(), 0);
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        for name in row.split('`').skip(1).step_by(2) {
            // Metrics are told by their prefix.
            let is_test = name.matches('_').count() >= 3
                && !name.starts_with("cobrowse_")
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(&byte));
            let is_file =
                name.contains('/') && !name.contains([' ', '<', '(']) && !name.starts_with('/');
            if is_test && !tests.contains(&format!("fn {name}(")) {
                faults.push(format!("a security page names the test {name}, which is not there"));
            }
            if is_file && !root().join(name).exists() {
                faults.push(format!("a security page names {name}, which is not there"));
            }
            named += usize::from(is_test || is_file);
        }
        for title in row.split('"').skip(1).step_by(2) {
            let begun = title.split('…').next().unwrap_or_default();
            named += usize::from(begun.len() >= TITLE_BYTES_MIN);
            if begun.len() >= TITLE_BYTES_MIN && !tests.contains(begun) {
                faults
                    .push(format!("a security page names the test {title:?}, which is not there"));
            }
        }
    }
    assert!(named > 100, "only {named} tests were found on the pages: has their form changed?");
    assert_none(&faults);
}

/// Shorter words in quotes are no titles.
const TITLE_BYTES_MIN: usize = 16;

/// Whether a test still sees what a picture shows, the browser suite compares; here it is that there is such a test at all.
#[test]
fn every_picture_of_the_guides_is_shown_and_taken_by_a_test() {
    let told: String = sources(&["md"]).into_iter().map(|(_, text)| text).collect();
    let specs: String = sources(&["ts"]).into_iter().map(|(_, text)| text).collect();
    let mut faults = Vec::new();
    for path in files().filter(|path| path.starts_with(PICTURES)) {
        let name = path.trim_start_matches(PICTURES).trim_end_matches(".png");
        if !told.contains(&format!("(pictures/{name}.png)")) {
            faults.push(format!("{path} is shown by no guide"));
        }
        let taken = specs.matches(&format!(", \"{name}\")")).count();
        if taken != 1 {
            faults.push(format!("{path} is taken by {taken} tests of tests/e2e/specs, not by one"));
        }
    }
    assert_none(&faults);
}

#[test]
fn close_codes_are_the_same_in_the_document_in_rust_and_in_typescript() {
    type Row = (u16, String, u16);
    let document: BTreeMap<String, Row> = rows("## 5. Close codes")
        .into_iter()
        .filter_map(|cells| {
            let code = cells.first()?.parse().ok()?;
            let status = cells.get(3)?.parse().ok()?;
            Some((cells.get(1)?.clone(), (code, cells.get(2)?.clone(), status)))
        })
        .collect();
    let rust: BTreeMap<String, Row> = CloseCode::ALL
        .iter()
        .map(|code| (code.name().into(), (code.code(), code.fault().name().into(), code.status())))
        .collect();
    assert_eq!(document, rust);
    let text = typescript("close.ts");
    let found: BTreeMap<String, Row> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(": { code: ")?;
            let mut parts = rest.split(", ");
            let code = parts.next()?.parse().ok()?;
            let fault = parts.next()?.strip_prefix("fault: \"")?.trim_end_matches('"').to_owned();
            let status = parts.next()?.strip_prefix("status: ")?;
            let status = status.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
            Some((name.to_owned(), (code, fault, status)))
        })
        .collect();
    assert_eq!(found, rust, "browser/src/protocol/close.ts");
}

#[test]
fn kinds_and_flags_are_the_same_in_the_document_in_rust_and_in_typescript() {
    let document: BTreeMap<String, u8> = rows("### 3.1 Kinds")
        .into_iter()
        .filter_map(|cells| {
            let byte = u8::from_str_radix(cells.first()?.strip_prefix("0x")?, 16).ok()?;
            Some((cells.get(1)?.clone(), byte))
        })
        .collect();
    let rust: BTreeMap<String, u8> =
        Kind::ALL.iter().map(|kind| (kind.name().to_owned(), kind.byte())).collect();
    let mut with_flags = rust.clone();
    with_flags.extend(Flags::ALL.iter().map(|(name, flag)| ((*name).to_owned(), flag.0)));
    let document_rows: BTreeMap<_, _> =
        document.iter().filter(|(name, _)| rust.contains_key(*name)).collect();
    assert_eq!(document_rows, rust.iter().collect::<BTreeMap<_, _>>());
    for (name, flag) in Flags::ALL {
        let written = rows("### 3.1 Kinds").into_iter().any(|cells| {
            cells.first().is_some_and(|cell| cell == name)
                && cells.get(1).is_some_and(|cell| *cell == format!("{:#04x}", flag.0))
        });
        assert!(written, "flag {name} of {:#04x} is not in PROTOCOL.md", flag.0);
    }
    let text = typescript("frame.ts");
    for (name, byte) in &rust {
        let written = format!("{name}: ");
        let line = text.lines().find(|line| line.trim_start().starts_with(&written));
        let holds = line.is_some_and(|line| line.contains(&format!("(0x{byte:02x}")));
        assert!(holds, "kind {name} of {byte:#04x} is not so in browser/src/protocol/frame.ts");
    }
}

#[test]
fn limits_are_the_same_in_the_document_in_rust_and_in_typescript() {
    let document: BTreeMap<String, u64> = rows("## 9. Limits")
        .into_iter()
        .filter_map(|cells| {
            let names: Vec<&str> = cells.first()?.split(", ").collect();
            let values: Vec<u64> = cells
                .get(1)?
                .split(", ")
                .map(|value| value.replace(',', "").parse())
                .collect::<Result<_, _>>()
                .ok()?;
            (names.len() == values.len())
                .then(|| names.into_iter().map(str::to_owned).zip(values).collect::<Vec<_>>())
        })
        .flatten()
        .collect();
    assert!(document.len() >= 20, "the table of section 9 was not read: {document:?}");
    let rust = constants(&read("protocol/src/limits.rs"), "pub const ");
    let typescript = constants(&typescript("limits.ts"), "export const ");
    for (name, value) in &document {
        assert_eq!(rust.get(name), Some(value), "{name} in protocol/src/limits.rs");
    }
    for (name, value) in &typescript {
        assert_eq!(document.get(name), Some(value), "{name} of limits.ts is not so in PROTOCOL.md");
    }
    assert!(typescript.len() >= 4, "limits.ts was not read");
}

#[test]
fn privileges_are_the_same_in_the_document_and_in_rust() {
    let document: BTreeMap<u16, String> = rows("## 2. Privileges")
        .into_iter()
        .filter_map(|cells| Some((cells.first()?.parse().ok()?, cells.get(1)?.clone())))
        .collect();
    let rust: BTreeMap<u16, String> = Privileges::ALL
        .iter()
        .filter_map(|(name, bit)| {
            u16::try_from(bit.bits().trailing_zeros()).ok().map(|at| (at, (*name).to_owned()))
        })
        .collect();
    assert_eq!(document, rust);
}

#[test]
fn lock_files_of_npm_name_no_host() {
    let locks: Vec<_> = files().filter(|path| path.ends_with("package-lock.json")).collect();
    assert!(locks.len() >= 2, "browser and tests/e2e have one each");
    for lock in locks {
        assert!(!read(&lock).contains("\"resolved\": \"http"), "{lock} names a host");
    }
}

#[test]
fn every_member_and_every_dependency_is_commented_where_it_is_pinned() {
    let text = read("Cargo.toml");
    let faults: Vec<_> = text
        .lines()
        .skip_while(|line| !line.starts_with("# -- "))
        .take_while(|line| !line.starts_with("[workspace.lints"))
        .filter(|line| line.contains('=') && !line.contains("path = ") && !line.contains('#'))
        .map(|line| format!("Cargo.toml: {line} has no reason beside it"))
        .collect();
    assert_none(&faults);
}

/// Paths from the root and texts of our own files with these endings.
fn sources(endings: &[&str]) -> Vec<(String, String)> {
    let wanted = files().filter(|path| endings.contains(&ending(path)));
    wanted
        .filter(|path| !path.ends_with("package-lock.json"))
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

/// Every file that is ours, from the root.
fn files() -> impl Iterator<Item = String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_ours = !name.starts_with("target")
                && !["node_modules", "dist", ".git", "results"].contains(&name.as_str());
            if path.is_dir() && is_ours {
                folders.push(path);
            } else if path.is_file() {
                let path =
                    path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
                found.insert(path);
            }
        }
    }
    found.into_iter()
}

/// Cells of the tables in one section of PROTOCOL.md, without backquotes.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = read("docs/PROTOCOL.md");
    let level = heading.split(' ').next().unwrap_or("##").len();
    let ends = |line: &str| {
        line.starts_with('#') && line.split(' ').next().is_some_and(|marks| marks.len() <= level)
    };
    let found: Vec<Vec<String>> = text
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !ends(line))
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|line| line.split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect();
    assert!(!found.is_empty(), "PROTOCOL.md has no table under {heading:?}");
    found
}

/// `NAME: type = value` and `NAME = value`, with products and underscores worked out.
fn constants(text: &str, start: &str) -> BTreeMap<String, u64> {
    text.lines()
        .filter_map(|line| {
            let (name, value) = line.strip_prefix(start)?.split_once(" = ")?;
            let name = name.split(':').next()?.to_owned();
            let value = value.split(';').next()?.replace('_', "");
            let product = value
                .split('*')
                .map(|factor| factor.trim().parse::<u64>())
                .collect::<Result<Vec<_>, _>>()
                .ok()?;
            Some((name, product.into_iter().product()))
        })
        .collect()
}

fn typescript(name: &str) -> String {
    read(&format!("browser/src/protocol/{name}"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Where the guides' pictures are.
const PICTURES: &str = "docs/guides/pictures/";

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

const FILE_LINES_MAX: usize = 600;
