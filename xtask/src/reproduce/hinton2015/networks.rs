//! The networks: trained, or read from where they were kept.

use std::path::Path;

use anyhow::Result;
use ndarray::ArrayView2;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{Distill, Distillation, SoftTargets};
use reflux_nn::data::Dataset;
use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, Objective};

use super::{Args, Transfer};
use crate::interrupt;
use crate::progress::Progress;
use crate::reproduce::jitter::jitter;

const BATCH: usize = 128;
const LEARNING_RATE: f64 = 1e-3;
/// Up to two pixels, as the paper says.
pub(super) const MOVES: i32 = 2;
/// Of the paper's teacher it is only known that its weights were constrained.
pub(super) const MAX_NORM: f64 = 3.5;
pub(super) const DROPOUT: f64 = 0.3;

pub(super) struct Networks<'a> {
    pub(super) args: &'a Args,
    /// Where networks are kept.
    pub(super) folder: &'a Path,
    pub(super) train: &'a Dataset,
}

impl Networks<'_> {
    pub(super) fn teacher(&self) -> Result<Mlp> {
        let config = MlpConfig::new(self.train.features(), &[1200, 1200], self.train.classes())?
            .with_dropout(DROPOUT)?;
        let fit = Fit::new(self.args.teacher_epochs, BATCH)?
            .with_cosine_schedule()
            .with_max_norm(MAX_NORM)?;
        let mut objective = HardLabels::new(self.train.labels());
        self.kept("teacher", 0, config, fit, &self.train.inputs(), &mut objective, MOVES)
    }

    /// The student with the labels, and no regularisation.
    pub(super) fn alone(&self, seed: u64) -> Result<Mlp> {
        let fit = Fit::new(self.args.student_epochs, BATCH)?.with_cosine_schedule();
        let mut objective = HardLabels::new(self.train.labels());
        self.kept("alone", seed, self.student()?, fit, &self.train.inputs(), &mut objective, 0)
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
        let alpha = if transfer.all_digits() { self.args.alpha } else { 0.0 };
        let loss =
            Distillation::new().with_alpha(alpha)?.with_temperature(self.args.temperature)?;
        let mut objective = Distill::new(targets, images.labels(), loss)?;
        let epochs = self.args.student_epochs * self.train.len() / images.len().max(1);
        let fit = Fit::new(epochs.max(1), BATCH)?.with_cosine_schedule();
        let name = transfer.name();
        self.kept(name, seed, self.student()?, fit, &images.inputs(), &mut objective, 0)
    }

    fn student(&self) -> Result<MlpConfig> {
        Ok(MlpConfig::new(self.train.features(), &[800, 800], self.train.classes())?)
    }

    /// The network of that name, trained unless it was kept.
    fn kept(
        &self,
        name: &str,
        seed: u64,
        config: MlpConfig,
        fit: Fit,
        inputs: &ArrayView2<'_, f32>,
        objective: &mut dyn Objective<f32>,
        moves: i32,
    ) -> Result<Mlp> {
        let file = format!("{}-{}-{seed}.safetensors", name.replace(' ', "-"), fit.epochs());
        let path = self.folder.join(file);
        if path.exists() {
            return Ok(Mlp::load_as(config, &path)?);
        }
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut mlp = Mlp::new(config, rng)?;
        let bars = Progress::new();
        let task = bars.task(&format!("seed {seed}, {name}"), fit.epochs() as u64);
        let mut training = fit.on(inputs, objective).observe(|epoch| {
            task.advance(|| format!("loss {:.4}", epoch.loss));
            interrupt::flow()
        });
        if moves > 0 {
            training = training.augment(jitter([self.train.height(), self.train.width()], moves));
        }
        training.run(&mut mlp, &mut Adam::new(LEARNING_RATE)?, rng)?;
        interrupt::check()?;
        mlp.save(&path)?;
        task.finish("kept");
        Ok(mlp)
    }
}
