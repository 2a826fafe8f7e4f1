//! Whatever the bytes, reading them as a network ends, without a panic, in a network that can be used
//! or in an error.
//!
//! `cargo +nightly fuzz run network fuzz/corpus/network crates/nn/tests/data`

#![no_main]

use libfuzzer_sys::fuzz_target;
use reflux_nn::Mlp;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mlp) = Mlp::from_safetensors_bytes(bytes) {
        let bytes = mlp.to_safetensors_bytes().unwrap();
        assert_eq!(Mlp::from_safetensors_bytes(&bytes).unwrap(), mlp);
    }
});
