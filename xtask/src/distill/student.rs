//! The student, brought up in three ways with every seed.

use anyhow::{Result, ensure};
use ndarray::{Array2, Axis};
use rand::Rng;
use rayon::prelude::*;
use reflux_distill::{SoftTargets, label_smoothing};
use reflux_nn::data::Dataset;
use reflux_nn::{HardLabels, Mlp, MlpConfig, Objective};
use serde::Serialize;

use super::data::Data;
use super::folder::Folder;
use super::objective::ObjectiveArgs;
use super::teacher::{Answers, Features};
use super::training::{self, Scaling, TrainingArgs};
use crate::progress::{Progress, Task};
use crate::widths::widths;

/// The student, and what it is compared with.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Student")]
pub(super) struct StudentArgs {
    /// The widths of the student's hidden layers, as in 32 or 64,64
    #[arg(long, value_name = "WIDTHS", default_value = "32")]
    student: String,
    /// So many rows are all that a student sees, drawn anew for each seed: what the teacher knows of the
    /// others it can pass on
    #[arg(long, value_name = "N")]
    student_rows: Option<usize>,
    /// The smoothing of the labels for the student that is the control
    #[arg(long, value_name = "S", allow_negative_numbers = true, default_value_t = 0.1)]
    label_smoothing: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Alone,
    LabelSmoothing,
    Distilled,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Alone, Self::LabelSmoothing, Self::Distilled];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Alone => "student alone",
            Self::LabelSmoothing => "label smoothing",
            Self::Distilled => "distilled",
        }
    }

    fn file_name(self) -> String {
        self.name().replace(' ', "-")
    }
}

impl StudentArgs {
    /// An error for a setting that is not legal.
    pub(super) fn check(&self) -> Result<()> {
        self.hidden()?;
        ensure!(self.student_rows != Some(0), "a student must see at least 1 row, got 0");
        label_smoothing::<f32>(&[], self.label_smoothing)?;
        Ok(())
    }

    fn hidden(&self) -> Result<Vec<usize>> {
        widths(&self.student, "the student's hidden layers")
    }
}

/// Everything that the students have in common.
pub(super) struct Lesson<'a> {
    pub(super) data: &'a Data,
    pub(super) scaling: Option<&'a Scaling>,
    pub(super) answers: &'a Answers,
    pub(super) student: &'a StudentArgs,
    pub(super) objective: &'a ObjectiveArgs,
    pub(super) training: &'a TrainingArgs,
    pub(super) folder: &'a Folder,
}

/// Rows, and what the teacher says about them.
struct Seen {
    rows: Dataset,
    targets: SoftTargets,
    features: Option<Features>,
}

/// The students of one way.
pub(super) struct Students {
    pub(super) way: Way,
    /// That of the first seed.
    pub(super) first: Mlp,
    /// What each says about the test, a seed after the other.
    pub(super) logits: Vec<Array2<f32>>,
}

impl Lesson<'_> {
    /// Trains all that are not in the folder yet.
    pub(super) fn teach(&self, seeds: u64, progress: &Progress) -> Result<Vec<Students>> {
        let runs: Vec<(Way, u64)> =
            Way::ALL.iter().flat_map(|&way| (1..=seeds).map(move |seed| (way, seed))).collect();
        let task = progress.task("Students", (runs.len() * self.epochs()) as u64);
        // Each run has its own seed, so what comes out does not depend on the number of threads.
        let networks: Vec<Mlp> = runs
            .par_iter()
            .map(|&(way, seed)| self.student(way, seed, &task))
            .collect::<Result<_>>()?;
        task.finish(format!("{} trained, {seeds} a way", networks.len()));
        let inputs = self.data.test.rows.inputs();
        let mut all = Vec::new();
        for (way, networks) in Way::ALL.into_iter().zip(networks.chunks(seeds as usize)) {
            let logits = networks.iter().map(|network| Ok(network.predict(&inputs)?));
            let logits = logits.collect::<Result<_>>()?;
            all.push(Students { way, first: networks[0].clone(), logits });
        }
        Ok(all)
    }

    fn epochs(&self) -> usize {
        let all = self.data.train.rows.len();
        self.training.epochs(self.student.student_rows.map_or(all, |rows| rows.min(all)))
    }

    /// What a student sees, if it is not all that there is.
    fn draw(&self, rng: &mut impl Rng) -> Result<Option<Seen>> {
        let all = self.data.train.rows.len();
        let Some(count) = self.student.student_rows.filter(|count| *count < all) else {
            return Ok(None);
        };
        let rows = rand::seq::index::sample(rng, all, count).into_vec();
        let logits = self.answers.train.logits().select(Axis(0), &rows);
        let features = self.answers.features.as_ref();
        Ok(Some(Seen {
            rows: self.data.train.rows.select(&rows)?,
            targets: SoftTargets::from_logits(logits)?,
            features: features.map(|features| features.select(Axis(0), &rows)),
        }))
    }

    fn student(&self, way: Way, seed: u64, task: &Task) -> Result<Mlp> {
        let file = self.folder.student(&way.file_name(), seed);
        if file.exists() {
            (0..self.epochs()).for_each(|_| task.advance(String::new));
            return Ok(Mlp::load(file)?);
        }
        // All ways have the same rows, start from the same weights and see the same batches.
        let rng = &mut self.training.rng(seed);
        let seen = self.draw(rng)?;
        let (rows, targets, features) = match &seen {
            Some(Seen { rows, targets, features }) => (rows, targets, features.as_ref()),
            None => {
                let Answers { train, features, .. } = self.answers;
                (&self.data.train.rows, train, features.as_ref())
            }
        };
        let hidden = self.student.hidden()?;
        let config = MlpConfig::new(rows.features(), &hidden, self.data.classes.len())?;
        let network = Mlp::new(config, rng)?;
        let (labels, training) = (rows.labels(), self.training);
        let mut objective: Box<dyn Objective<f32> + '_> = match way {
            Way::Alone => Box::new(HardLabels::new(labels)),
            Way::LabelSmoothing => Box::new(label_smoothing(labels, self.student.label_smoothing)?),
            Way::Distilled => {
                // A generator of its own, so that a projection changes neither weights nor batches.
                let rng = &mut training.rng(u64::MAX - seed);
                let (config, rate) = (network.config(), training.learning_rate);
                self.objective.build(targets, labels, config, features, rate, rng)?
            }
        };
        let network = training::train(
            network,
            rows,
            self.data.validation.as_ref(),
            self.scaling,
            &mut *objective,
            &training.fit(self.epochs())?,
            training.learning_rate,
            rng,
            |loss| task.advance(|| format!("{}, loss {loss:.4}", way.name())),
        )?;
        network.save(file)?;
        Ok(network)
    }
}
