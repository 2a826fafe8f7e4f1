//! Decoupled knowledge distillation.
//!
//! With `p` the teacher's and `q` the student's softened probabilities, `t` the row's label,
//! `p_r = Σ_{i≠t} p_i` the rest, and `p̂_i = p_i/p_r` the distribution over the other classes,
//!
//! ```text
//! target class    TCKD = p_t log(p_t/q_t) + p_r log(p_r/q_r)
//! other classes   NCKD = Σ_{i≠t} p̂_i log(p̂_i/q̂_i)
//! L = T²·(α·TCKD + β·NCKD)
//!
//! ∂TCKD/∂(x_t/T) = q_t − p_t        ∂TCKD/∂(x_i/T) = q̂_i·(q_r − p_r)
//! ∂NCKD/∂(x_t/T) = 0                ∂NCKD/∂(x_i/T) = q̂_i − p̂_i
//! ```
//!
//! Plain distillation is the same with 1 for α and the teacher's `p_r` for β, so that it hardly learns
//! of the other classes where the teacher is sure. Zhao et al. 2022, "Decoupled knowledge
//! distillation", arXiv:2203.08679.

use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2, Axis, Zip};
use reflux_nn::Real;
use reflux_softmax::{Divergence, logsumexp_into, softmax_into};

use super::memory::Memory;
use super::settings::checked_settings;
use super::{LogitBatch, LogitLoss};
use crate::{Result, Schedule};

/// What the teacher says of the right class and what it says of the others, weighed separately.
///
/// It looks at the labels to tell which class is the right one; [`WithLabels`](crate::WithLabels) adds
/// the cross-entropy with them, which the paper trains with too.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_distill::{DecoupledKd, LogitBatch, LogitLoss};
///
/// let (student, teacher) = (array![[2.0_f32, 1.0, 0.0]], array![[9.0, 0.0, 1.0]]);
/// let batch = LogitBatch::new(&student, &teacher).with_labels(&[0]);
/// let mut gradient = Array2::zeros((1, 3));
/// DecoupledKd::new().with_temperature(2.0)?.value_and_gradient(batch, &mut gradient)?;
/// // However sure the teacher is of class 0, it prefers class 2 to class 1.
/// assert!(gradient[[0, 2]] < gradient[[0, 1]]);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound = "F: Real"))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct DecoupledKd<F = f32> {
    alpha: f64,
    beta: f64,
    temperature: Schedule,
    memory: Memory<F>,
}

impl<F: Real> DecoupledKd<F> {
    /// The paper's α 1, β 8 and T 4 for CIFAR-100. The better the teacher separates the classes, the
    /// larger β may be.
    pub fn new() -> Self {
        Self { alpha: 1.0, beta: 8.0, temperature: 4.0.into(), memory: Memory::default() }
    }

    /// Sets α, the weight of what the teacher says of the right class.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and at least 0.
    pub fn with_alpha(self, alpha: f64) -> Result<Self> {
        Schedule::from(alpha).checked_weight("alpha")?;
        Ok(Self { alpha, ..self })
    }

