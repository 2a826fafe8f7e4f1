//! Distillation: one student trained three ways, beside its teacher, where it matters and where it
//! does not.

use std::ops::ControlFlow;

use anyhow::Result;
use ndarray::{Array2, Axis};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use reflux_distill::{Cost, Distill, Evaluation, Interval, SoftTargets, agreement};
use reflux_nn::data::Dataset;
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Objective, accuracy, argmax};
use reflux_softmax::CrossEntropy;
use serde::Serialize;

use super::cost::cost;
use super::plan::{DigitsPlan, Setting};
use crate::interrupt;
use crate::progress::{Progress, Task};

/// How a student is trained.
#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    HardLabels,
    LabelSmoothing,
    Distilled,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::HardLabels, Self::LabelSmoothing, Self::Distilled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HardLabels => "hard labels",
            Self::LabelSmoothing => "label smoothing",
            Self::Distilled => "distilled",
        }
    }
}

#[derive(Serialize)]
pub(crate) struct DigitsResult {
    /// Where the data came from.
    pub(crate) data: String,
    pub(crate) train_rows: usize,
    pub(crate) test_rows: usize,
    pub(crate) temperature: f64,
    pub(crate) alpha: f64,
    pub(crate) label_smoothing: f64,
    pub(crate) teacher: TeacherResult,
    /// The setting in which distillation matters, and then the one in which it does not.
    pub(crate) comparisons: Vec<Comparison>,
    #[serde(skip)]
    pub(crate) pictures: Pictures,
}

#[derive(Serialize)]
pub(crate) struct TeacherResult {
    pub(crate) network: String,
    pub(crate) evaluation: Evaluation,
    pub(crate) cost: Cost,
}

/// One student, trained every way with every seed.
#[derive(Serialize)]
pub(crate) struct Comparison {
    pub(crate) note: &'static str,
    pub(crate) network: String,
    pub(crate) labelled_rows: usize,
    pub(crate) epochs: usize,
    pub(crate) cost: Cost,
    pub(crate) students: Vec<StudentResult>,
    /// Distilled minus hard labels, seed by seed.
    pub(crate) gain: Interval,
}

/// All seeds of one way.
#[derive(Serialize)]
pub(crate) struct StudentResult {
    pub(crate) way: Way,
    /// The fraction of test rows that were right.
    pub(crate) accuracy: Interval,
    pub(crate) accuracies: Vec<f64>,
    pub(crate) errors: f64,
    pub(crate) negative_log_likelihood: f64,
    pub(crate) calibration_error: f64,
    /// The fraction of test rows for which teacher and student chose the same class.
    pub(crate) agreement: f64,
    /// The mean test accuracy after each epoch.
    pub(crate) curve: Vec<f64>,
}

/// What the report draws.
#[derive(Default)]
pub(crate) struct Pictures {
    /// A test row whose soft targets are told at several temperatures.
    pub(crate) ambiguous: Option<Ambiguous>,
    /// Test rows for which the teacher and the distilled student of the first seed differ.
    pub(crate) differences: Vec<Difference>,
}

pub(crate) struct Ambiguous {
    pub(crate) image: Image,
    pub(crate) label: usize,
    /// For each temperature the teacher's probabilities.
    pub(crate) soft_targets: Vec<(f32, Vec<f32>)>,
}

pub(crate) struct Difference {
    pub(crate) image: Image,
    pub(crate) label: usize,
    pub(crate) teacher: usize,
    pub(crate) distilled: usize,
    pub(crate) hard: usize,
}

/// Pixels in 0..=1, row by row.
pub(crate) struct Image {
    pub(crate) width: usize,
    pub(crate) pixels: Vec<f32>,
}

/// The temperatures at which soft targets are shown.
const TEMPERATURES: [f32; 4] = [1.0, 2.0, 4.0, 10.0];
/// Pictures of digits where teacher and student differ, at most.
const DIFFERENCES: usize = 12;

/// A training set, a test set, and where they came from.
pub(crate) struct Data {
    pub(crate) source: String,
    pub(crate) train: Dataset,
    pub(crate) test: Dataset,
}

pub(crate) fn run(
    plan: &DigitsPlan,
    data: &Data,
    seed: u64,
    progress: &Progress,
) -> Result<DigitsResult> {
    let teacher = train_teacher(plan, data, seed, progress)?;
    let lesson = Lesson {
        train: &data.train,
        test: &data.test,
        targets: SoftTargets::from_teacher(&teacher, &data.train.inputs())?,
        test_targets: SoftTargets::from_teacher(&teacher, &data.test.inputs())?,
    };
    let mut comparisons = Vec::new();
    let mut pictures = Pictures::default();
    for setting in &plan.settings {
        let (comparison, first_seed) = compare(plan, setting, &lesson, seed, progress)?;
        if comparisons.is_empty() {
            pictures = draw(&lesson, &first_seed)?;
        }
        comparisons.push(comparison);
    }
    Ok(DigitsResult {
        data: data.source.clone(),
        train_rows: data.train.len(),
        test_rows: data.test.len(),
        temperature: plan.loss.temperature(),
        alpha: plan.loss.alpha(),
        label_smoothing: plan.label_smoothing,
        teacher: TeacherResult {
            network: teacher.config().to_string(),
            evaluation: Evaluation::new(&lesson.test_targets.logits(), data.test.labels())?,
            cost: cost(&teacher),
        },
        comparisons,
        pictures,
    })
}

