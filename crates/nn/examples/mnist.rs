//! Trains 784-800-800-10 on MNIST, and says how much 8-bit weights cost.
//!
//! `cargo run --release -p reflux-nn --features datasets --example mnist -- --data FOLDER` with the four
//! IDX files of MNIST in FOLDER, gzipped or not.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use ndarray::Array2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::data::{Dataset, mnist};
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Predictor, Result, accuracy};

/// Trains a classifier of handwritten digits.
#[derive(Parser)]
struct Args {
    /// The folder with the four files of MNIST
    #[arg(long)]
    data: PathBuf,
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let (train, test) = mnist(&args.data)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(args.seed);
    let config =
        MlpConfig::new(train.features(), &[800, 800], train.classes())?.with_dropout(0.2)?;
    let mut mlp = Mlp::new(config, rng)?;
    println!("{} on {} images", mlp.config(), train.len());

    let (mut objective, mut adam) = (HardLabels::new(train.labels()), Adam::new(1e-3)?);
    let start = Instant::now();
    let fit = Fit::new(args.epochs, 128)?.with_cosine_schedule();
    fit.run(&mut mlp, &train.inputs(), &mut objective, &mut adam, rng, |epoch| {
        let seconds = start.elapsed().as_secs_f64();
        println!("epoch {:>2}  loss {:.4}  {seconds:.0} s", epoch.number, epoch.loss);
        ControlFlow::Continue(())
    })?;

    println!("trained in {:.0} s", start.elapsed().as_secs_f64());
    for (name, predictor) in [("f32", Predictor::new(&mlp)), ("int8", Predictor::int8(&mlp))] {
        let megabytes = predictor.weight_bytes() as f64 / 1e6;
        let errors = errors(predictor, &test)?;
        let percent = 100.0 * errors as f64 / test.len() as f64;
        println!(
            "{name:>4}: {errors} of {} test images wrong, {percent:.2}%, {megabytes:.1} MB",
            test.len()
        );
    }
    Ok(())
}

fn errors(mut predictor: Predictor, test: &Dataset) -> Result<usize> {
    let mut logits = Array2::zeros((test.len(), test.classes()));
    predictor.predict_into(&test.inputs(), &mut logits)?;
    let right = accuracy(&logits, test.labels())?;
    Ok(((1.0 - right) * test.len() as f64).round() as usize)
}
