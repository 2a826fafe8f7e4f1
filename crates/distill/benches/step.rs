//! A training step towards soft targets beside one towards labels, everything else equal, and each loss
//! with its gradient: `cargo bench -p reflux-distill`.

use criterion::{BenchmarkId, Criterion};
use ndarray::Array2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{
    DecoupledKd, Dist, Distill, Distillation, Divergence, Error, FeatureLoss, LogitBatch,
    LogitLoss, LogitMse, Relational, Result, Similarity, SoftTargets, Standardized,
};
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
    logit_losses(&mut criterion)?;
    feature_losses(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn values(rows: usize, columns: usize, seed: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 31 + j * 17 + seed) as f32).sin() * 4.0)
}

fn logit_losses(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("logits");
    for classes in [10, 1000] {
        let (student, teacher) = (values(128, classes, 0), values(128, classes, 5));
        let labels: Vec<usize> = (0..128).map(|row| row % classes).collect();
        let mut gradient = Array2::zeros(student.dim());
        let losses: [(&str, Box<dyn LogitLoss<f32>>); 5] = [
            ("distillation", Box::new(Distillation::new())),
            ("squared distance", Box::new(LogitMse::new())),
            ("decoupled", Box::new(DecoupledKd::new())),
            ("DIST", Box::new(Dist::new())),
            ("standardized KL", Box::new(Standardized::new(Divergence::forward_kl(2.0)?))),
        ];
        for (name, mut loss) in losses {
            let batch = LogitBatch::new(&student, &teacher).with_labels(&labels);
            loss.value_and_gradient(batch, &mut gradient)?;
            group.bench_function(BenchmarkId::new(name, format!("128x{classes}")), |bencher| {
                bencher.iter(|| loss.value_and_gradient(batch, &mut gradient));
            });
        }
    }
    group.finish();
    Ok(())
}

fn feature_losses(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("features");
    let (student, teacher) = (values(64, 128, 0), values(64, 512, 5));
    let mut gradient = Array2::zeros(student.dim());
    let losses: [(&str, Box<dyn FeatureLoss<f32>>); 3] = [
        ("similarity", Box::new(Similarity::new())),
        ("distances", Box::new(Relational::new().with_angle_weight(0.0)?)),
        ("distances and angles", Box::new(Relational::new())),
    ];
    for (name, mut loss) in losses {
        loss.value_and_gradient(&student, &teacher, &mut gradient)?;
        group.bench_function(BenchmarkId::new(name, "64x128 and 64x512"), |bencher| {
            bencher.iter(|| loss.value_and_gradient(&student, &teacher, &mut gradient));
        });
    }
    group.finish();
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