fn train_teacher(plan: &DigitsPlan, data: &Data, seed: u64, progress: &Progress) -> Result<Mlp> {
    let (train, rng) = (&data.train, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
    let config = MlpConfig::new(train.features(), plan.teacher, train.classes())?;
    let mut teacher = Mlp::new(config, rng)?;
    let task = progress.task("Teacher", plan.teacher_epochs as u64);
    let fit = Fit::new(plan.teacher_epochs, plan.teacher_batch)?.with_cosine_schedule();
    let (mut objective, mut adam) = (HardLabels::new(train.labels()), Adam::new(1e-3)?);
    fit.run(&mut teacher, &train.inputs(), &mut objective, &mut adam, rng, |epoch| {
        task.advance(|| format!("loss {:.4}", epoch.loss));
        interrupt::flow()
    })?;
    interrupt::check()?;
    let right = accuracy(&teacher.predict(&data.test.inputs())?, data.test.labels())?;
    task.finish(format!("{:.2}% right", 100.0 * right));
    Ok(teacher)
}

/// One trained student.
struct Student {
    way: Way,
    network: Mlp,
    evaluation: Evaluation,
    agreement: f64,
    curve: Vec<f64>,
}

/// Trains the setting's student in every way with every seed; the students of the first seed are
/// given back as they are.
fn compare(
    plan: &DigitsPlan,
    setting: &Setting,
    lesson: &Lesson<'_>,
    seed: u64,
    progress: &Progress,
) -> Result<(Comparison, Vec<Student>)> {
    let runs: Vec<(u64, Way)> = (0..plan.seeds)
        .flat_map(|index| Way::ALL.map(|way| (seed.wrapping_add(1 + index), way)))
        .collect();
    let task = progress.task(setting.name, (runs.len() * setting.epochs) as u64);
    // Each run has its own seed, so what comes out does not depend on the number of threads.
    let students = runs
        .par_iter()
        .map(|&(seed, way)| train_student(plan, setting, lesson, way, seed, &task))
        .collect::<Result<Vec<Student>>>()?;
    let of = |way: Way| students.iter().filter(move |student| student.way == way);
    let results = Way::ALL.map(|way| summarise(way, &of(way).collect::<Vec<_>>()));
    let results = results.into_iter().collect::<Result<Vec<_>>>()?;
    let gain = Interval::of_differences(&results[2].accuracies, &results[0].accuracies)?;
    task.finish(format!("distilled − hard labels: {} points", in_points(&gain)));
    let comparison = Comparison {
        note: setting.note,
        network: students[0].network.config().to_string(),
        labelled_rows: setting.rows.min(lesson.train.len()),
        epochs: setting.epochs,
        cost: cost(&students[0].network),
        students: results,
        gain,
    };
    Ok((comparison, students.into_iter().take(Way::ALL.len()).collect()))
}

/// What all students have in common.
struct Lesson<'a> {
    train: &'a Dataset,
    test: &'a Dataset,
    /// What the teacher says about the training rows ...
    targets: SoftTargets,
    /// ... and about those of the test.
    test_targets: SoftTargets,
}

impl Lesson<'_> {
    /// As many rows, drawn at random, as the setting has labels for, with their soft targets; none
    /// where it has all of them.
    fn draw_rows(
        &self,
        count: usize,
        rng: &mut impl Rng,
    ) -> Result<Option<(Dataset, SoftTargets)>> {
        if count >= self.train.len() {
            return Ok(None);
        }
        let rows = rand::seq::index::sample(rng, self.train.len(), count).into_vec();
        let logits = self.targets.logits().select(Axis(0), &rows);
        Ok(Some((self.train.select(&rows)?, SoftTargets::from_logits(logits)?)))
    }
}

