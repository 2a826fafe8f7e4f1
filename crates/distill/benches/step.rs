//! A training step towards soft targets beside one towards labels, everything else equal:
//! `cargo bench -p reflux-distill`.

use criterion::{BenchmarkId, Criterion};
use ndarray::Array2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{Distill, Distillation, Error, Result, SoftTargets};
use reflux_nn::{Adam, HardLabels, Mlp, MlpConfig, Objective, Optimizer, Workspace};

const CLASSES: usize = 10;

/// Inputs, hidden layers and batch: the bundled digits' student and Hinton's student on MNIST.
const STUDENTS: [(usize, &[usize], usize); 2] = [(64, &[32], 32), (784, &[800, 800], 128)];

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("step");
    for (inputs, hidden, batch) in STUDENTS {
        let config = MlpConfig::new(inputs, hidden, CLASSES)?;
        let name = format!("{config}/{batch}");
        let data = Array2::from_shape_fn((batch, inputs), |(i, j)| ((i * 31 + j) as f32).sin());
        let logits = Array2::from_shape_fn((batch, CLASSES), |(i, j)| ((i + 7 * j) as f32).cos());
        let targets = SoftTargets::from_logits(logits)?;
        let labels: Vec<usize> = (0..batch).map(|row| row % CLASSES).collect();

        let mut hard = HardLabels::new(&labels);
        let mut soft = Distill::new(&targets, &labels, Distillation::new())?;
        let ways: [(&str, &mut dyn Objective<f32>); 2] =
            [("hard labels", &mut hard), ("distillation", &mut soft)];
        for (way, objective) in ways {
            let mut step = training_step(&config, &data, objective)?;
            step()?;
            group.bench_function(BenchmarkId::new(way, &name), |bencher| bencher.iter(&mut step));
        }
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// Forward, loss, backward and Adam, on the same batch each time.
fn training_step<'a>(
    config: &MlpConfig,
    data: &'a Array2<f32>,
    objective: &'a mut dyn Objective<f32>,
) -> Result<impl FnMut() -> Result<(), Error> + 'a> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut mlp = Mlp::new(config.clone(), rng)?;
    let mut adam = Adam::new(1e-3)?;
    let mut workspace = Workspace::new();
    let rows: Vec<usize> = (0..data.nrows()).collect();
    Ok(move || {
        mlp.forward(data, &mut workspace)?;
        let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
        objective.value_and_gradient(&rows, &outputs, &mut gradient)?;
        mlp.backward(data, &mut workspace)?;
        Ok(adam.step(mlp.parameters_mut(), workspace.gradients())?)
    })
}
