//! Whatever has become of a file of soft targets, reading it ends, without a panic, in an error or in
//! targets that can be used. The first byte says which file, the others which bytes of it are changed;
//! checksums are not looked at in a fuzzer, so that it reaches what is behind them.
//!
//! `cargo +nightly fuzz run targets`

#![no_main]

mod damage;

use std::fs;
use std::path::PathBuf;

use damage::damage;
use libfuzzer_sys::fuzz_target;
use ndarray::{Array2, array};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{CacheKey, SoftTargets, TargetForm};
use reflux_nn::{Mlp, MlpConfig};

type Read = fn(&Example) -> reflux_distill::Result<SoftTargets<f32>>;

/// A file that is as it should be, and how it is read.
struct Example {
    path: PathBuf,
    good: Vec<u8>,
    read: Read,
    key: CacheKey,
}

fn examples() -> Vec<Example> {
    let folder = std::env::temp_dir().join(format!("reflux-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let inputs = Array2::<f32>::ones((2, 3));
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let teacher: Mlp = Mlp::new(MlpConfig::new(3, &[2], 3).unwrap(), rng).unwrap();
    let key = CacheKey::new(&teacher, &inputs).unwrap();
    let logits = array![[1.0_f32, 2.0, 3.0], [0.5, -0.5, 0.25]];
    let targets = SoftTargets::from_logits(logits.clone()).unwrap();
    let forms = [TargetForm::Full, TargetForm::top_k(2).unwrap(), TargetForm::Quantized];
    let mut files: Vec<(PathBuf, Read)> = Vec::new();
    for (n, form) in forms.into_iter().enumerate() {
        let path = folder.join(format!("{n}.safetensors"));
        targets.to_form(form).unwrap().save(&path, &key).unwrap();
        files.push((path, |example| SoftTargets::load(&example.path, &example.key)));
    }
    let npy = folder.join("logits.npy");
    ndarray_npy::write_npy(&npy, &logits).unwrap();
    files.push((npy, |example| SoftTargets::from_npy(&example.path)));
    files.push((files[0].0.clone(), |example| {
        SoftTargets::from_safetensors(&example.path, "logits")
    }));
    files
        .into_iter()
        .map(|(path, read)| Example { good: fs::read(&path).unwrap(), path, read, key })
        .collect()
}

thread_local! {
    static EXAMPLES: Vec<Example> = examples();
}

fuzz_target!(|input: &[u8]| {
    let [which, changes @ ..] = input else { return };
    EXAMPLES.with(|examples| {
        let example = &examples[usize::from(*which) % examples.len()];
        let mut bytes = example.good.clone();
        let is_safetensors = example.path.extension().is_some_and(|is| is == "safetensors");
        damage(&mut bytes, changes, is_safetensors);
        fs::write(&example.path, bytes).unwrap();
        let read = (example.read)(example);
        fs::write(&example.path, &example.good).unwrap();
        if let Ok(targets) = read {
            assert_eq!(targets.logits().dim(), (targets.rows(), targets.classes()));
            let _ = targets.probabilities(2.0);
            let _ = targets.to_form(TargetForm::Quantized);
        }
    });
});
