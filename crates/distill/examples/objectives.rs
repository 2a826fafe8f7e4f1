//! Every objective on the bundled digits: a small student, its teacher, and what each way of learning
//! gains over labels alone.
//!
//! `cargo run --release -p reflux-distill --example objectives`
//!
//! Weights and temperatures are those of the papers, or of the comparison by Tian et al. 2020
//! (arXiv:1910.10699); none has been tuned on this data.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{
    DecoupledKd, Dist, Distill, Divergence, FeatureLoss, Hint, Hinton, Interval, LogitLoss,
    LogitMse, Relational, Result, Schedule, Similarity, SoftTargets, Standardized, WithFeatures,
    WithLabels, hidden_features, label_smoothing,
};
use reflux_nn::data::{Dataset, digits, digits_split};
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Objective, accuracy};

const SEEDS: u64 = 20;
const HIDDEN: usize = 16;
const RATE: f64 = 3e-3;
const BATCH: usize = 32;
/// Rows to learn from, and for how many epochs: the same number of steps, more or less.
const SETTINGS: [(usize, usize); 2] = [(100, 500), (1029, 60)];

/// What students learn from.
struct Setting {
    seen: Dataset,
    epochs: usize,
    targets: SoftTargets,
    /// The activations of the teacher's last hidden layer.
    features: Array2<f32>,
}

impl Setting {
    fn new(teacher: &Mlp, all: &Dataset, (rows, epochs): (usize, usize)) -> Result<Self> {
        // Evenly spread, because the rows stand writer by writer.
        let rows: Vec<usize> = (0..rows).map(|n| n * all.len() / rows).collect();
        let seen = all.select(&rows)?;
        let targets = SoftTargets::from_teacher(teacher, &seen.inputs())?;
        let features = hidden_features(teacher, &seen.inputs(), 1)?;
        Ok(Self { seen, epochs, targets, features })
    }

    fn steps(&self) -> u64 {
        (self.epochs * self.seen.len().div_ceil(BATCH)) as u64
    }
}

fn rng(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

fn fit(
    hidden: &[usize],
    inputs: ArrayView2<'_, f32>,
    epochs: usize,
    objective: &mut dyn Objective<f32>,
    seed: u64,
) -> Result<Mlp> {
    let rng = &mut rng(seed);
    let mut network = Mlp::new(MlpConfig::new(inputs.ncols(), hidden, 10)?, rng)?;
    let (fit, mut adam) = (Fit::new(epochs, BATCH)?.with_cosine_schedule(), Adam::new(RATE)?);
    fit.run(&mut network, &inputs, objective, &mut adam, rng, |_| ControlFlow::Continue(()))?;
    Ok(network)
}

/// One way of training a student.
enum Way {
    Labels,
    Smoothing,
    Logits(fn(&Setting) -> Result<Box<dyn LogitLoss<f32>>>),
    /// Hinton's objective, and this one of features with a weight.
    Features(f64, fn(&Setting) -> Result<Box<dyn FeatureLoss<f32>>>),
}

fn forward(temperature: f64) -> Result<Divergence> {
    Ok(Divergence::forward_kl(temperature)?)
}

/// With the weight of labels 0.1, and that of the teacher 0.9.
fn mostly_taught<L: LogitLoss<f32> + 'static>(loss: L) -> Result<Box<dyn LogitLoss<f32>>> {
    Ok(Box::new(WithLabels::new(loss).with_hard_weight(0.1)?.with_soft_weight(0.9)?))
}

