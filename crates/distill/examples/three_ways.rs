//! A student of handwritten digits trained three ways, from 50 labels.
//!
//! `cargo run --release -p reflux-distill --example three_ways`

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{
    Cost, Distill, Distillation, Report, Result, SoftTargets, label_smoothing, latency,
};
use reflux_nn::data::{digits, digits_split};
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Objective, Workspace};

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

/// What a network costs, with the time of one row on this machine.
fn cost(network: &Mlp, row: ndarray::ArrayView2<'_, f32>) -> Cost {
    let mut workspace = Workspace::new();
    let work = || network.forward(&row, &mut workspace).map(|logits| logits[[0, 0]]);
    Cost::of_mlp(network).with_latency(latency(work))
}

fn main() -> Result<()> {
    let (all, split) = (digits()?, digits_split()?);
    let (train_set, test) = (all.select(&split.train)?, all.select(&split.test)?);

    // The teacher has seen every label, the students only a few.
    let everything = HardLabels::new(train_set.labels());
    let teacher = train(&[256, 256], (60, 1e-3), train_set.inputs(), everything, 0)?;
    // Evenly spread, because the rows stand writer by writer.
    let spacing = train_set.len() / LABELS;
    let few = train_set.select(&(0..LABELS).map(|n| n * spacing).collect::<Vec<_>>())?;
    let targets = SoftTargets::from_teacher(&teacher, &few.inputs())?;

    let distillation = Distillation::new().with_temperature(4.0)?.with_alpha(0.1)?;
    let (inputs, labels, length) = (few.inputs(), few.labels(), (500, 1e-2));
    let mut students: [Vec<Mlp>; 3] = Default::default();
    for seed in 1..=SEEDS {
        let hard = HardLabels::new(labels);
        students[0].push(train(&[16], length, inputs, hard, seed)?);
        let smooth = label_smoothing(labels, 0.1)?;
        students[1].push(train(&[16], length, inputs, smooth, seed)?);
        let soft = Distill::new(&targets, labels, distillation)?;
        students[2].push(train(&[16], length, inputs, soft, seed)?);
    }

    let (test_inputs, row) = (test.inputs(), test.inputs());
    let row = row.slice(ndarray::s![..1, ..]);
    let mut report = Report::new(test.labels());
    report.add_teacher("teacher", cost(&teacher, row), &teacher.predict(&test_inputs)?)?;
    for (name, seeds) in ["hard labels", "label smoothing", "distilled"].iter().zip(&students) {
        let logits: Result<Vec<_>> =
            seeds.iter().map(|student| Ok(student.predict(&test_inputs)?)).collect();
        report.add(name, cost(&seeds[0], row), &logits?)?;
    }
    println!("{LABELS} labels, {SEEDS} seeds, {} test rows", test.len());
    println!("{report}");
    Ok(())
}