fn train_student(
    plan: &DigitsPlan,
    setting: &Setting,
    lesson: &Lesson<'_>,
    way: Way,
    seed: u64,
    task: &Task,
) -> Result<Student> {
    interrupt::check()?;
    // All ways have the same rows, start from the same weights and see the same batches.
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let drawn = lesson.draw_rows(setting.rows, rng)?;
    let (labelled, targets) = match &drawn {
        Some((rows, targets)) => (rows, targets),
        None => (lesson.train, &lesson.targets),
    };
    let test = lesson.test;
    let config = MlpConfig::new(labelled.features(), setting.student, labelled.classes())?;
    let mut network = Mlp::new(config, rng)?;
    let mut objective: Box<dyn Objective<f32> + '_> = match way {
        Way::HardLabels => Box::new(HardLabels::new(labelled.labels())),
        Way::LabelSmoothing => {
            let loss = CrossEntropy::new().with_label_smoothing(plan.label_smoothing)?;
            Box::new(HardLabels::with_loss(labelled.labels(), loss))
        }
        Way::Distilled => Box::new(Distill::new(targets, labelled.labels(), plan.loss)?),
    };
    let mut adam = Adam::new(setting.learning_rate)?;
    let fit = Fit::new(setting.epochs, setting.batch)?.with_cosine_schedule();
    let (mut curve, mut failure) = (Vec::new(), None);
    fit.run(&mut network, &labelled.inputs(), &mut *objective, &mut adam, rng, |epoch| {
        match epoch.mlp.predict(&test.inputs()).and_then(|y| accuracy(&y, test.labels())) {
            Ok(right) => curve.push(right),
            Err(error) => failure = Some(error),
        }
        task.advance(|| format!("{}, loss {:.4}", way.name(), epoch.loss));
        if failure.is_some() { ControlFlow::Break(()) } else { interrupt::flow() }
    })?;
    interrupt::check()?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    let logits = network.predict(&test.inputs())?;
    Ok(Student {
        way,
        evaluation: Evaluation::new(&logits, test.labels())?,
        agreement: agreement(&logits, &lesson.test_targets.logits())?,
        network,
        curve,
    })
}

fn summarise(way: Way, students: &[&Student]) -> Result<StudentResult> {
    let mean = |of: &dyn Fn(&Student) -> f64| {
        students.iter().map(|student| of(student)).sum::<f64>() / students.len() as f64
    };
    let accuracies: Vec<f64> = students.iter().map(|student| student.evaluation.accuracy).collect();
    let epochs = students.first().map_or(0, |student| student.curve.len());
    Ok(StudentResult {
        way,
        accuracy: Interval::new(&accuracies)?,
        accuracies,
        errors: mean(&|student| student.evaluation.errors as f64),
        negative_log_likelihood: mean(&|student| student.evaluation.negative_log_likelihood),
        calibration_error: mean(&|student| student.evaluation.calibration_error),
        agreement: mean(&|student| student.agreement),
        curve: (0..epochs).map(|epoch| mean(&|student| student.curve[epoch])).collect(),
    })
}

/// What the report shows of single digits.
fn draw(lesson: &Lesson<'_>, first_seed: &[Student]) -> Result<Pictures> {
    let (test, teacher) = (lesson.test, &lesson.test_targets);
    let logits_of = |way: Way| -> Result<Option<Array2<f32>>> {
        let student = first_seed.iter().find(|student| student.way == way);
        Ok(student.map(|student| student.network.predict(&test.inputs())).transpose()?)
    };
    let (Some(hard), Some(distilled)) = (logits_of(Way::HardLabels)?, logits_of(Way::Distilled)?)
    else {
        return Ok(Pictures::default());
    };
    let choice = |logits: &Array2<f32>, row: usize| argmax(logits.row(row));
    let image = |row: usize| Image { width: test.width(), pixels: test.inputs().row(row).to_vec() };
    let differences = (0..test.len())
        .map(|row| Difference {
            image: image(row),
            label: test.labels()[row],
            teacher: argmax(teacher.logits().row(row)),
            distilled: choice(&distilled, row),
            hard: choice(&hard, row),
        })
        .filter(|difference| difference.teacher != difference.distilled)
        .take(DIFFERENCES)
        .collect();

    // The digit that the teacher gets right and finds most like another one.
    let mut ambiguous = (0.0, None);
    for (row, p) in teacher.probabilities(1.0)?.rows().into_iter().enumerate() {
        let label = test.labels()[row];
        let second = p.iter().enumerate().filter(|(class, _)| *class != label).map(|(_, p)| *p);
        let second = second.fold(0.0, f32::max);
        // Right, and still sure of it: at T = 1 the others are barely to be seen.
        if p[label] > 0.9 && second > ambiguous.0 {
            ambiguous = (second, Some(row));
        }
    }
    let ambiguous = match ambiguous.1 {
        None => None,
        Some(row) => {
            let soft_targets = TEMPERATURES.into_iter().map(|temperature| {
                Ok((temperature, teacher.probabilities(temperature)?.row(row).to_vec()))
            });
            Some(Ambiguous {
                image: image(row),
                label: test.labels()[row],
                soft_targets: soft_targets.collect::<Result<_>>()?,
            })
        }
    };
    Ok(Pictures { ambiguous, differences })
}

/// An interval of fractions in percentage points.
pub(crate) fn in_points(interval: &Interval) -> String {
    format!("{:.2} ± {:.2}", 100.0 * interval.mean, 100.0 * interval.half_width)
}
