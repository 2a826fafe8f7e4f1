//! Section 3 of "Distilling the Knowledge in a Neural Network" (Hinton, Vinyals & Dean 2015,
//! arXiv:1503.02531): on MNIST, a teacher of 2x1200 units and students of 2x800.

mod bias;
mod networks;
mod page;

use std::cell::Cell;

use anyhow::Result;
use ndarray::{Axis, s};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::SoftTargets;
use reflux_nn::data::{Dataset, mnist};
use reflux_nn::{Mlp, argmax};

use super::jitter::jitter;
use super::{Common, Mnist};
use bias::best_bias;
use networks::{MOVES, Networks};

/// How many moved copies of each image there are in the transfer set that has such.
const COPIES: usize = 9;

/// The options of `cargo xtask reproduce hinton2015`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    mnist: Mnist,
    #[command(flatten)]
    common: Common,
    /// Passes over the training set for the teacher, of which there is one
    #[arg(long, default_value_t = 240)]
    teacher_epochs: usize,
    /// Passes over the training set for each student; of a transfer set that lacks digits as many more
    /// as make the same number of steps
    #[arg(long, default_value_t = 20)]
    student_epochs: usize,
    /// The same for the students whose transfer set has moved copies, too, of which they make as many
    /// fewer passes
    #[arg(long, default_value_t = 80)]
    moved_epochs: usize,
    /// The temperature of the soft targets, where the transfer set has all digits
    #[arg(long, default_value_t = 6.0)]
    temperature: f64,
    /// The same where it lacks some
    #[arg(long, default_value_t = 20.0)]
    missing_temperature: f64,
    /// The weight of the labels beside the soft targets, where the transfer set has all digits
    #[arg(long, default_value_t = 0.02)]
    alpha: f64,
}

/// What the students of one teacher learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transfer {
    All,
    /// With copies that are moved as the teacher's images are.
    Moved,
    NoThrees,
    NoThreesMoved,
    SevensAndEights,
}

impl Transfer {
    const EACH: [Self; 5] =
        [Self::All, Self::Moved, Self::NoThrees, Self::NoThreesMoved, Self::SevensAndEights];

    /// Whether it has images of a digit.
    fn holds(self, label: usize) -> bool {
        match self {
            Self::All | Self::Moved => true,
            Self::NoThrees | Self::NoThreesMoved => label != 3,
            Self::SevensAndEights => [7, 8].contains(&label),
        }
    }

    /// The images of the training set that belong to it.
    fn images(self, train: &Dataset) -> Result<Dataset> {
        let labels = train.labels();
        let rows: Vec<usize> = (0..labels.len()).filter(|&row| self.holds(labels[row])).collect();
        let images = train.select(&rows)?;
        if self.is_moved() { with_moved_copies(&images) } else { Ok(images) }
    }

    fn is_moved(self) -> bool {
        matches!(self, Self::Moved | Self::NoThreesMoved)
    }

    fn all_digits(self) -> bool {
        matches!(self, Self::All | Self::Moved)
    }

    /// The classes whose bias the paper moves afterwards.
    fn biased(self) -> &'static [usize] {
        match self {
            Self::All | Self::Moved => &[],
            Self::NoThrees | Self::NoThreesMoved => &[3],
            Self::SevensAndEights => &[7, 8],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::All => "distilled",
            Self::Moved => "distilled with moved copies",
            Self::NoThrees => "distilled without 3s",
            Self::NoThreesMoved => "distilled without 3s with moved copies",
            Self::SevensAndEights => "distilled from 7s and 8s",
        }
    }
}

/// Test errors of the students of one seed.
#[derive(Debug, Default)]
struct Outcome {
    alone: f64,
    distilled: f64,
    moved: f64,
    no_threes: Corrected,
    no_threes_moved: Corrected,
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
    let networks = Networks { args, folder: &folder, train: &train, seconds: Cell::new(0.0) };
    let teacher = networks.teacher()?;
    let mut outcomes: Vec<Outcome> = Vec::new();
    outcomes.resize_with(args.common.seeds as usize, Outcome::default);
    for (outcome, seed) in outcomes.iter_mut().zip(0..) {
        outcome.alone = errors(&networks.alone(seed)?, &test)?;
    }
    for transfer in Transfer::EACH {
        let images = transfer.images(&train)?;
        let targets = SoftTargets::from_logits(teacher.predict(&images.inputs())?)?;
        for (outcome, seed) in outcomes.iter_mut().zip(0..) {
            let student = networks.distilled(transfer, &images, &targets, seed)?;
            match transfer {
                Transfer::All => outcome.distilled = errors(&student, &test)?,
                Transfer::Moved => outcome.moved = errors(&student, &test)?,
                Transfer::NoThrees => outcome.no_threes = corrected(transfer, &student, &test)?,
                Transfer::NoThreesMoved => {
                    outcome.no_threes_moved = corrected(transfer, &student, &test)?;
                }
                Transfer::SevensAndEights => {
                    outcome.sevens_and_eights = corrected(transfer, &student, &test)?;
                }
            }
        }
    }
    let errors_of_teacher = errors(&teacher, &test)?;
    let page = page::page(args, errors_of_teacher, &outcomes, &test, networks.seconds.get());
    args.common.publish("hinton2015", &page, &[])
}

/// These images and [`COPIES`] more of each, moved by up to [`MOVES`] pixels.
fn with_moved_copies(images: &Dataset) -> Result<Dataset> {
    let size = [images.height(), images.width()];
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut inputs = ndarray::concatenate(Axis(0), &[images.inputs(); 1 + COPIES])?;
    jitter(size, MOVES)(inputs.slice_mut(s![images.len().., ..]), rng);
    let labels = images.labels().repeat(1 + COPIES);
    Ok(Dataset::new(inputs, labels, images.classes(), size)?)
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
