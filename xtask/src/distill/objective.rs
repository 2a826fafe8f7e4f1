//! What a student may be trained towards, by name.

use anyhow::Result;
use rand::Rng;
use reflux_distill::{
    DecoupledKd, Dist, Distill, Distillation, DivergenceKind, FeatureLoss, Hint, Hinton, LogitLoss,
    LogitMse, Relational, Similarity, SoftDivergence, SoftTargets, Standardized, WithFeatures,
    WithLabels,
};
use reflux_nn::{Adam, MlpConfig, Objective};
use serde::Serialize;

use super::teacher::Features;

/// The objectives, and their settings.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Objective")]
pub(super) struct ObjectiveArgs {
    /// What the student's logits are compared by
    #[arg(long, value_enum, default_value_t = Name::Hinton)]
    objective: Name,
    /// The temperature of the soft targets: above 1 softens them
    #[arg(long, value_name = "T", allow_negative_numbers = true, default_value_t = 4.0)]
    temperature: f64,
    /// The weight of the hard labels against the soft targets, from 0 (none) to 1
    #[arg(long, value_name = "A", allow_negative_numbers = true, default_value_t = 0.1)]
    alpha: f64,
    /// Also compare the last hidden layers of student and teacher, which must be a network
    #[arg(long, value_enum)]
    features: Option<FeatureName>,
    /// The weight of that
    #[arg(long, value_name = "W", allow_negative_numbers = true, default_value_t = 1.0)]
    feature_weight: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Name {
    /// Kullback-Leibler from the teacher, T² times (Hinton et al. 2015)
    #[value(alias = "kl")]
    Hinton,
    /// Kullback-Leibler from the student
    ReverseKl,
    /// Jensen-Shannon divergence
    Js,
    /// Total variation
    Tv,
    /// The squared distance of logits, which knows no temperature (Ba & Caruana 2014)
    LogitMse,
    /// Decoupled distillation (Zhao et al. 2022)
    Dkd,
    /// DIST: correlations within rows and classes (Huang et al. 2022)
    Dist,
    /// Hinton's, of standardized logits (Sun et al. 2024)
    Standardized,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum FeatureName {
    /// By a learned projection (FitNets, Romero et al. 2015)
    Hint,
    /// How alike the rows of a batch are (Tung & Mori 2019)
    Similarity,
    /// Distances and angles between rows (Park et al. 2019)
    Relational,
}

impl ObjectiveArgs {
    /// Whether there are hidden layers to compare.
    pub(super) fn has_features(&self) -> bool {
        self.features.is_some()
    }

    /// An error for a setting that is not legal.
    pub(super) fn check(&self) -> Result<()> {
        self.loss()?;
        anyhow::ensure!(
            self.feature_weight.is_finite() && self.feature_weight >= 0.0,
            "the weight of features must be finite and >= 0, got {}",
            self.feature_weight
        );
        Ok(())
    }

    /// The objective of one training.
    pub(super) fn build<'a, R: Rng + ?Sized>(
        &self,
        targets: &'a SoftTargets,
        labels: &'a [usize],
        student: &MlpConfig,
        features: Option<&'a Features>,
        learning_rate: f64,
        rng: &mut R,
    ) -> Result<Box<dyn Objective<f32> + 'a>> {
        let outputs = Distill::new(targets, labels, self.loss()?)?;
        let (Some(name), Some(features)) = (self.features, features) else {
            return Ok(Box::new(outputs));
        };
        let layer = student.hidden().len().saturating_sub(1);
        let width = student.hidden().last().copied().unwrap_or_default();
        let loss: Box<dyn FeatureLoss<f32>> = match name {
            FeatureName::Hint => {
                Box::new(Hint::new(width, features.ncols(), Adam::new(learning_rate)?, rng)?)
            }
            FeatureName::Similarity => Box::new(Similarity::new()),
            FeatureName::Relational => Box::new(Relational::new()),
        };
        let objective = WithFeatures::new(outputs, loss, features, layer)?;
        Ok(Box::new(objective.with_weight(self.feature_weight)?))
    }

    fn loss(&self) -> Result<Box<dyn LogitLoss<f32>>> {
        // Checks both, whatever the objective makes of them.
        Distillation::new().with_temperature(self.temperature)?.with_alpha(self.alpha)?;
        let temperature = self.temperature;
        match self.objective {
            Name::Hinton => {
                Ok(Box::new(Hinton::new().with_temperature(temperature)?.with_alpha(self.alpha)?))
            }
            Name::ReverseKl => self.divergence(DivergenceKind::ReverseKl),
            Name::Js => self.divergence(DivergenceKind::JensenShannon),
            Name::Tv => self.divergence(DivergenceKind::TotalVariation),
            Name::LogitMse => self.with_labels(LogitMse::new()),
            Name::Dkd => self.with_labels(DecoupledKd::new().with_temperature(temperature)?),
            Name::Dist => self.with_labels(Dist::new().with_temperature(temperature)?),
            Name::Standardized => self.with_labels(Standardized::new(
                Hinton::new().with_temperature(temperature)?.with_alpha(0.0)?,
            )),
        }
    }

    fn divergence(&self, kind: DivergenceKind) -> Result<Box<dyn LogitLoss<f32>>> {
        self.with_labels(SoftDivergence::new(kind, self.temperature)?)
    }

    fn with_labels(&self, soft: impl LogitLoss<f32> + 'static) -> Result<Box<dyn LogitLoss<f32>>> {
        let loss = WithLabels::new(soft).with_hard_weight(self.alpha)?;
        Ok(Box::new(loss.with_soft_weight(1.0 - self.alpha)?))
    }
}