fn ways() -> Vec<(&'static str, Way)> {
    let hinton: fn(&Setting) -> Result<Box<dyn LogitLoss<f32>>> =
        |_| Ok(Box::new(Hinton::new().with_alpha(0.1)?.with_temperature(4.0)?));
    vec![
        ("labels alone", Way::Labels),
        ("label smoothing 0.1, no teacher", Way::Smoothing),
        ("Hinton, T 4", Way::Logits(hinton)),
        (
            "Hinton, T from 8 to 1 along a cosine",
            Way::Logits(|setting| {
                let falling = Schedule::cosine(8.0, 1.0, setting.steps());
                Ok(Box::new(Hinton::new().with_alpha(0.1)?.with_temperature(falling)?))
            }),
        ),
        ("squared distance of logits", Way::Logits(|_| mostly_taught(LogitMse::new()))),
        ("reverse KL, T 4", Way::Logits(|_| mostly_taught(Divergence::reverse_kl(4.0)?))),
        ("Jensen-Shannon, T 4", Way::Logits(|_| mostly_taught(Divergence::jensen_shannon(4.0)?))),
        ("total variation, T 4", Way::Logits(|_| mostly_taught(Divergence::total_variation(4.0)?))),
        (
            "DKD, α 1, β 8, T 4",
            Way::Logits(|setting| {
                let warm_up = Schedule::linear(0.0, 1.0, setting.steps() / 12);
                Ok(Box::new(WithLabels::new(DecoupledKd::new()).with_soft_weight(warm_up)?))
            }),
        ),
        ("DIST, β 2, γ 2, T 4", Way::Logits(|_| Ok(Box::new(WithLabels::new(Dist::new()))))),
        (
            "standardized logits, T 2",
            Way::Logits(|_| {
                let loss = WithLabels::new(Standardized::new(forward(2.0)?));
                Ok(Box::new(loss.with_hard_weight(0.1)?.with_soft_weight(9.0)?))
            }),
        ),
        (
            "Hinton + hints",
            Way::Features(1.0, |setting| {
                let adam = Adam::new(RATE)?;
                let width = setting.features.ncols();
                Ok(Box::new(Hint::new(HIDDEN, width, adam, &mut rng(0))?))
            }),
        ),
        (
            "Hinton + similarity, weight 3000",
            Way::Features(3000.0, |_| Ok(Box::new(Similarity::new()))),
        ),
        (
            "Hinton + relational, weight 25",
            Way::Features(25.0, |_| Ok(Box::new(Relational::new()))),
        ),
    ]
}

fn student(way: &Way, setting: &Setting, seed: u64) -> Result<Mlp> {
    let (labels, inputs) = (setting.seen.labels(), setting.seen.inputs());
    let mut objective: Box<dyn Objective<f32>> = match way {
        Way::Labels => Box::new(HardLabels::new(labels)),
        Way::Smoothing => Box::new(label_smoothing(labels, 0.1)?),
        Way::Logits(loss) => Box::new(Distill::new(&setting.targets, labels, loss(setting)?)?),
        Way::Features(weight, loss) => {
            let hinton = Hinton::new().with_alpha(0.1)?.with_temperature(4.0)?;
            let hinton = Distill::new(&setting.targets, labels, hinton)?;
            let both = WithFeatures::new(hinton, loss(setting)?, &setting.features, 0)?;
            Box::new(both.with_weight(*weight)?)
        }
    };
    fit(&[HIDDEN], inputs, setting.epochs, &mut *objective, seed)
}

fn main() -> Result<()> {
    let (all, split) = (digits()?, digits_split()?);
    let (all, test) = (all.select(&split.train)?, all.select(&split.test)?);
    let right = |network: &Mlp| -> Result<f64> {
        Ok(100.0 * accuracy(&network.predict(&test.inputs())?, test.labels())?)
    };
    let mut hard = HardLabels::new(all.labels());
    let teacher = fit(&[256, 256], all.inputs(), 60, &mut hard, 0)?;
    println!("Teacher 64-256-256-10, {} rows: {:.2}% right.", all.len(), right(&teacher)?);
    println!("Students 64-{HIDDEN}-10, {SEEDS} seeds; ± is a 95% interval.");
    println!();
    let [first, second] = SETTINGS.map(|setting| Setting::new(&teacher, &all, setting));
    let settings = [first?, second?];
    println!(
        "| objective | {} rows: right, % | minus labels alone | {} rows: right, % | minus labels \
         alone |",
        SETTINGS[0].0, SETTINGS[1].0
    );
    println!("|---|---:|---:|---:|---:|");
    let mut baselines: [Option<Vec<f64>>; 2] = [None, None];
    for (name, way) in ways() {
        print!("| {name} |");
        for (setting, baseline) in settings.iter().zip(&mut baselines) {
            let values: Result<Vec<f64>> =
                (1..=SEEDS).map(|seed| right(&student(&way, setting, seed)?)).collect();
            let values = values?;
            let gain = Interval::of_differences(&values, baseline.get_or_insert(values.clone()))?;
            print!(" {:.2} | {gain:.2} |", Interval::new(&values)?);
        }
        println!();
    }
    Ok(())
}
