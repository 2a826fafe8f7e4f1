//! DIST: not the probabilities, but how they go together.
//!
//! With `P` and `Q` `[batch, classes]` the teacher's and the student's softened probabilities and ρ
//! Pearson's correlation,
//!
//! ```text
//! between classes   L_inter = 1 − 1/B Σ_b ρ(Q_b·, P_b·)      of each row
//! within a class    L_intra = 1 − 1/K Σ_k ρ(Q_·k, P_·k)      of each column
//! L = T²·(β·L_inter + γ·L_intra)
//! ```
//!
//! A student that is much weaker than its teacher can match correlations where it cannot match
//! probabilities. Huang et al. 2022, "Knowledge distillation from a stronger teacher",
//! arXiv:2205.10536; the factor T² is that of the authors' code.

use ndarray::{ArrayRef2, ArrayView1, ArrayViewMut1, Axis};
use reflux_nn::Real;
use reflux_softmax::softmax_into;

use super::memory::Memory;
use super::settings::checked_settings;
use super::{LogitBatch, LogitLoss};
use crate::{Result, Schedule};

/// Added to the product of the two deviations, as in the authors' code.
const EPSILON: f64 = 1e-8;

/// The correlation of probabilities within each row and within each class.
///
/// The latter compares the rows of a batch with each other, so that the loss is no mean of losses of
/// rows: it wants batches of some size. It knows no labels; [`WithLabels`](crate::WithLabels) adds the
/// cross-entropy with them, which the paper gives the weight 1.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_distill::{Dist, LogitBatch, LogitLoss};
///
/// let teacher = array![[3.0, 0.0, 1.0], [0.0, 2.0, 9.0]];
/// let mut gradient = Array2::<f64>::zeros((2, 3));
/// let value = Dist::new().value_and_gradient(LogitBatch::new(&teacher, &teacher), &mut gradient)?;
/// assert!(value.abs() < 1e-3);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound = "F: Real"))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct Dist<F = f32> {
    beta: f64,
    gamma: f64,
    temperature: Schedule,
    memory: Memory<F>,
}

impl<F: Real> Dist<F> {
    /// The paper's β 2, γ 2, and its T 4 for CIFAR-100.
    pub fn new() -> Self {
        Self { beta: 2.0, gamma: 2.0, temperature: 4.0.into(), memory: Memory::default() }
    }

    /// Sets β, the weight of the correlation between classes.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and at least 0.
    pub fn with_beta(self, beta: f64) -> Result<Self> {
        Schedule::from(beta).checked_weight("beta")?;
        Ok(Self { beta, ..self })
    }

    /// Sets γ, the weight of the correlation within a class.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) unless it is finite and at least 0.
    pub fn with_gamma(self, gamma: f64) -> Result<Self> {
        Schedule::from(gamma).checked_weight("gamma")?;
        Ok(Self { gamma, ..self })
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

impl<F: Real> Default for Dist<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Real> LogitLoss<F> for Dist<F> {
    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let shape = batch.checked_shape(gradient, 1)?;
        let temperature = self.temperature.at(batch.step);
        let [mut student, mut teacher] = self.memory.matrices([shape, shape]);
        softmax_into(&batch.student, Axis(1), F::from_f64(temperature), &mut student)?;
        softmax_into(&batch.teacher, Axis(1), F::from_f64(temperature), &mut teacher)?;

        // The gradient with respect to the probabilities...
        gradient.fill(F::zero());
        let mut value = 0.0;
        for (axis, weight) in [(Axis(0), self.beta), (Axis(1), self.gamma)] {
            let lanes = student.axis_iter(axis).zip(teacher.axis_iter(axis));
            let each = weight / student.len_of(axis) as f64;
            for ((q, p), slopes) in lanes.zip(gradient.axis_iter_mut(axis)) {
                value += each * (1.0 - correlation(q, p, -each, slopes));
            }
        }
        // ... and then through the softmax.
        for (q, slopes) in student.rows().into_iter().zip(gradient.rows_mut()) {
            through_softmax(q, slopes, temperature);
        }
        Ok(F::from_f64(temperature * temperature * value))
    }
}

/// Pearson's correlation of `a` and `b`; adds its gradient with respect to `a`, times `factor`, to
/// `slopes`. A constant is correlated with nothing.
fn correlation<F: Real>(
    a: ArrayView1<'_, F>,
    b: ArrayView1<'_, F>,
    factor: f64,
    mut slopes: ArrayViewMut1<'_, F>,
) -> f64 {
    let n = a.len() as f64;
    let mean = |x: ArrayView1<'_, F>| x.iter().map(|x| x.as_f64()).sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a.as_f64() - mean_a, b.as_f64() - mean_b);
        aa += a * a;
        ab += a * b;
        bb += b * b;
    }
    let norm = (aa * bb).sqrt();
    if norm == 0.0 {
        return 0.0;
    }
    let divisor = norm + EPSILON;
    let along_a = ab / (divisor * divisor) * (bb / aa).sqrt();
    for ((slope, a), b) in slopes.iter_mut().zip(a).zip(b) {
        let (a, b) = (a.as_f64() - mean_a, b.as_f64() - mean_b);
        *slope += F::from_f64(factor * (b / divisor - along_a * a));
    }
    ab / divisor
}

