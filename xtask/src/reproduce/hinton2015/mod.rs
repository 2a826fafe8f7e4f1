//! Section 3 of "Distilling the Knowledge in a Neural Network" (Hinton, Vinyals & Dean 2015,
//! arXiv:1503.02531): on MNIST, a teacher of 2x1200 units and students of 2x800.

mod bias;
mod networks;
mod page;

use std::time::Instant;

use anyhow::Result;
use ndarray::Axis;
use reflux_distill::SoftTargets;
use reflux_nn::data::{Dataset, mnist};
use reflux_nn::{Mlp, argmax};

use super::{Common, Mnist};
use bias::best_bias;
use networks::Networks;

/// The options of `cargo xtask reproduce hinton2015`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    mnist: Mnist,
    #[command(flatten)]
    common: Common,
    /// Passes over the training set for the teacher
    #[arg(long, default_value_t = 60)]
    teacher_epochs: usize,
    /// Passes over the whole training set for each student; of a smaller transfer set as many more as
    /// make the same number of steps
    #[arg(long, default_value_t = 40)]
    student_epochs: usize,
    /// The temperature of the soft targets
    #[arg(long, default_value_t = 20.0)]
    temperature: f64,
    /// The weight of the labels beside them, where the transfer set has all digits
    #[arg(long, default_value_t = 0.1)]
    alpha: f64,
}

/// What the students of one teacher learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transfer {
    All,
    NoThrees,
    SevensAndEights,
}

impl Transfer {
    const EACH: [Self; 3] = [Self::All, Self::NoThrees, Self::SevensAndEights];

    fn holds(self, label: usize) -> bool {
        match self {
            Self::All => true,
            Self::NoThrees => label != 3,
            Self::SevensAndEights => [7, 8].contains(&label),
        }
    }

    /// The classes whose bias the paper moves afterwards.
    fn biased(self) -> &'static [usize] {
        match self {
            Self::All => &[],
            Self::NoThrees => &[3],
            Self::SevensAndEights => &[7, 8],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::All => "distilled",
            Self::NoThrees => "distilled without 3s",
            Self::SevensAndEights => "distilled from 7s and 8s",
        }
    }
}

/// Test errors of the networks of one seed.
#[derive(Debug, Default)]
struct Outcome {
    teacher: f64,
    alone: f64,
    distilled: f64,
    no_threes: Corrected,
    sevens_and_eights: Corrected,
}

/// Before and after the bias of the classes that are missing, or of those that are not, was moved.
#[derive(Debug, Default)]
struct Corrected {
    before: f64,
    after: f64,
    /// By how much.
    bias: f64,
    /// How many of the test set's 3s are right after it.
    threes: f64,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (train, test) = mnist(&args.mnist.data)?;
    let folder = args.common.folder("hinton2015")?;
    let start = Instant::now();
    let mut outcomes = Vec::new();
    for seed in 0..args.common.seeds {
        let networks = Networks { args, seed, folder: &folder, train: &train };
        outcomes.push(outcome(&networks, &test)?);
    }
    let page = page::page(args, &outcomes, &test, start.elapsed());
    args.common.publish("hinton2015", &page)
}

fn outcome(networks: &Networks<'_>, test: &Dataset) -> Result<Outcome> {
    let teacher = networks.teacher()?;
    let logits = teacher.predict(&networks.train.inputs())?;
    let mut outcome = Outcome {
        teacher: errors(&teacher, test)?,
        alone: errors(&networks.alone()?, test)?,
        ..Outcome::default()
    };
    for transfer in Transfer::EACH {
        let labels = networks.train.labels();
        let rows: Vec<usize> =
            (0..labels.len()).filter(|&row| transfer.holds(labels[row])).collect();
        let targets = SoftTargets::from_logits(logits.select(Axis(0), &rows))?;
        let student = networks.distilled(transfer, &networks.train.select(&rows)?, &targets)?;
        match transfer {
            Transfer::All => outcome.distilled = errors(&student, test)?,
            Transfer::NoThrees => outcome.no_threes = corrected(transfer, &student, test)?,
            Transfer::SevensAndEights => {
                outcome.sevens_and_eights = corrected(transfer, &student, test)?;
            }
        }
    }
    Ok(outcome)
}

fn corrected(transfer: Transfer, student: &Mlp, test: &Dataset) -> Result<Corrected> {
    let mut logits = student.predict(&test.inputs())?;
    let before = bias::errors(&logits, test.labels()) as f64;
    let bias = best_bias(&logits, test.labels(), transfer.biased());
    bias::move_by(&mut logits, transfer.biased(), bias);
    let right = logits.rows().into_iter().zip(test.labels());
    let threes = right.filter(|(row, label)| **label == 3 && argmax(*row) == 3).count();
    let after = bias::errors(&logits, test.labels()) as f64;
    Ok(Corrected { before, after, bias: f64::from(bias), threes: threes as f64 })
}

fn errors(mlp: &Mlp, test: &Dataset) -> Result<f64> {
    Ok(bias::errors(&mlp.predict(&test.inputs())?, test.labels()) as f64)
}
