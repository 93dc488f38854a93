//! Scripts for customers' pages, release by release: those that this program carries, and those that earlier ones have left
//! beside the store, so that a page which names a release keeps it over upgrades.
//!
//! Owns what is kept and what is read back. Who may fetch a script, and its headers, are `routes/assets.rs`'s.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::limits::{RELEASES_MAX, SCRIPT_BYTES_MAX};

/// Code for customers' pages.
pub(crate) struct Script {
    /// Its path below `/cobrowse/`.
    pub(crate) name: &'static str,
    /// Changes with the content.
    pub(crate) etag: &'static str,
    /// The code.
    pub(crate) body: &'static [u8],
}

/// What this program carries; made by the build script.
pub(crate) const SCRIPTS: &[Script] = include!(concat!(env!("OUT_DIR"), "/scripts.rs"));

/// The release that this program carries.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Scripts of earlier releases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Releases {
    kept: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

impl Releases {
    /// Where they are kept: beside the store.
    pub(crate) fn folder(store: &Path) -> PathBuf {
        store.with_file_name("releases")
    }

    /// Leaves what this program carries in `folder`, for the releases after it, and reads what earlier ones have left.
    /// Where that fails this release alone is served, and the log says so.
    pub(crate) fn open(folder: &Path) -> Self {
        if let Err(error) = write(folder) {
            tracing::warn!(folder = %folder.display(), %error, "the scripts of this release cannot be kept: pages that pin it will lose it at the next upgrade");
        }
        match read(folder) {
            Ok(kept) => Self { kept },
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "scripts of earlier releases cannot be read: pages that pin one get 404");
                Self::default()
            }
        }
    }

    /// A script of a release, this one or an earlier one.
    pub(crate) fn script(&self, version: &str, name: &str) -> Option<&[u8]> {
        if version == VERSION {
            return SCRIPTS.iter().find(|script| script.name == name).map(|script| script.body);
        }
        self.kept.get(version)?.get(name).map(Vec::as_slice)
    }

    /// The earlier releases, for the log.
    pub(crate) fn versions(&self) -> Vec<&str> {
        self.kept.keys().map(String::as_str).collect()
    }
}

/// Writes the scripts that this program carries to `folder/<version>/`; what is there already and equal stays as it is.
pub(crate) fn write(folder: &Path) -> io::Result<PathBuf> {
    let release = folder.join(VERSION);
    for Script { name, body, .. } in SCRIPTS {
        let path = release.join(name);
        if std::fs::read(&path).is_ok_and(|known| known == *body) {
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap_or(&release))?;
        // Moved into place: nobody reads half a script.
        let new = path.with_extension("new");
        std::fs::write(&new, body)?;
        std::fs::rename(&new, &path)?;
    }
    Ok(release)
}

fn read(folder: &Path) -> io::Result<BTreeMap<String, BTreeMap<String, Vec<u8>>>> {
    let mut versions: Vec<String> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|version| is_version(version) && version != VERSION)
        .collect();
    // The newest ones, should there be more than are kept.
    versions.sort_by_key(|version| std::cmp::Reverse(order(version)));
    versions.truncate(RELEASES_MAX);
    let mut kept = BTreeMap::new();
    for version in versions {
        let mut scripts = BTreeMap::new();
        let release = folder.join(&version);
        for below in ["", "words/"] {
            for entry in std::fs::read_dir(release.join(below)).into_iter().flatten() {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let fits = entry
                    .metadata()
                    .is_ok_and(|file| file.is_file() && file.len() <= SCRIPT_BYTES_MAX);
                if fits && (name.ends_with(".js") || name.ends_with(".json")) {
                    scripts.insert(format!("{below}{name}"), std::fs::read(entry.path())?);
                }
            }
        }
        kept.insert(version, scripts);
    }
    Ok(kept)
}

/// `1.2.3`, or `1.2.3-rc.1`: never a path that leads elsewhere.
fn is_version(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
    text.len() <= 32
        && text.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && text.bytes().all(is_plain)
        && !text.contains("..")
}

fn order(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_outlives_the_program_that_carried_it_and_nothing_else_is_served() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("releases");
        let old = folder.join("0.0.9");
        std::fs::create_dir_all(old.join("words")).unwrap();
        std::fs::write(old.join("loader.js"), "old").unwrap();
        std::fs::write(old.join("words/de.js"), "alt").unwrap();
        std::fs::write(old.join("notes.txt"), "no script").unwrap();
        std::fs::create_dir_all(folder.join("..hidden")).unwrap();
        let releases = Releases::open(&folder);
        assert_eq!(releases.script("0.0.9", "loader.js"), Some(b"old".as_slice()));
        assert_eq!(releases.script("0.0.9", "words/de.js"), Some("alt".as_bytes()));
        for (version, name) in
            [("0.0.9", "notes.txt"), ("0.0.8", "loader.js"), ("0.0.9", "../0.0.9/loader.js")]
        {
            assert_eq!(releases.script(version, name), None, "{version}/{name}");
        }
        let carried = SCRIPTS.iter().find(|script| script.name == "loader.js").unwrap().body;
        assert_eq!(releases.script(VERSION, "loader.js"), Some(carried));
        assert_eq!(std::fs::read(folder.join(VERSION).join("loader.js")).unwrap(), carried);
        assert_eq!(releases.versions(), ["0.0.9"]);
        assert!(order("1.10.0") > order("1.9.9"));
    }
}
