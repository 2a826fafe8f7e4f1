//! Cross-entropy with a given distribution as the target, at a temperature.
//!
//! ```text
//! L = −T² Σ_i p_i log q_i(T)        ∂L/∂x_i = T·(q_i(T)·Σ_j p_j − p_i)
//! ```
//!
//! The factor T² keeps the size of the gradient about the same at every temperature
//! (Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 2).

use ndarray::ArrayRef2;

use super::batch::{check_logits, evaluate};
use super::careful::masked_with_mass;
use super::compiled::Losses;
use super::part::{Part, Row, Targets};
use super::settings::checked_settings;
use super::softened::{one_side, splat};
use super::tempered::{OfSoftened, Tempered};
use super::{Pass, Reduction};
use crate::kernel::{Element, Simd, map, map_aligned};
use crate::row::check_temperature;
use crate::temperature::Temperature;
use crate::{Error, Real, Result};

/// How far from 1 a target row may sum: many f32 probabilities, each rounded once.
const SUM_TOLERANCE: f64 = 1e-3;

/// Cross-entropy of logits with target probabilities, in nats, times T².
///
/// Use it where the teacher gives probabilities and not logits; with logits,
/// [`Distillation`](crate::Distillation) or a [`Divergence`](crate::Divergence) does it all in one
/// pass.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_softmax::SoftCrossEntropy;
///
/// let (logits, targets) = (array![[0.0_f32, 0.0]], array![[0.9, 0.1]]);
/// let mut gradient = Array2::zeros((1, 2));
/// let loss = SoftCrossEntropy::new(2.0)?.value_and_gradient(&logits, &targets, &mut gradient)?;
/// assert!((loss - 4.0 * 2.0_f32.ln()).abs() < 1e-6);
/// assert!((gradient[[0, 0]] - 2.0 * (0.5 - 0.9)).abs() < 1e-6);
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct SoftCrossEntropy {
    temperature: f64,
    reduction: Reduction,
}

impl SoftCrossEntropy {
    /// At `temperature`: that at which the targets were computed. The mean over the batch.
    ///
    /// # Errors
    ///
    /// [`Error::Temperature`] unless it is finite and above 0.
    pub fn new(temperature: f64) -> Result<Self> {
        Ok(Self { temperature: check_temperature(temperature)?, reduction: Reduction::Mean })
    }

    /// Mean or sum over the batch.
    pub fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// The temperature T.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Mean or sum.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The loss of `logits` against `targets`, both `[batch, classes]`; its gradient with respect to
    /// the logits overwrites `gradient`, of the same shape.
    ///
    /// # Errors
    ///
    /// Shapes that differ, an empty batch, a target row that is no distribution (a negative or NaN
    /// entry, or a sum further than 0.001 from 1), a logit that is NaN or +∞, a target on a class
    /// that is masked with −∞. What is in `gradient` then has no meaning.
    pub fn value_and_gradient<F: Real>(
        &self,
        logits: &ArrayRef2<F>,
        targets: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        self.evaluate(logits, targets, Pass::new().with_gradient(gradient))
    }

