//! A student of handwritten digits trained three ways, from 50 labels.
//!
//! `cargo run --release -p reflux-distill --example three_ways`

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{Distill, Distillation, Interval, Result, SoftTargets};
use reflux_nn::data::{digits, digits_split};
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Objective, accuracy};
use reflux_softmax::CrossEntropy;

const SEEDS: u64 = 5;
const LABELS: usize = 50;

fn train(
    hidden: &[usize],
    (epochs, learning_rate): (usize, f64),
    inputs: ndarray::ArrayView2<'_, f32>,
    mut objective: impl Objective<f32>,
    seed: u64,
) -> Result<Mlp> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut network = Mlp::new(MlpConfig::new(inputs.ncols(), hidden, 10)?, rng)?;
    let (fit, mut adam) = (Fit::new(epochs, 32)?.with_cosine_schedule(), Adam::new(learning_rate)?);
    fit.run(&mut network, &inputs, &mut objective, &mut adam, rng, |_| ControlFlow::Continue(()))?;
    Ok(network)
}

fn main() -> Result<()> {
    let (all, split) = (digits()?, digits_split()?);
    let (train_set, test) = (all.select(&split.train)?, all.select(&split.test)?);
    let right = |network: &Mlp| -> Result<f64> {
        Ok(100.0 * accuracy(&network.predict(&test.inputs())?, test.labels())?)
    };

    // The teacher has seen every label, the students only a few.
    let everything = HardLabels::new(train_set.labels());
    let teacher = train(&[256, 256], (60, 1e-3), train_set.inputs(), everything, 0)?;
    println!("teacher, {} labels: {:.2}% right", train_set.len(), right(&teacher)?);
    // Evenly spread, because the rows stand writer by writer.
    let spacing = train_set.len() / LABELS;
    let few = train_set.select(&(0..LABELS).map(|n| n * spacing).collect::<Vec<_>>())?;
    let targets = SoftTargets::from_teacher(&teacher, &few.inputs())?;

    let smoothing = CrossEntropy::new().with_label_smoothing(0.1)?;
    let distillation = Distillation::new().with_temperature(4.0)?.with_alpha(0.1)?;
    let mut results: [(&str, Vec<f64>); 3] =
        ["hard labels", "label smoothing", "distilled"].map(|name| (name, Vec::new()));
    for seed in 1..=SEEDS {
        let (labels, inputs) = (few.labels(), few.inputs());
        let length = (500, 1e-2);
        let students = [
            train(&[16], length, inputs, HardLabels::new(labels), seed)?,
            train(&[16], length, inputs, HardLabels::with_loss(labels, smoothing), seed)?,
            train(&[16], length, inputs, Distill::new(&targets, labels, distillation)?, seed)?,
        ];
        for ((_, values), student) in results.iter_mut().zip(&students) {
            values.push(right(student)?);
        }
    }
    for (name, values) in &results {
        println!("student, {LABELS} labels, {name:<15}: {:.2}% right", Interval::new(values)?);
    }
    Ok(())
}
