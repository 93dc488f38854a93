//! Takes the viewer's bundle from the browser folder, so that the server carries it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=COBROWSE_DIST");
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = std::env::var_os("COBROWSE_DIST")
        .map_or_else(|| manifest.join("../browser/dist"), PathBuf::from);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    for name in ["viewer.html", "viewer.js", "viewer.css", "watchman.js"] {
        let from = dist.join(name);
        println!("cargo:rerun-if-changed={}", from.display());
        let Ok(body) = std::fs::read(&from) else {
            panic!(
                "{} is missing: build the browser part first with `cargo xtask build`, or `npm ci && npm run build` in browser/",
                from.display()
            );
        };
        // The name changes with the content; nothing here has to resist anybody.
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let variable = name.to_uppercase().replace('.', "_");
        println!("cargo:rustc-env={variable}_HASH={:016x}", hasher.finish());
        if let Err(error) = std::fs::write(out.join(name), body) {
            panic!("cannot write {}: {error}", out.join(name).display());
        }
    }
}
