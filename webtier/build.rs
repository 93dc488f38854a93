//! Takes the scripts for customers' pages from the browser folder, so that the server carries them.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=COBROWSE_DIST");
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = std::env::var_os("COBROWSE_DIST")
        .map_or_else(|| manifest.join("../browser/dist"), PathBuf::from);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let mut names: Vec<String> = [
        "loader.js",
        "visitor.js",
        "assist.js",
        "presence.js",
        "ways.js",
        "requests.js",
        "deflate.js",
        "mirror.js",
        "canvas.js",
        "uploads.js",
        "frames.js",
        "agent.js",
        "around.js",
        "integrity.json",
    ]
    .map(str::to_owned)
    .to_vec();
    // One file a language; a new one is served without a change here.
    let words = dist.join("words");
    println!("cargo:rerun-if-changed={}", words.display());
    let mut languages: Vec<String> = std::fs::read_dir(&words)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".js"))
        .map(|name| format!("words/{name}"))
        .collect();
    languages.sort();
    names.extend(languages);

    let mut table = String::from("&[\n");
    for name in names {
        let from = dist.join(&name);
        println!("cargo:rerun-if-changed={}", from.display());
        let Ok(body) = std::fs::read(&from) else {
            panic!(
                "{} is missing: build the browser part first with `cargo xtask build`, or `npm ci && npm run build` in browser/",
                from.display()
            );
        };
        // The tag changes with the content; nothing here has to resist anybody.
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let copy = out.join(name.replace('/', "-"));
        if let Err(error) = std::fs::write(&copy, body) {
            panic!("cannot write {}: {error}", copy.display());
        }
        let _ = writeln!(
            table,
            "Script {{ name: {name:?}, etag: \"\\\"{:016x}\\\"\", body: include_bytes!({:?}) }},",
            hasher.finish(),
            copy.display().to_string()
        );
    }
    table.push(']');
    if let Err(error) = std::fs::write(out.join("scripts.rs"), table) {
        panic!("cannot write the table of scripts: {error}");
    }
}
