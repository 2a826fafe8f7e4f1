//! The networks: trained, or read from where they were kept.

use std::cell::Cell;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use ndarray::ArrayView2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{Distill, Distillation, SoftTargets};
use reflux_nn::data::Dataset;
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Objective};

use super::{Args, Transfer};
use crate::progress::Progress;
use crate::reproduce::jitter::jitter;
use crate::{interrupt, output};

const BATCH: usize = 128;
pub(super) const LEARNING_RATE: f64 = 1e-3;
/// For transfer sets of all digits or with moved copies, where 0.001 and 0.01 gave more errors.
pub(super) const DISTILLED_RATE: f64 = 3e-3;
/// Up to two pixels, as the paper says.
pub(super) const MOVES: i32 = 2;
/// Of the paper's teacher it is only known that its weights were constrained.
pub(super) const MAX_NORM: f64 = 3.5;
pub(super) const DROPOUT: f64 = 0.5;

pub(super) struct Networks<'a> {
    pub(super) args: &'a Args,
    /// Where networks are kept.
    pub(super) folder: &'a Path,
    pub(super) train: &'a Dataset,
    /// What training those so far has taken, now or when they were kept.
    pub(super) seconds: Cell<f64>,
}

/// How a network is trained; its images are moved by up to `moves` pixels.
struct Training<'a> {
    name: &'a str,
    seed: u64,
    config: MlpConfig,
    fit: Fit,
    rate: f64,
    moves: i32,
}

impl Networks<'_> {
    pub(super) fn teacher(&self) -> Result<Mlp> {
        let config = MlpConfig::new(self.train.features(), &[1200, 1200], self.train.classes())?
            .with_dropout(DROPOUT)?;
        let fit = Fit::new(self.args.teacher_epochs, BATCH)?
            .with_cosine_schedule()
            .with_max_norm(MAX_NORM)?;
        let mut objective = HardLabels::new(self.train.labels());
        let training =
            Training { name: "teacher", seed: 0, config, fit, rate: LEARNING_RATE, moves: MOVES };
        self.kept(training, &self.train.inputs(), &mut objective)
    }

    /// The student with the labels, and no regularisation.
    pub(super) fn alone(&self, seed: u64) -> Result<Mlp> {
        let fit = Fit::new(self.args.student_epochs, BATCH)?.with_cosine_schedule();
        let mut objective = HardLabels::new(self.train.labels());
        let (config, rate) = (self.student()?, LEARNING_RATE);
        let training = Training { name: "alone", seed, config, fit, rate, moves: 0 };
        self.kept(training, &self.train.inputs(), &mut objective)
    }

    /// The student with the teacher's logits for the images of `transfer`, and with the labels where
    /// it has all digits.
    pub(super) fn distilled(
        &self,
        transfer: Transfer,
        images: &Dataset,
        targets: &SoftTargets<f32>,
        seed: u64,
    ) -> Result<Mlp> {
        let (temperature, alpha) = if transfer.all_digits() {
            (self.args.temperature, self.args.alpha)
        } else {
            (self.args.missing_temperature, 0.0)
        };
        let rate = if transfer.all_digits() || transfer.is_moved() {
            DISTILLED_RATE
        } else {
            LEARNING_RATE
        };
        let epochs =
            if transfer.is_moved() { self.args.moved_epochs } else { self.args.student_epochs };
        let loss = Distillation::new().with_alpha(alpha)?.with_temperature(temperature)?;
        let mut objective = Distill::new(targets, images.labels(), loss)?;
        let epochs = epochs * self.train.len() / images.len().max(1);
        let fit = Fit::new(epochs.max(1), BATCH)?.with_cosine_schedule();
        let (name, config) = (transfer.name(), self.student()?);
        let training = Training { name, seed, config, fit, rate, moves: 0 };
        self.kept(training, &images.inputs(), &mut objective)
    }

    fn student(&self) -> Result<MlpConfig> {
        Ok(MlpConfig::new(self.train.features(), &[800, 800], self.train.classes())?)
    }

    /// The network of that name, trained unless it was kept.
    fn kept(
        &self,
        training: Training<'_>,
        inputs: &ArrayView2<'_, f32>,
        objective: &mut dyn Objective<f32>,
    ) -> Result<Mlp> {
        let Training { name, seed, config, fit, rate, moves } = training;
        let file = format!("{}-{}-{seed}.safetensors", name.replace(' ', "-"), fit.epochs());
        let path = self.folder.join(file);
        let time = path.with_extension("seconds");
        if let (true, Ok(seconds)) = (path.exists(), std::fs::read_to_string(&time)) {
            self.seconds.set(self.seconds.get() + seconds.parse::<f64>()?);
            return Ok(Mlp::load_as(config, &path)?);
        }
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut mlp = Mlp::new(config, rng)?;
        let (start, bars) = (Instant::now(), Progress::new());
        let task = bars.task(&format!("seed {seed}, {name}"), fit.epochs() as u64);
        let mut training = fit.on(inputs, objective).observe(|epoch| {
            task.advance(|| format!("loss {:.4}", epoch.loss));
            interrupt::flow()
        });
        if moves > 0 {
            training = training.augment(jitter([self.train.height(), self.train.width()], moves));
        }
        training.run(&mut mlp, &mut Adam::new(rate)?, rng)?;
        interrupt::check()?;
        mlp.save(&path)?;
        let seconds = start.elapsed().as_secs_f64();
        output::write(&time, &seconds.to_string())?;
        self.seconds.set(self.seconds.get() + seconds);
        task.finish("kept");
        Ok(mlp)
    }
}
