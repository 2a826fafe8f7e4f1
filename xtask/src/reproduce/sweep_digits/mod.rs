//! What temperature, alpha, labels, student and teacher do, each alone, on the digits that come with
//! Reflux: the tables and plots of the book's chapters on distillation.

mod case;
mod page;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ndarray::{Array2, Axis};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use reflux_distill::{
    Distill, Distillation, Ensemble, Interval, SoftTargets, Teacher as _, label_smoothing,
};
use reflux_nn::data::{Dataset, digits, digits_split};
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Objective, accuracy};

use crate::progress::Progress;
use crate::{interrupt, output};
use case::{Case, SMOOTHING, TEACHERS, Taught, Teacher};

const BATCH: usize = 32;
/// Whatever the number of rows, a student takes about so many steps.
const STEPS: usize = 2_000;
const LEARNING_RATE: f64 = 5e-3;
const TEACHER_EPOCHS: usize = 60;
const TEACHER_LEARNING_RATE: f64 = 1e-3;

/// The options of `cargo xtask reproduce sweep-digits`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// How many students of each kind: the intervals are over these
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Write the plots to docs/src/images, too
    #[arg(long)]
    write: bool,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.seeds >= 2, "an interval needs at least 2 seeds, got {}", args.seeds);
    let started = Instant::now();
    let (all, split) = (digits()?, digits_split()?);
    let (train, test) = (all.select(&split.train)?, all.select(&split.test)?);
    let progress = Progress::new();
    let bar = progress.task("Teachers", TEACHERS.len() as u64);
    let lessons = TEACHERS.into_iter().map(|teacher| {
        let lesson = Lesson::new(teacher, &train, &test)?;
        bar.advance(|| teacher.to_string());
        Ok(lesson)
    });
    let lessons: Vec<Lesson> = lessons.collect::<Result<_>>()?;
    bar.finish(format!("{}", lessons.len()));

    let cases = case::all(train.len());
    let runs: Vec<(Case, u64)> =
        cases.iter().flat_map(|case| (1..=args.seeds).map(|seed| (*case, seed))).collect();
    let bar = progress.task("Students", runs.len() as u64);
    // Each student has its own seed, so what comes out does not depend on the number of threads.
    let accuracies: Vec<f64> = runs
        .par_iter()
        .map(|(case, seed)| {
            let right = student(case, &lessons, &train, &test, *seed)?;
            bar.advance(|| case.taught.to_string());
            Ok(right)
        })
        .collect::<Result<_>>()?;
    bar.finish(format!("{}", runs.len()));
    let values = accuracies.chunks(args.seeds as usize).map(<[f64]>::to_vec);
    let results = Results { lessons, values: cases.into_iter().zip(values).collect() };

    println!("{}", page::tables(&results, train.len(), args.seeds)?);
    if args.write {
        let folder = Path::new("docs/src/images");
        output::prepare_folder(folder)?;
        for (name, svg) in page::plots(&results, train.len())? {
            let path = folder.join(name);
            output::write(&path, &svg)?;
            println!("written to {}", path.display());
        }
    }
    println!("{:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// What a teacher says of the training rows, and how good it is.
struct Lesson {
    teacher: Teacher,
    accuracy: f64,
    targets: SoftTargets,
}

impl Lesson {
    fn new(teacher: Teacher, train: &Dataset, test: &Dataset) -> Result<Self> {
        let members = (0..teacher.members())
            .map(|seed| train_teacher(teacher, train, seed))
            .collect::<Result<Vec<Mlp>>>()?;
        let ensemble = Ensemble::new(members)?;
        Ok(Self {
            teacher,
            accuracy: accuracy(&ensemble.logits(&test.inputs())?, test.labels())?,
            targets: SoftTargets::from_teacher(&ensemble, &train.inputs())?,
        })
    }
}

fn train_teacher(teacher: Teacher, train: &Dataset, seed: u64) -> Result<Mlp> {
    interrupt::check()?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut mlp = Mlp::new(MlpConfig::new(train.features(), teacher.hidden(), 10)?, rng)?;
    let mut objective = label_smoothing(train.labels(), teacher.smoothing())?;
    let fit = Fit::new(TEACHER_EPOCHS, BATCH)?.with_cosine_schedule();
    let mut adam = Adam::new(TEACHER_LEARNING_RATE)?;
    fit.run(&mut mlp, &train.inputs(), &mut objective, &mut adam, rng, |_| interrupt::flow())?;
    interrupt::check()?;
    Ok(mlp)
}

/// The accuracy of one student. Students of one seed have the same rows and, where they are as wide,
/// start from the same weights.
fn student(
    case: &Case,
    lessons: &[Lesson],
    train: &Dataset,
    test: &Dataset,
    seed: u64,
) -> Result<f64> {
    interrupt::check()?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let rows = rand::seq::index::sample(rng, train.len(), case.rows.min(train.len())).into_vec();
    let few = train.select(&rows)?;
    let mut mlp = Mlp::new(MlpConfig::new(few.features(), &[case.width], 10)?, rng)?;
    let targets: SoftTargets;
    let mut objective: Box<dyn Objective<f32> + '_> = match case.taught {
        Taught::Labels => Box::new(HardLabels::new(few.labels())),
        Taught::Smoothed => Box::new(label_smoothing(few.labels(), SMOOTHING)?),
        Taught::Distilled { teacher, temperature, alpha } => {
            let lesson = lessons.iter().find(|lesson| lesson.teacher == teacher);
            let logits: Array2<f32> =
                lesson.context("a teacher lacks")?.targets.logits().select(Axis(0), &rows);
            targets = SoftTargets::from_logits(logits)?;
            let loss = Distillation::new().with_temperature(temperature)?.with_alpha(alpha)?;
            Box::new(Distill::new(&targets, few.labels(), loss)?)
        }
    };
    let epochs = STEPS.div_ceil(few.len().div_ceil(BATCH));
    let fit = Fit::new(epochs, BATCH)?.with_cosine_schedule();
    let mut adam = Adam::new(LEARNING_RATE)?;
    let inputs = few.inputs();
    fit.run(&mut mlp, &inputs, &mut *objective, &mut adam, rng, |_| interrupt::flow())?;
    interrupt::check()?;
    Ok(accuracy(&mlp.predict(&test.inputs())?, test.labels())?)
}

/// The accuracy of every student.
struct Results {
    lessons: Vec<Lesson>,
    values: Vec<(Case, Vec<f64>)>,
}

impl Results {
    /// The mean over seeds, in percent.
    fn percent(&self, case: &Case) -> Result<Interval> {
        let percents: Vec<f64> = self.of(case)?.iter().map(|right| 100.0 * right).collect();
        Ok(Interval::new(&percents)?)
    }

    /// How much better one is than another, seed by seed, in points.
    fn gain(&self, case: &Case, than: &Case) -> Result<Interval> {
        let [ours, theirs] = [self.of(case)?, self.of(than)?];
        let points: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| 100.0 * (a - b)).collect();
        Ok(Interval::new(&points)?)
    }

    fn of(&self, case: &Case) -> Result<&[f64]> {
        let found = self.values.iter().find(|(other, _)| other == case);
        Ok(&found.with_context(|| format!("{case:?} was not measured"))?.1)
    }
}
