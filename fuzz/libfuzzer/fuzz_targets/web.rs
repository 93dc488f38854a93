//! The target `web` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    cobrowse_fuzz::try_named("web", input);
});
