//! Bounds of the fuzzing itself, and the one that it holds every decoder to.

/// Longest input that the mutator makes, in bytes: beyond the longest request head (16 KiB) and two reads of TLS records,
/// so that both limits are passed. Longer ones are cut.
pub(crate) const INPUT_BYTES_MAX: usize = 20 * 1024;

/// Inputs that are mutated further: the seeds, and some that a decoder accepted. Full: a newer one takes the place of an older.
pub(crate) const CORPUS_MAX: usize = 256;

/// Changes to one input; most get one or two.
pub(crate) const CHANGES_MAX: u64 = 8;

/// What a decoder may allocate at its peak for any input, in bytes: a connection's 64 KiB, as often as the in-memory
/// client and both ways of cutting the input hold it. Passed: the input is a finding.
pub(crate) const MEMORY_BYTES_MAX: usize = 1024 * 1024;

/// What it may allocate besides for each byte of the input. JSON into strings, queues of small frames and TLS records are far below it.
pub(crate) const MEMORY_PER_BYTE_MAX: usize = 64;

/// The same for the configuration file, which is the administrator's own: TOML keeps a place in the file for each piece of it.
pub(crate) const CONFIG_MEMORY_PER_BYTE_MAX: usize = 256;
