//! Whatever the bytes, reading them as an npz file ends, without a panic, in a buffer or an error.
//!
//! `cargo +nightly fuzz run npz fuzz/corpus/npz crates/replay/tests/data`

#![no_main]

use libfuzzer_sys::fuzz_target;
use reflux_replay::{NpzReader, Uniform};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reader) = NpzReader::from_bytes(bytes) {
        let _ = reader.read(Uniform::new());
    }
});
