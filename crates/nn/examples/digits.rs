//! Trains a classifier of handwritten digits, says what 8-bit weights cost, and saves it.
//!
//! `cargo run --release -p reflux-nn --features datasets --example digits [FILE]`

use std::ops::ControlFlow;

use ndarray::Array2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::data::{digits, digits_split};
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Predictor, Result, accuracy};

fn main() -> Result<()> {
    let all = digits()?;
    let split = digits_split()?;
    let (train, test) = (all.select(&split.train)?, all.select(&split.test)?);

    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut mlp = Mlp::new(MlpConfig::new(train.features(), &[128, 128], train.classes())?, rng)?;
    println!("{} with {} parameters", mlp.config(), mlp.config().parameters());

    let (mut objective, mut adam) = (HardLabels::new(train.labels()), Adam::new(1e-3)?);
    let fit = Fit::new(40, 32)?.with_cosine_schedule();
    fit.run(&mut mlp, &train.inputs(), &mut objective, &mut adam, rng, |epoch| {
        if epoch.number % 10 == 0 {
            println!("epoch {:>3}  loss {:.4}", epoch.number, epoch.loss);
        }
        ControlFlow::Continue(())
    })?;

    for (name, mut predictor) in [("f32", Predictor::new(&mlp)), ("int8", Predictor::int8(&mlp))] {
        let mut logits = Array2::zeros((test.len(), test.classes()));
        predictor.predict_into(&test.inputs(), &mut logits)?;
        let right = 100.0 * accuracy(&logits, test.labels())?;
        let bytes = predictor.weight_bytes();
        println!("{name:>4}: {right:.2}% of {} test digits right, {bytes} bytes", test.len());
    }
    if let Some(path) = std::env::args().nth(1) {
        mlp.save(&path)?;
        println!("saved to {path}");
    }
    Ok(())
}