    /// Sets β, the weight of what it says of the others.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and at least 0.
    pub fn with_beta(self, beta: f64) -> Result<Self> {
        Schedule::from(beta).checked_weight("beta")?;
        Ok(Self { beta, ..self })
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

impl<F: Real> Default for DecoupledKd<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Real> LogitLoss<F> for DecoupledKd<F> {
    fn needs_labels(&self) -> bool {
        true
    }

    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let shape = batch.checked_shape(gradient, 2)?;
        let labels = batch.checked_labels("decoupled distillation")?;
        let temperature = self.temperature.at(batch.step);
        let column = (shape.0, 1);
        let [mut student, mut teacher, mut others, mut rest_q, mut rest_p] =
            self.memory.matrices([shape, shape, shape, column, column]);
        for (logits, without) in [(batch.student, &mut student), (batch.teacher, &mut teacher)] {
            copy_without_target(logits, labels, temperature, without)?;
        }
        // With its own class out of the way NCKD is a plain divergence.
        let divergence = Divergence::forward_kl(temperature)?;
        let others_value = divergence.value_and_gradient(&student, &teacher, gradient)?;
        let t = F::from_f64(temperature);
        softmax_into(&student, Axis(1), t, &mut others)?;
        logsumexp_into(&student, Axis(1), t, &mut rest_q.column_mut(0))?;
        logsumexp_into(&teacher, Axis(1), t, &mut rest_p.column_mut(0))?;

        let beta = F::from_f64(self.beta);
        let mut target_sum = 0.0;
        for (row, (mut slopes, &label)) in gradient.rows_mut().into_iter().zip(labels).enumerate() {
            let [(log_p, log_rest_p), (log_q, log_rest_q)] =
                [(&batch.teacher, &rest_p), (&batch.student, &rest_q)].map(|(logits, rest)| {
                    target_and_rest(logits[[row, label]], rest[[row, 0]], temperature)
                });
            let (p, rest) = (log_p.exp(), log_rest_p.exp());
            target_sum += times_gap(p, log_p, log_q) + times_gap(rest, log_rest_p, log_rest_q);
            let surplus = self.alpha * temperature / shape.0 as f64 * (log_rest_q.exp() - rest);
            let surplus = F::from_f64(surplus);
            Zip::from(&mut slopes).and(others.row(row)).for_each(|slope, &q| {
                *slope = beta * *slope + surplus * q;
            });
            slopes[label] = -surplus;
        }
        let target = temperature * temperature * target_sum / shape.0 as f64;
        Ok(F::from_f64(self.alpha * target + self.beta * others_value.as_f64()))
    }
}

/// Copies logits, but with each row's own class so far below the others that it has no probability.
fn copy_without_target<F: Real>(
    logits: ArrayView2<'_, F>,
    labels: &[usize],
    temperature: f64,
    out: &mut ArrayViewMut2<'_, F>,
) -> Result<()> {
    out.assign(&logits);
    for (row, (mut out, &label)) in out.rows_mut().into_iter().zip(labels).enumerate() {
        let own = out[label].as_f64();
        if !own.is_finite() {
            return Err(reflux_softmax::Error::Logit { row, value: own }.into());
        }
        out[label] = F::neg_infinity();
        let max = out.iter().map(|x| x.as_f64()).fold(f64::NEG_INFINITY, f64::max);
        out[label] = F::from_f64(max - 1000.0 * temperature - 1e-3 * max.abs());
    }
    Ok(())
}

/// The logarithms of a class's probability and of that of all others, exact however small they are, from
/// its logit and from `T·log Σ exp(x_i/T)` over the others.
fn target_and_rest<F: Real>(own: F, rest: F, temperature: f64) -> (f64, f64) {
    let (own, rest) = (own.as_f64() / temperature, rest.as_f64() / temperature);
    let all = own.max(rest) + (own.min(rest) - own.max(rest)).exp().ln_1p();
    (own - all, rest - all)
}

/// `p·(log p − log q)`, which is 0 where `p` is.
fn times_gap(p: f64, log_p: f64, log_q: f64) -> f64 {
    if p > 0.0 { p * (log_p - log_q) } else { 0.0 }
}

checked_settings! {
    [F: Real] DecoupledKd<F> { alpha: f64, beta: f64, temperature: Schedule }
    |read| {
        let loss = DecoupledKd::new().with_alpha(read.alpha)?.with_beta(read.beta)?;
        loss.with_temperature(read.temperature)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};
    use reflux_softmax::softmax;

    use super::*;
    use crate::objective::tests_support::{assert_gradient, logits};

    #[test]
    fn closed_form() {
        // Teacher [6, 1, 3]/10, student [1, 1, 2]/4, label 0, T = 1.
        let teacher = array![[6.0_f64.ln(), 0.0, 3.0_f64.ln()]];
        let student = array![[0.0, 0.0, 2.0_f64.ln()]];
        let target = 0.6 * (0.6_f64 / 0.25).ln() + 0.4 * (0.4_f64 / 0.75).ln();
        let others = 0.25 * (0.25_f64 / (1.0 / 3.0)).ln() + 0.75 * (0.75_f64 / (2.0 / 3.0)).ln();
        let mut gradient = Array2::zeros((1, 3));
        let mut loss = DecoupledKd::new().with_alpha(2.0).unwrap().with_beta(3.0).unwrap();
        loss = loss.with_temperature(1.0).unwrap();
        let batch = LogitBatch::new(&student, &teacher).with_labels(&[0]);
        let value = loss.value_and_gradient(batch, &mut gradient).unwrap();
        assert_relative_eq!(value, 2.0 * target + 3.0 * others, max_relative = 1e-12);
        let expected = array![[
            2.0 * (0.25 - 0.6),
            2.0 / 3.0 * (0.75 - 0.4) + 3.0 * (1.0 / 3.0 - 0.25),
            4.0 / 3.0 * (0.75 - 0.4) + 3.0 * (2.0 / 3.0 - 0.75),
        ]];
        assert_relative_eq!(gradient, expected, max_relative = 1e-12);
    }

    #[test]
    fn gradient_matches_central_differences() {
        let (student, teacher) = logits();
        for (alpha, beta, temperature) in [(1.0, 8.0, 4.0), (0.0, 1.0, 1.0), (1.0, 0.0, 0.5)] {
            let mut loss = DecoupledKd::new().with_alpha(alpha).unwrap().with_beta(beta).unwrap();
            loss = loss.with_temperature(temperature).unwrap();
            assert_gradient(&student, |x, gradient| {
                let batch = LogitBatch::new(x, &teacher).with_labels(&[0, 2, 1, 3]);
                loss.clone().value_and_gradient(batch, gradient)
            });
        }
    }

    #[test]
    fn with_the_teachers_rest_as_beta_it_is_the_kl_divergence() {
        // The paper's equation 7: KL = TCKD + (1 − p_t)·NCKD.
        let (student, teacher) = (array![[0.3, -1.2, 2.0, 0.1]], array![[1.5, 1.0, -2.0, 0.0]]);
        let rest = 1.0 - softmax(&teacher, Axis(1), 2.0).unwrap()[[0, 1]];
        let mut loss = DecoupledKd::new().with_beta(rest).unwrap();
        loss = loss.with_temperature(2.0).unwrap();
        let (mut got, mut expected) = (Array2::zeros((1, 4)), Array2::zeros((1, 4)));
        let batch = LogitBatch::new(&student, &teacher).with_labels(&[1]);
        let value = loss.value_and_gradient(batch, &mut got).unwrap();
        let kl = Divergence::forward_kl(2.0).unwrap();
        let direct = kl.value_and_gradient(&student, &teacher, &mut expected).unwrap();
        assert_relative_eq!(value, direct, max_relative = 1e-12);
        assert_relative_eq!(got, expected, max_relative = 1e-12);
    }

    #[test]
    fn a_teacher_that_is_entirely_sure_still_tells_the_others_apart() {
        let (student, teacher) = (array![[0.0_f32, 0.0, 0.0]], array![[500.0, 1.0, 2.0]]);
        let batch = LogitBatch::new(&student, &teacher).with_labels(&[0]);
        let mut gradient = Array2::zeros((1, 3));
        let mut loss = DecoupledKd::new().with_temperature(1.0).unwrap();
        assert!(loss.value_and_gradient(batch, &mut gradient).unwrap().is_finite());
        // 8·(q̂ − p̂), with p̂ the logistic function of the difference, plus q̂·q_r.
        let p = 1.0 / (1.0 + (-1.0_f32).exp());
        assert_relative_eq!(gradient[[0, 2]], 8.0 * (0.5 - p) + 1.0 / 3.0, max_relative = 1e-5);
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let one = array![[1.0]];
        let batch = LogitBatch::new(&one, &one).with_labels(&[0]);
        let mut loss = DecoupledKd::new();
        assert!(loss.value_and_gradient(batch, &mut one.clone()).is_err());
        let two = array![[1.0, 2.0]];
        assert!(loss.value_and_gradient(LogitBatch::new(&two, &two), &mut two.clone()).is_err());
        let nan = array![[1.0, f64::NAN]];
        for (student, teacher) in [(&two, &nan), (&nan, &two)] {
            for label in [0, 1] {
                let labels = [label];
                let batch = LogitBatch::new(student, teacher).with_labels(&labels);
                assert!(loss.value_and_gradient(batch, &mut two.clone()).is_err());
            }
        }
        assert!(loss.with_beta(-1.0).is_err());
    }
}
