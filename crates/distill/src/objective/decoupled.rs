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

use ndarray::{ArrayRef2, ArrayView1, ArrayViewMut1, Axis};
use reflux_nn::Real;
use reflux_softmax::log_softmax_into;

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
        let [mut teacher] = self.memory.matrices([shape]);
        let t = F::from_f64(temperature);
        log_softmax_into(&batch.teacher, Axis(1), t, &mut teacher)?;
        log_softmax_into(&batch.student, Axis(1), t, gradient)?;
        let mut sum = 0.0;
        let factor = temperature / shape.0 as f64;
        let rows = gradient.rows_mut().into_iter().zip(teacher.rows()).zip(labels);
        for ((student, teacher), &label) in rows {
            let (target, others) = of_row(student, teacher, label, [self.alpha, self.beta], factor);
            sum += self.alpha * target + self.beta * others;
        }
        Ok(F::from_f64(temperature * temperature * sum / shape.0 as f64))
    }
}

/// TCKD and NCKD of a row of log-probabilities. The student's are overwritten by the gradient with
/// respect to its softened logits, times `factor`.
fn of_row<F: Real>(
    mut student: ArrayViewMut1<'_, F>,
    teacher: ArrayView1<'_, F>,
    label: usize,
    [alpha, beta]: [f64; 2],
    factor: f64,
) -> (f64, f64) {
    let log_rest_p = log_sum_of_others(teacher, label);
    let log_rest_q = log_sum_of_others(student.view(), label);
    let (log_p, log_q) = (teacher[label].as_f64(), student[label].as_f64());
    let (p, rest_p) = (log_p.exp(), log_rest_p.exp());
    let target = times_gap(p, log_p, log_q) + times_gap(rest_p, log_rest_p, log_rest_q);
    let surplus = log_rest_q.exp() - rest_p;
    let mut others = 0.0;
    for (class, (slot, log_p)) in student.iter_mut().zip(teacher).enumerate() {
        if class == label {
            *slot = F::from_f64(-factor * alpha * surplus);
            continue;
        }
        let (log_p, log_q) = (log_p.as_f64() - log_rest_p, slot.as_f64() - log_rest_q);
        let (p, q) = (log_p.exp(), log_q.exp());
        others += times_gap(p, log_p, log_q);
        *slot = F::from_f64(factor * (alpha * q * surplus + beta * (q - p)));
    }
    (target, others)
}

/// `p·(log p − log q)`, which is 0 where `p` is.
fn times_gap(p: f64, log_p: f64, log_q: f64) -> f64 {
    if p > 0.0 { p * (log_p - log_q) } else { 0.0 }
}

/// The logarithm of the probability of all classes but one, exact however small it is.
fn log_sum_of_others<F: Real>(log_p: ArrayView1<'_, F>, label: usize) -> f64 {
    let others = || log_p.iter().enumerate().filter(|(class, _)| *class != label);
    let max = others().map(|(_, x)| x.as_f64()).fold(f64::NEG_INFINITY, f64::max);
    max + others().map(|(_, x)| (x.as_f64() - max).exp()).sum::<f64>().ln()
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
    use reflux_softmax::{Divergence, softmax};

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
        let batch = LogitBatch::new(&two, &nan).with_labels(&[0]);
        assert!(loss.value_and_gradient(batch, &mut two.clone()).is_err());
        assert!(loss.with_beta(-1.0).is_err());
    }
}
