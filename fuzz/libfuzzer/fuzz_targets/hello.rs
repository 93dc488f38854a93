//! The target `hello` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    cobrowse_fuzz::try_named("hello", input);
});