    /// The loss, and whatever else `pass` asks for.
    ///
    /// # Errors
    ///
    /// As [`SoftCrossEntropy::value_and_gradient`], and for weights that are negative, not finite or
    /// not one a row.
    pub fn evaluate<F: Real>(
        &self,
        logits: &ArrayRef2<F>,
        targets: &ArrayRef2<F>,
        pass: Pass<'_, F>,
    ) -> Result<F> {
        let loss = Tempered::new(OfRow, self.temperature)?;
        let targets = Targets { labels: None, other: Some(targets.view()), name: "targets" };
        evaluate(&loss, "soft cross-entropy", logits, targets, pass, self.reduction)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct OfRow;

impl<F: Losses> OfSoftened<F> for OfRow {
    const TEACHER: bool = false;

    fn rows(part: &mut Part<'_, '_, F, Tempered<Self, F>>) {
        F::soft(part);
    }

    #[inline(always)]
    fn row<S: Simd>(&self, s: S, temperature: &Temperature<F>, row: Row<'_, F>) -> Option<f64> {
        let Row { logits, other: targets, factor, gradient, spare: [exponentials, _], .. } = row;
        let zero = F::splat(s, F::default());
        let (mut mass, mut least) = (zero, zero);
        map(
            s,
            [targets],
            [F::default()],
            #[inline(always)]
            |[p]| {
                mass = F::add(s, mass, p);
                least = F::min(s, least, p);
            },
        );
        let mass = F::reduce_sum(s, mass).widen();
        let sums_to_one = (mass - 1.0).abs() <= SUM_TOLERANCE;
        if !sums_to_one || F::reduce_min(s, least) < F::default() {
            return None;
        }
        let (student, below) = one_side(
            s,
            temperature,
            logits,
            targets,
            exponentials,
            #[inline(always)]
            |below, p, _| F::mul(s, p, below),
        )?;

        let scale = splat::<S, F>(s, factor * mass * student.scale());
        let minus = splat::<S, F>(s, -factor);
        map_aligned(
            s,
            [exponentials, targets],
            gradient,
            #[inline(always)]
            |[e, p]| F::mul_add(s, e, scale, F::mul(s, p, minus)),
        );
        let value = mass * student.exact_log_sum() - below / temperature.value();
        Some(value)
    }

    fn check(&self, _temperature: f64, index: usize, row: &Row<'_, F>) -> Result<()> {
        check_logits(index, row.logits)?;
        check_distribution(index, row.other)?;
        match masked_with_mass(row.logits, |class| row.other[class] > F::default()) {
            Some(class) => Err(Error::MaskedTarget { row: index, class }),
            None => Ok(()),
        }
    }
}

fn check_distribution<F: Element>(row: usize, targets: &[F]) -> Result<()> {
    if let Some(bad) = targets.iter().map(|p| p.widen()).find(|p| p.is_nan() || *p < 0.0) {
        return Err(Error::Target { row, problem: format!("got {bad}") });
    }
    let sum: f64 = targets.iter().map(|p| p.widen()).sum();
    if (sum - 1.0).abs() <= SUM_TOLERANCE {
        return Ok(());
    }
    Err(Error::Target { row, problem: format!("got a sum of {sum}") })
}

checked_settings! {
    SoftCrossEntropy { temperature: f64, reduction: Reduction }
    default SoftCrossEntropy { temperature: 1.0, reduction: Reduction::Mean };
    |read| Ok(SoftCrossEntropy::new(read.temperature)?.with_reduction(read.reduction))
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};

    use super::*;
    use crate::loss::tests_support::central_differences;

    #[test]
    fn closed_form_at_temperature_two() {
        // At T = 2 the logits [0, 2 ln 3] have the softmax [1, 3]/4.
        let logits = array![[0.0, 2.0 * 3.0_f64.ln()]];
        let mut gradient = Array2::zeros((1, 2));
        let loss = SoftCrossEntropy::new(2.0)
            .unwrap()
            .value_and_gradient(&logits, &array![[0.5, 0.5]], &mut gradient)
            .unwrap();
        let expected = 4.0 * (0.5 * 4.0_f64.ln() + 0.5 * (4.0_f64 / 3.0).ln());
        assert_relative_eq!(loss, expected, max_relative = 1e-14);
        assert_relative_eq!(gradient, array![[-0.5, 0.5]], max_relative = 1e-14);
    }

    #[test]
    fn gradient_matches_central_differences() {
        let logits = array![[0.3, -1.2, 2.0], [4.0, 0.0, -3.0]];
        let targets = array![[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]];
        for temperature in [0.5, 1.0, 20.0] {
            let loss = SoftCrossEntropy::new(temperature).unwrap().with_reduction(Reduction::Sum);
            let mut gradient = Array2::zeros(logits.dim());
            loss.value_and_gradient(&logits, &targets, &mut gradient).unwrap();
            let expected = central_differences(&logits, |x| {
                loss.value_and_gradient(x, &targets, &mut Array2::zeros(x.dim())).unwrap()
            });
            assert_relative_eq!(gradient, expected, max_relative = 1e-7, epsilon = 1e-8);
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        let loss = SoftCrossEntropy::new(1.0).unwrap();
        let logits = array![[0.0_f32, 1.0]];
        for targets in [array![[0.5_f32, 0.4]], array![[1.5, -0.5]], array![[f32::NAN, 1.0]]] {
            let result = loss.value_and_gradient(&logits, &targets, &mut Array2::zeros((1, 2)));
            assert!(matches!(result, Err(Error::Target { row: 0, .. })));
        }
        let shape =
            loss.value_and_gradient(&logits, &Array2::zeros((1, 3)), &mut Array2::zeros((1, 2)));
        assert!(matches!(shape, Err(Error::Shape { what: "targets", .. })));
        assert_eq!(SoftCrossEntropy::new(0.0), Err(Error::Temperature(0.0)));
    }
}
