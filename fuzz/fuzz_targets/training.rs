//! Whatever has become of the checkpoint of a training, loading ends, without a panic, in an error or
//! in a training that can go on. The input says which bytes are changed; the checksum is not looked
//! at in a fuzzer, so that it reaches what is behind it.
//!
//! `cargo +nightly fuzz run training`

#![no_main]

mod damage;

use std::cell::LazyCell;

use damage::damage;
use libfuzzer_sys::fuzz_target;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{Adam, Best, Checkpoint, Mlp, MlpConfig, Optimizer, Progress};

fn example() -> Vec<u8> {
    let config = MlpConfig::new(2, &[3], 2).unwrap().with_layer_norm(true);
    let config = config.with_dropout(0.5).unwrap().with_dueling(1).unwrap();
    let config = config.with_noisy(0.5, 1).unwrap();
    let mut mlp = Mlp::new(config, &mut Xoshiro256PlusPlus::seed_from_u64(0)).unwrap();
    let mut adam = Adam::new(0.01).unwrap();
    let gradients = vec![0.5; mlp.parameters().len()];
    adam.step(mlp.parameters_mut(), &gradients).unwrap();
    let best = Best { epoch: 2, score: 0.5, parameters: Some(mlp.parameters().to_vec()) };
    let progress = Progress::new(1, 3, 4).with_best(Some(best));
    let checkpoint = Checkpoint::new(&mlp, &adam).with_progress(&progress).with_note("a", "b");
    checkpoint.to_bytes().unwrap()
}

thread_local! {
    static EXAMPLE: LazyCell<Vec<u8>> = LazyCell::new(example);
}

fuzz_target!(|input: &[u8]| {
    let mut bytes = EXAMPLE.with(|example| (**example).clone());
    damage(&mut bytes, input, true);
    if let Ok(checkpoint) = Checkpoint::from_bytes(&bytes) {
        let mut mlp = checkpoint.mlp;
        let mut adam = Adam::new(0.01).unwrap();
        if adam.restore(checkpoint.optimizer).is_ok() {
            let gradients = vec![0.5; mlp.parameters().len()];
            let _ = adam.step(mlp.parameters_mut(), &gradients);
        }
    }
});