/// From the gradient with respect to `q = softmax(x/T)` that with respect to `x`, times T².
fn through_softmax<F: Real>(
    q: ArrayView1<'_, F>,
    mut slopes: ArrayViewMut1<'_, F>,
    temperature: f64,
) {
    let mean: f64 = q.iter().zip(&slopes).map(|(q, g)| q.as_f64() * g.as_f64()).sum();
    for (slope, q) in slopes.iter_mut().zip(q) {
        *slope = F::from_f64(temperature * q.as_f64() * (slope.as_f64() - mean));
    }
}

checked_settings! {
    [F: Real] Dist<F> { beta: f64, gamma: f64, temperature: Schedule }
    |read| {
        let loss = Dist::new().with_beta(read.beta)?.with_gamma(read.gamma)?;
        loss.with_temperature(read.temperature)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array, s};

    use super::*;
    use crate::objective::tests_support::{assert_gradient, logits};

    fn loss(beta: f64, gamma: f64, temperature: f64) -> Dist<f64> {
        let loss = Dist::new().with_beta(beta).unwrap().with_gamma(gamma).unwrap();
        loss.with_temperature(temperature).unwrap()
    }

    #[test]
    fn closed_form() {
        // Rows [1, 2, 3]/6 and [3, 2, 1]/6 against [1, 1, 4]/6 twice. Centred, times 6, the teacher's
        // row is [−1, −1, 2] of norm √6 and the student's [∓1, 0, ±1] of norm √2: ρ = ±3/√12.
        let ln = f64::ln;
        let student = array![[0.0, ln(2.0), ln(3.0)], [ln(3.0), ln(2.0), 0.0]];
        let teacher = array![[0.0, 0.0, ln(4.0)], [0.0, 0.0, ln(4.0)]];
        let mut gradient = Array2::zeros((2, 3));
        let batch = LogitBatch::new(&student, &teacher);
        let value = loss(2.0, 0.0, 1.0).value_and_gradient(batch, &mut gradient).unwrap();
        assert_relative_eq!(value, 2.0, max_relative = 1e-7); // the two cancel
        let (one, other) = (student.slice(s![..1, ..]), teacher.slice(s![..1, ..]));
        let first = LogitBatch::new(&one, &other);
        let mut gradient = Array2::zeros((1, 3));
        let value = loss(2.0, 0.0, 1.0).value_and_gradient(first, &mut gradient).unwrap();
        assert_relative_eq!(value, 2.0 * (1.0 - 3.0 / 12.0_f64.sqrt()), max_relative = 1e-6);
        // Within a class: −1 in the first, and in each of the others one of the two is constant.
        let teacher = array![[ln(3.0), 0.0, ln(2.0)], [0.0, ln(3.0), ln(2.0)]];
        let mut gradient = Array2::zeros((2, 3));
        let batch = LogitBatch::new(&student, &teacher);
        let value = loss(0.0, 3.0, 1.0).value_and_gradient(batch, &mut gradient).unwrap();
        assert_relative_eq!(value, 3.0 * (1.0 + 1.0 / 3.0), max_relative = 1e-6);
    }

    #[test]
    fn gradient_matches_central_differences() {
        let (student, teacher) = logits();
        for (beta, gamma, temperature) in [(2.0, 2.0, 4.0), (1.0, 0.0, 1.0), (0.0, 1.0, 0.5)] {
            assert_gradient(&student, |x, gradient| {
                let batch = LogitBatch::new(x, &teacher);
                loss(beta, gamma, temperature).value_and_gradient(batch, gradient)
            });
        }
    }

    #[test]
    fn a_single_row_has_nothing_to_be_compared_with() {
        let (student, teacher) = (array![[0.5_f32, 1.0]], array![[2.0, 0.0]]);
        let mut gradient = Array2::zeros((1, 2));
        let mut loss = Dist::new().with_beta(0.0).unwrap().with_temperature(1.0).unwrap();
        let value = loss.value_and_gradient(LogitBatch::new(&student, &teacher), &mut gradient);
        assert_eq!((value.unwrap(), gradient), (2.0, Array2::zeros((1, 2))));
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let (student, nan) = (array![[0.5, 1.0]], array![[f64::NAN, 0.0]]);
        let mut gradient = Array2::zeros((1, 2));
        let result = Dist::new().value_and_gradient(LogitBatch::new(&student, &nan), &mut gradient);
        assert!(result.is_err());
        assert!(Dist::<f32>::new().with_gamma(f64::INFINITY).is_err());
    }
}
