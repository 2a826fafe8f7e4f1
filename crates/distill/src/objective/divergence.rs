//! A divergence between the teacher's and the student's softened probabilities, alone.
//!
//! With `p = softmax(z/T)` the teacher's and `q = softmax(x/T)` the student's,
//!
//! ```text
//! L = T²·D(p, q),   D = KL(p‖q), KL(q‖p), Jensen-Shannon or total variation
//! ```
//!
//! [`DivergenceKind`] has the formulas and the papers.

use ndarray::ArrayRef2;
use reflux_nn::Real;
use reflux_softmax::{Divergence, DivergenceKind};

use super::settings::checked_settings;
use super::{LogitBatch, LogitLoss};
use crate::{Result, Schedule};

/// [`Divergence`] with a schedule for its temperature. It knows no labels; [`WithLabels`] adds them.
///
/// [`WithLabels`]: crate::WithLabels
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct SoftDivergence {
    kind: DivergenceKind,
    temperature: Schedule,
}

impl SoftDivergence {
    /// Of this kind at this temperature.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless the temperature is finite and above 0.
    pub fn new(kind: DivergenceKind, temperature: impl Into<Schedule>) -> Result<Self> {
        Ok(Self { kind, temperature: temperature.into().checked_temperature()? })
    }
}

impl<F: Real> LogitLoss<F> for SoftDivergence {
    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let mut now = Divergence::new(self.kind, self.temperature.at(batch.step))?;
        LogitLoss::value_and_gradient(&mut now, batch, gradient)
    }
}

/// [`SoftDivergence`] at a temperature that stays as it is.
impl<F: Real> LogitLoss<F> for Divergence {
    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        Ok(Self::value_and_gradient(self, &batch.student, &batch.teacher, gradient)?)
    }
}

checked_settings! {
    [] SoftDivergence { kind: DivergenceKind, temperature: Schedule }
    |read| SoftDivergence::new(read.kind, read.temperature)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn each_kind_is_that_of_softmax_at_the_temperature_of_the_step() {
        let (student, teacher) = (array![[0.3, -1.2, 2.0]], array![[5.0, 1.0, -2.0]]);
        for kind in [
            DivergenceKind::ForwardKl,
            DivergenceKind::ReverseKl,
            DivergenceKind::JensenShannon,
            DivergenceKind::TotalVariation,
        ] {
            let mut loss = SoftDivergence::new(kind, Schedule::linear(4.0, 2.0, 2)).unwrap();
            for (step, temperature) in [(0, 4.0), (1, 3.0), (2, 2.0)] {
                let (mut got, mut expected) = (Array2::zeros((1, 3)), Array2::zeros((1, 3)));
                let batch = LogitBatch::new(&student, &teacher).at_step(step);
                let value = loss.value_and_gradient(batch, &mut got).unwrap();
                let direct = Divergence::new(kind, temperature).unwrap();
                let direct = direct.value_and_gradient(&student, &teacher, &mut expected).unwrap();
                assert_eq!((value, got), (direct, expected));
            }
        }
        assert!(SoftDivergence::new(DivergenceKind::ForwardKl, -1.0).is_err());
    }
}
