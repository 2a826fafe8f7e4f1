//! Training steps and single-row inference: `cargo bench -p reflux-nn`.

use std::hint::black_box;

use criterion::Criterion;
use ndarray::Array2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{Adam, HardLabels, Mlp, MlpConfig, Objective, Optimizer, Result, Workspace};

/// Inputs, hidden layers, outputs and batch.
const NETWORKS: [(usize, &[usize], usize, usize); 3] =
    [(4, &[64, 64], 2, 32), (4, &[256, 256], 2, 64), (784, &[1200, 1200], 10, 128)];

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    for (inputs, hidden, outputs, batch) in NETWORKS {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let mut mlp = Mlp::new(MlpConfig::new(inputs, hidden, outputs)?, rng)?;
        let name = mlp.config().to_string();
        let data = Array2::from_shape_fn((batch, inputs), |(i, j)| ((i * 31 + j) as f32).sin());
        let rows: Vec<usize> = (0..batch).collect();
        let labels: Vec<usize> = rows.iter().map(|row| row % outputs).collect();
        let (mut objective, mut adam) = (HardLabels::new(&labels), Adam::new(1e-3)?);
        let mut workspace = Workspace::new();
        let mut step = || -> Result<()> {
            mlp.forward(&data, &mut workspace)?;
            let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
            objective.value_and_gradient(&rows, &outputs, &mut gradient)?;
            mlp.backward(&data, &mut workspace)?;
            adam.step(mlp.parameters_mut(), workspace.gradients())
        };
        criterion.bench_function(&format!("train_step/{name}"), |bencher| {
            bencher.iter(&mut step);
        });
        let row = data.slice(ndarray::s![..1, ..]);
        criterion.bench_function(&format!("one_row/{name}"), |bencher| {
            bencher.iter(|| mlp.forward(black_box(&row), &mut workspace).map(|y| y[[0, 0]]));
        });
    }
    criterion.final_summary();
    Ok(())
}
