//! Every target under libFuzzer; which one is said by the environment, so that one program is built for all.

#![no_main]

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    static NAME: OnceLock<String> = OnceLock::new();
    let name = NAME.get_or_init(|| {
        std::env::var("COBROWSE_FUZZ_TARGET").expect("COBROWSE_FUZZ_TARGET names the target")
    });
    cobrowse_fuzz::try_named(name, input);
});
