//! Cross-entropy with hard labels and label smoothing.
//!
//! ```text
//! y_i = (1 − ε)·[i = label] + ε/K        L = −T² Σ_i y_i log q_i(T)
//! ∂L/∂x_i = T·(q_i(T) − y_i)
//! ```
//!
//! with `q(T)` the softmax of the `K` logits `x` at temperature T. Label smoothing: Szegedy et al.
//! 2016, arXiv:1512.00567, section 7.

use ndarray::ArrayRef2;

use super::batch::{check_logits, evaluate};
use super::careful::masked_with_mass;
use super::compiled::Losses;
use super::part::{Part, Row, Targets};
use super::settings::checked_settings;
use super::softened::{one_side, splat};
use super::tempered::{OfSoftened, Tempered};
use super::{Pass, Reduction};
use crate::kernel::{Simd, map, update_aligned};
use crate::temperature::Temperature;
use crate::{Error, Real, Result};

/// Cross-entropy of logits with hard labels, in nats.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_softmax::CrossEntropy;
///
/// let logits = array![[0.0_f32, 0.0], [0.0, 0.0]];
/// let mut gradient = Array2::zeros(logits.dim());
/// let loss = CrossEntropy::new().value_and_gradient(&logits, &[0, 1], &mut gradient)?;
/// assert!((loss - 2.0_f32.ln()).abs() < 1e-6);
/// assert_eq!(gradient, array![[-0.25, 0.25], [0.25, -0.25]]);
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct CrossEntropy {
    label_smoothing: f64,
    temperature: f64,
    reduction: Reduction,
}

impl Default for CrossEntropy {
    fn default() -> Self {
        Self { label_smoothing: 0.0, temperature: 1.0, reduction: Reduction::Mean }
    }
}

impl CrossEntropy {
    /// No label smoothing, temperature 1, the mean over the batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `label_smoothing` (ε, at least 0 and less than 1) off the label and spreads it evenly
    /// over all classes. 0.1 is the usual choice, and that of the paper.
    ///
    /// # Errors
    ///
    /// [`Error::LabelSmoothing`] outside that range.
    pub fn with_label_smoothing(self, label_smoothing: f64) -> Result<Self> {
        if (0.0..1.0).contains(&label_smoothing) {
            Ok(Self { label_smoothing, ..self })
        } else {
            Err(Error::LabelSmoothing(label_smoothing))
        }
    }

    /// Sets the temperature T: 1 for training, others to calibrate a trained network (Guo et al.
    /// 2017, arXiv:1706.04599). The loss is multiplied by T², as that of every loss here.
    ///
    /// # Errors
    ///
    /// [`Error::Temperature`] unless it is finite and above 0.
    pub fn with_temperature(self, temperature: f64) -> Result<Self> {
        Ok(Self { temperature: crate::row::check_temperature(temperature)?, ..self })
    }

    /// Mean or sum over the batch.
    pub fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// The label smoothing ε.
    pub fn label_smoothing(&self) -> f64 {
        self.label_smoothing
    }

    /// The temperature T.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Mean or sum.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The loss of `logits` `[batch, classes]` against `labels` `[batch]`; its gradient with respect
    /// to the logits overwrites `gradient` `[batch, classes]`.
    ///
    /// # Errors
    ///
    /// Shapes that differ, an empty batch, a label that is no class, a logit that is NaN or +∞, a
    /// target on a class that is masked with −∞. What is in `gradient` then has no meaning.
    pub fn value_and_gradient<F: Real>(
        &self,
        logits: &ArrayRef2<F>,
        labels: &[usize],
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        self.evaluate(logits, labels, Pass::new().with_gradient(gradient))
    }

    /// The loss, and whatever else `pass` asks for.
    ///
    /// # Errors
    ///
    /// As [`CrossEntropy::value_and_gradient`], and for weights that are negative, not finite or not
    /// one a row.
    pub fn evaluate<F: Real>(
        &self,
        logits: &ArrayRef2<F>,
        labels: &[usize],
        pass: Pass<'_, F>,
    ) -> Result<F> {
        let hard = Hard { smoothing: self.label_smoothing };
        let loss = Tempered::new(hard, self.temperature)?;
        let targets = Targets { labels: Some(labels), other: None, name: "" };
        evaluate(&loss, "cross-entropy", logits, targets, pass, self.reduction)
    }
}

/// The loss of one row.
#[derive(Debug, Clone, Copy)]
pub struct Hard {
    pub(super) smoothing: f64,
}

impl<F: Losses> OfSoftened<F> for Hard {
    const TEACHER: bool = false;

    fn rows(part: &mut Part<'_, '_, F, Tempered<Self, F>>) {
        F::hard(part);
    }

