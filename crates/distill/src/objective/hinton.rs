//! Hinton's objective, with settings that may change from step to step.
//!
//! ```text
//! L = α·CE(labels, softmax(x)) + (1 − α)·T²·KL(softmax(z/T) ‖ softmax(x/T))
//! ```
//!
//! `x` the student's logits, `z` the teacher's. Hinton, Vinyals & Dean 2015, arXiv:1503.02531.

use ndarray::ArrayRef2;
use reflux_nn::Real;
use reflux_softmax::Distillation;

use super::settings::checked_settings;
use super::{LogitBatch, LogitLoss};
use crate::{Result, Schedule};

/// Hard labels and softened targets, weighed by alpha: [`Distillation`] with schedules.
///
/// # Example
///
/// The labels count more and more:
///
/// ```
/// use reflux_distill::{Distill, Hinton, Schedule, SoftTargets};
///
/// let targets = SoftTargets::from_logits(ndarray::array![[8.0_f32, 2.0], [1.0, 3.0]])?;
/// let loss = Hinton::new().with_alpha(Schedule::linear(0.0, 0.5, 1000))?.with_temperature(4.0)?;
/// let objective = Distill::new(&targets, &[0, 1], loss)?;
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct Hinton {
    alpha: Schedule,
    temperature: Schedule,
}

impl Hinton {
    /// Alpha and temperature of [`Distillation::new`], at every step.
    pub fn new() -> Self {
        let constant = Distillation::new();
        Self { alpha: constant.alpha().into(), temperature: constant.temperature().into() }
    }

    /// Sets α, the weight of the hard labels; 1 − α is that of the teacher.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) outside `[0, 1]`.
    pub fn with_alpha(self, alpha: impl Into<Schedule>) -> Result<Self> {
        let legal = |alpha| (0.0..=1.0).contains(&alpha);
        Ok(Self { alpha: alpha.into().checked("alpha", "between 0 and 1", legal)?, ..self })
    }

    /// Sets the temperature T.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and above 0.
    pub fn with_temperature(self, temperature: impl Into<Schedule>) -> Result<Self> {
        Ok(Self { temperature: temperature.into().checked_temperature()?, ..self })
    }
}

impl Default for Hinton {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Real> LogitLoss<F> for Hinton {
    fn needs_labels(&self) -> bool {
        self.alpha.maximum() > 0.0
    }

    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let mut now = Distillation::new()
            .with_alpha(self.alpha.at(batch.step))?
            .with_temperature(self.temperature.at(batch.step))?;
        LogitLoss::value_and_gradient(&mut now, batch, gradient)
    }
}

/// [`Hinton`] with settings that stay as they are.
impl<F: Real> LogitLoss<F> for Distillation {
    fn needs_labels(&self) -> bool {
        self.alpha() > 0.0
    }

    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let LogitBatch { student, teacher, labels, .. } = batch;
        Ok(Self::value_and_gradient(self, &student, &teacher, labels, gradient)?)
    }
}

checked_settings! {
    [] Hinton { alpha: Schedule, temperature: Schedule }
    |read| Hinton::new().with_alpha(read.alpha)?.with_temperature(read.temperature)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn each_step_is_the_loss_with_the_settings_of_that_step() {
        let mut scheduled = Hinton::new()
            .with_alpha(Schedule::linear(0.0, 1.0, 4))
            .and_then(|loss| loss.with_temperature(Schedule::linear(8.0, 4.0, 2)))
            .unwrap();
        let (student, teacher) = (array![[0.3, -1.2, 2.0]], array![[5.0, 1.0, -2.0]]);
        for (step, alpha, temperature) in [(0, 0.0, 8.0), (1, 0.25, 6.0), (3, 0.75, 4.0)] {
            let (mut got, mut expected) = (Array2::zeros((1, 3)), Array2::zeros((1, 3)));
            let batch = LogitBatch::new(&student, &teacher).with_labels(&[1]).at_step(step);
            let value = scheduled.value_and_gradient(batch, &mut got).unwrap();
            let fixed = Distillation::new().with_alpha(alpha).unwrap();
            let fixed = fixed.with_temperature(temperature).unwrap();
            let direct = fixed.value_and_gradient(&student, &teacher, Some(&[1]), &mut expected);
            assert_eq!((value, got), (direct.unwrap(), expected));
        }
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        assert!(Hinton::new().with_alpha(Schedule::linear(0.0, 1.5, 9)).is_err());
        let error = Hinton::new().with_temperature(0.0).unwrap_err().to_string();
        assert_eq!(error, "temperature must be finite and > 0, got 0");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_are_checked_when_they_are_read() {
        let loss = Hinton::new().with_temperature(Schedule::cosine(8.0, 2.0, 10)).unwrap();
        let text = serde_json::to_string(&loss).unwrap();
        assert_eq!(serde_json::from_str::<Hinton>(&text).unwrap(), loss);
        let bad = r#"{"alpha": {"constant": 2.0}, "temperature": {"constant": 1.0}}"#;
        let error = serde_json::from_str::<Hinton>(bad).unwrap_err().to_string();
        assert!(error.starts_with("alpha must be between 0 and 1, got 2"), "{error}");
    }
}
