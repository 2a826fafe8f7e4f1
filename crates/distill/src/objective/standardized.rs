//! Logits brought to mean 0 and deviation 1 before they are compared.
//!
//! ```text
//! N(x)_i = (x_i − μ)/(σ + ε),   μ = 1/K Σ_i x_i,   σ² = 1/K Σ_i (x_i − μ)²,   ε = 1e-7
//! L = L_soft(N(x), N(z))
//! ```
//!
//! so that a student has to find the teacher's relations between the classes, not the size of its
//! logits. Sun et al. 2024, "Logit standardization in knowledge distillation", arXiv:2403.01427,
//! algorithm 1 (the authors' code divides by K − 1 instead).

use ndarray::{ArrayRef2, ArrayView1, ArrayViewMut1};
use reflux_nn::Real;

use super::memory::Memory;
use super::{LogitBatch, LogitLoss};
use crate::Result;

/// As in the authors' code.
const EPSILON: f64 = 1e-7;

/// A loss against the teacher, of standardized logits.
///
/// With the authors' weights for distillation by forward KL:
///
/// ```
/// use reflux_distill::{Distill, Divergence, SoftTargets, Standardized, WithLabels};
///
/// let targets = SoftTargets::from_logits(ndarray::array![[8.0_f32, 2.0], [1.0, 3.0]])?;
/// let soft = Standardized::new(Divergence::forward_kl(2.0)?);
/// let loss = WithLabels::new(soft).with_hard_weight(0.1)?.with_soft_weight(9.0)?;
/// let objective = Distill::new(&targets, &[0, 1], loss)?;
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Standardized<L, F = f32> {
    loss: L,
    memory: Memory<F>,
}

impl<L, F: Real> Standardized<L, F> {
    /// Of a loss that knows only the teacher: labels belong outside, in
    /// [`WithLabels`](crate::WithLabels), where the logits are those of the student.
    pub fn new(loss: L) -> Self {
        Self { loss, memory: Memory::default() }
    }
}

impl<L: LogitLoss<F>, F: Real> LogitLoss<F> for Standardized<L, F> {
    fn needs_labels(&self) -> bool {
        self.loss.needs_labels()
    }

    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let shape = batch.checked_shape(gradient, 1)?;
        let [mut student, mut teacher] = self.memory.matrices([shape, shape]);
        for (from, to) in [(&batch.student, &mut student), (&batch.teacher, &mut teacher)] {
            for (logits, mut out) in from.rows().into_iter().zip(to.rows_mut()) {
                let (mean, deviation) = moments(logits);
                let scale = 1.0 / (deviation + EPSILON);
                out.assign(&logits);
                out.mapv_inplace(|x| F::from_f64((x.as_f64() - mean) * scale));
            }
        }
        let inner = LogitBatch { student: student.view(), teacher: teacher.view(), ..batch };
        let value = self.loss.value_and_gradient(inner, gradient)?;
        let rows = batch.student.rows().into_iter().zip(student.rows());
        for ((logits, standardized), gradient) in rows.zip(gradient.rows_mut()) {
            chain(moments(logits).1, standardized, gradient);
        }
        Ok(value)
    }
}

/// Mean and standard deviation.
fn moments<F: Real>(row: ArrayView1<'_, F>) -> (f64, f64) {
    let classes = row.len() as f64;
    let mean = row.iter().map(|x| x.as_f64()).sum::<f64>() / classes;
    let variance = row.iter().map(|x| (x.as_f64() - mean).powi(2)).sum::<f64>() / classes;
    (mean, variance.sqrt())
}

/// From the gradient `g` with respect to `y = N(x)` that with respect to `x`:
/// `(g_j − mean(g))/(σ + ε) − y_j·mean(g·y)/σ`. All logits equal have the gradient of their mean taken
/// off and nothing else, for σ has no slope there.
fn chain<F: Real>(
    deviation: f64,
    standardized: ArrayView1<'_, F>,
    mut gradient: ArrayViewMut1<'_, F>,
) {
    let classes = gradient.len() as f64;
    let mean = gradient.iter().map(|g| g.as_f64()).sum::<f64>() / classes;
    let along = gradient.iter().zip(standardized).map(|(g, y)| g.as_f64() * y.as_f64());
    let along = along.sum::<f64>() / classes;
    let along = if deviation > 0.0 { along / deviation } else { 0.0 };
    for (g, y) in gradient.iter_mut().zip(standardized) {
        *g = F::from_f64((g.as_f64() - mean) / (deviation + EPSILON) - y.as_f64() * along);
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};
    use reflux_softmax::{Divergence, LogitMse};

    use super::*;
    use crate::objective::tests_support::{assert_gradient, logits};

    #[test]
    fn closed_form() {
        // [1, 3] has mean 2 and deviation 1, [5, 1] mean 3 and deviation 2: ∓1 and ±1.
        let (student, teacher) = (array![[1.0, 3.0]], array![[5.0, 1.0]]);
        let mut gradient = Array2::zeros((1, 2));
        let batch = LogitBatch::new(&student, &teacher);
        let value = Standardized::new(LogitMse::new()).value_and_gradient(batch, &mut gradient);
        assert_relative_eq!(value.unwrap(), 4.0, max_relative = 1e-6);
    }

    #[test]
    fn gradient_matches_central_differences() {
        let (student, teacher) = logits();
        for temperature in [0.5, 2.0] {
            let loss = || Standardized::new(Divergence::forward_kl(temperature).unwrap());
            assert_gradient(&student, |x, gradient| {
                loss().value_and_gradient(LogitBatch::new(x, &teacher), gradient)
            });
        }
    }

    #[test]
    fn size_and_place_of_the_logits_do_not_matter() {
        let (student, teacher) = logits();
        let value = |student: &Array2<f64>, teacher: &Array2<f64>| {
            Standardized::new(Divergence::forward_kl(2.0).unwrap())
                .value_and_gradient(
                    LogitBatch::new(student, teacher),
                    &mut Array2::zeros(student.dim()),
                )
                .unwrap()
        };
        let moved = value(&(&student * 7.0 + 3.0), &(&teacher * 0.5 - 1.0));
        assert_relative_eq!(moved, value(&student, &teacher), max_relative = 1e-6);
        // So that what differs only in these is no loss at all.
        assert!(value(&(&teacher * 3.0 + 1.0), &teacher) < 1e-12);
    }

    #[test]
    fn equal_logits_have_a_finite_gradient() {
        let (student, teacher) = (array![[2.0_f32, 2.0, 2.0]], array![[0.0, 1.0, 5.0]]);
        let mut gradient = Array2::zeros((1, 3));
        let batch = LogitBatch::new(&student, &teacher);
        Standardized::new(LogitMse::new()).value_and_gradient(batch, &mut gradient).unwrap();
        assert!(gradient.iter().all(|g| g.is_finite()));
    }
}