    #[inline(always)]
    fn row<S: Simd>(&self, s: S, temperature: &Temperature<F>, row: Row<'_, F>) -> Option<f64> {
        let Row { logits, label: Some(label), factor, gradient, .. } = row else {
            return None;
        };
        let zero = F::splat(s, F::default());
        let (student, _) = one_side(
            s,
            temperature,
            logits,
            logits,
            gradient,
            #[inline(always)]
            |_, _, _| zero,
        )?;
        let mut below = zero;
        if self.smoothing > 0.0 {
            let at = F::splat(s, student.at());
            map(
                s,
                [logits],
                [student.at()],
                #[inline(always)]
                |[x]| below = F::add(s, below, F::sub(s, x, at)),
            );
        }
        let below = F::reduce_sum(s, below).widen();
        let (spread, hit) = (self.smoothing / logits.len() as f64, 1.0 - self.smoothing);
        let at_label = logits[label].widen() - student.at().widen();
        let missed = (hit * at_label + spread * below) / temperature.value();
        let value = student.exact_log_sum() - missed;

        let scale = splat::<S, F>(s, factor * student.scale());
        let spread = splat::<S, F>(s, -factor * spread);
        update_aligned(
            s,
            gradient,
            [],
            #[inline(always)]
            |e, []| F::mul_add(s, e, scale, spread),
        );
        gradient[label] -= F::narrow(factor * hit);
        Some(value)
    }

    fn check(&self, _temperature: f64, index: usize, row: &Row<'_, F>) -> Result<()> {
        check_logits(index, row.logits)?;
        let mass = |class| self.smoothing > 0.0 || Some(class) == row.label;
        match masked_with_mass(row.logits, mass) {
            Some(class) => Err(Error::MaskedTarget { row: index, class }),
            None => Ok(()),
        }
    }
}

checked_settings! {
    CrossEntropy { label_smoothing: f64, temperature: f64, reduction: Reduction }
    default CrossEntropy::default();
    |read| Ok(CrossEntropy::new()
        .with_label_smoothing(read.label_smoothing)?
        .with_temperature(read.temperature)?
        .with_reduction(read.reduction))
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};

    use super::*;
    use crate::loss::tests_support::central_differences;

    #[test]
    fn closed_form_with_and_without_smoothing() {
        // softmax = [1, 3]/4.
        let logits = array![[0.0, 3.0_f64.ln()]];
        let mut gradient = Array2::zeros((1, 2));
        let plain = CrossEntropy::new();
        let loss = plain.value_and_gradient(&logits, &[1], &mut gradient).unwrap();
        assert_relative_eq!(loss, (4.0_f64 / 3.0).ln(), max_relative = 1e-14);
        assert_relative_eq!(gradient, array![[0.25, -0.25]], max_relative = 1e-14);

        let smooth = plain.with_label_smoothing(0.2).unwrap();
        let loss = smooth.value_and_gradient(&logits, &[1], &mut gradient).unwrap();
        let expected = 0.1 * 4.0_f64.ln() + 0.9 * (4.0_f64 / 3.0).ln();
        assert_relative_eq!(loss, expected, max_relative = 1e-14);
        assert_relative_eq!(gradient, array![[0.15, -0.15]], max_relative = 1e-14);
    }

    #[test]
    fn gradient_matches_central_differences() {
        let logits = array![[0.3, -1.2, 2.0, 0.1], [4.0, 0.0, -3.0, 1.0], [0.0, 0.1, 0.2, 0.3]];
        let labels = [2, 1, 0];
        for reduction in [Reduction::Mean, Reduction::Sum] {
            let loss =
                CrossEntropy::new().with_label_smoothing(0.1).unwrap().with_reduction(reduction);
            let mut gradient = Array2::zeros(logits.dim());
            loss.value_and_gradient(&logits, &labels, &mut gradient).unwrap();
            let expected = central_differences(&logits, |x| {
                loss.value_and_gradient(x, &labels, &mut Array2::zeros(x.dim())).unwrap()
            });
            assert_relative_eq!(gradient, expected, max_relative = 1e-7, epsilon = 1e-9);
        }
    }

    #[test]
    fn a_mask_beside_the_label_is_legal_and_on_it_is_not() {
        let logits = array![[0.0, f64::NEG_INFINITY, 0.0]];
        let mut gradient = Array2::zeros((1, 3));
        let plain = CrossEntropy::new();
        let loss = plain.value_and_gradient(&logits, &[0], &mut gradient).unwrap();
        assert_relative_eq!(loss, 2.0_f64.ln());
        assert_eq!(gradient, array![[-0.5, 0.0, 0.5]]);
        let masked = Err(Error::MaskedTarget { row: 0, class: 1 });
        assert_eq!(plain.value_and_gradient(&logits, &[1], &mut gradient), masked);
        let smooth = plain.with_label_smoothing(0.1).unwrap();
        assert_eq!(smooth.value_and_gradient(&logits, &[0], &mut gradient), masked);
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let loss = CrossEntropy::new();
        let logits = array![[0.0_f32, 1.0]];
        let mut gradient = Array2::zeros((1, 2));
        let mut value = |labels: &[usize]| loss.value_and_gradient(&logits, labels, &mut gradient);
        assert_eq!(value(&[2]), Err(Error::Label { row: 0, label: 2, classes: 2 }));
        assert!(matches!(value(&[0, 1]), Err(Error::Shape { what: "labels", .. })));
        let wrong = &mut Array2::zeros((2, 2));
        assert!(matches!(
            loss.value_and_gradient(&logits, &[0], wrong),
            Err(Error::Shape { what: "gradient", .. })
        ));
        let empty = Array2::<f32>::zeros((0, 2));
        assert!(matches!(
            loss.value_and_gradient(&empty, &[], &mut empty.clone()),
            Err(Error::Empty(_))
        ));
        for smoothing in [-0.1, 1.0, f64::NAN] {
            assert!(matches!(loss.with_label_smoothing(smoothing), Err(Error::LabelSmoothing(_))));
        }
    }
}
