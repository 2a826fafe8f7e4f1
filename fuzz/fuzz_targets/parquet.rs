//! Whatever the bytes, reading them as a Parquet file ends, without a panic, in a buffer or an
//! error.
//!
//! `cargo +nightly fuzz run parquet fuzz/corpus/parquet crates/replay/tests/data`

#![no_main]

use libfuzzer_sys::fuzz_target;
use reflux_replay::{ParquetReader, Uniform};

fuzz_target!(
    init: {
        // The decoder's own panics are caught by the reader. libfuzzer's hook would end the process
        // before they are; a panic that is not caught still ends it.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| {
        if let Ok(reader) = ParquetReader::from_bytes(bytes) {
            let _ = reader.read(Uniform::new());
        }
    }
);
