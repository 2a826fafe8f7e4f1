//! Labels beside a loss that knows only the teacher.
//!
//! ```text
//! L = h·CE(labels, softmax(x)) + s·L_soft(x, z)
//! ```

use ndarray::{ArrayRef2, Zip};
use reflux_nn::Real;
use reflux_softmax::CrossEntropy;

use super::memory::Memory;
use super::{LogitBatch, LogitLoss};
use crate::{Result, Schedule};

/// The cross-entropy with the labels, times a weight, plus a loss against the teacher, times another.
///
/// Unlike alpha in [`Hinton`](crate::Hinton) the weights are independent, as in most papers since.
///
/// # Example
///
/// Decoupled distillation, which comes in over the first thousand steps as in its paper:
///
/// ```
/// use reflux_distill::{DecoupledKd, Distill, Schedule, SoftTargets, WithLabels};
///
/// let targets = SoftTargets::from_logits(ndarray::array![[8.0_f32, 2.0], [1.0, 3.0]])?;
/// let warm_up = Schedule::linear(0.0, 1.0, 1000);
/// let loss = WithLabels::new(DecoupledKd::new()).with_soft_weight(warm_up)?;
/// let objective = Distill::new(&targets, &[0, 1], loss)?;
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct WithLabels<L, F = f32> {
    soft: L,
    hard_weight: Schedule,
    soft_weight: Schedule,
    memory: Memory<F>,
}

impl<L, F: Real> WithLabels<L, F> {
    /// Both with weight 1.
    pub fn new(soft: L) -> Self {
        Self { soft, hard_weight: 1.0.into(), soft_weight: 1.0.into(), memory: Memory::default() }
    }

    /// Sets `h`, the weight of the labels.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and at least 0.
    pub fn with_hard_weight(self, weight: impl Into<Schedule>) -> Result<Self> {
        Ok(Self { hard_weight: weight.into().checked_weight("the hard weight")?, ..self })
    }

    /// Sets `s`, the weight of the teacher.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and at least 0.
    pub fn with_soft_weight(self, weight: impl Into<Schedule>) -> Result<Self> {
        Ok(Self { soft_weight: weight.into().checked_weight("the soft weight")?, ..self })
    }
}

impl<L: LogitLoss<F>, F: Real> LogitLoss<F> for WithLabels<L, F> {
    fn needs_labels(&self) -> bool {
        true
    }

    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let shape = batch.checked_shape(gradient, 1)?;
        let labels = batch.checked_labels("a loss with labels")?;
        let [mut hard_gradient] = self.memory.matrices([shape]);
        let hard =
            CrossEntropy::new().value_and_gradient(&batch.student, labels, &mut hard_gradient)?;
        let soft = self.soft.value_and_gradient(batch, gradient)?;
        let [h, s] =
            [self.hard_weight, self.soft_weight].map(|weight| F::from_f64(weight.at(batch.step)));
        Zip::from(gradient).and(&hard_gradient).for_each(|g, &hard| *g = h * hard + s * *g);
        Ok(h * hard + s * soft)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};
    use reflux_softmax::{Distillation, Divergence};

    use super::*;
    use crate::objective::tests_support::logits;

    #[test]
    fn with_weights_alpha_and_its_complement_it_is_hintons_loss() {
        let (student, teacher) = logits();
        let labels = [0, 2, 1, 3];
        let batch = LogitBatch::new(&student, &teacher).with_labels(&labels);
        let (mut got, mut expected) = (Array2::zeros(student.dim()), Array2::zeros(student.dim()));
        let mut loss = WithLabels::new(Divergence::forward_kl(3.0).unwrap())
            .with_hard_weight(0.25)
            .and_then(|loss| loss.with_soft_weight(0.75))
            .unwrap();
        let value = loss.value_and_gradient(batch, &mut got).unwrap();
        let hinton = Distillation::new().with_alpha(0.25).unwrap().with_temperature(3.0).unwrap();
        let direct = hinton.value_and_gradient(&student, &teacher, Some(&labels), &mut expected);
        assert_relative_eq!(value, direct.unwrap(), max_relative = 1e-12);
        assert_relative_eq!(got, expected, max_relative = 1e-12, epsilon = 1e-15);
    }

    #[test]
    fn missing_and_wrong_labels_are_refused() {
        let (student, teacher) = (array![[0.0, 1.0]], array![[0.0, 1.0]]);
        let batch = LogitBatch::new(&student, &teacher);
        let mut loss = WithLabels::new(Divergence::forward_kl(1.0).unwrap());
        let gradient = &mut Array2::zeros((1, 2));
        let error = loss.value_and_gradient(batch, gradient).unwrap_err().to_string();
        assert_eq!(error, "a loss with labels needs labels, got none");
        assert!(loss.value_and_gradient(batch.with_labels(&[2]), gradient).is_err());
        assert!(loss.value_and_gradient(batch.with_labels(&[0, 1]), gradient).is_err());
        assert!(loss.with_hard_weight(f64::NAN).is_err());
    }
}
