//! Cross-entropy with hard labels and label smoothing.
//!
//! ```text
//! y_i = (1 − ε)·[i = label] + ε/K        L = −Σ_i y_i log q_i        ∂L/∂x_i = q_i − y_i
//! ```
//!
//! with `q` the softmax of the `K` logits `x`. Label smoothing: Szegedy et al. 2016,
//! arXiv:1512.00567, section 7.

use ndarray::ArrayRef2;

use super::{Reduction, check_batch, check_labels, check_target};
use crate::row::Normaliser;
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
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct CrossEntropy {
    label_smoothing: f64,
    reduction: Reduction,
}

impl CrossEntropy {
    /// No label smoothing, the mean over the batch.
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

    /// Mean or sum over the batch.
    pub fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// The label smoothing ε.
    pub fn label_smoothing(&self) -> f64 {
        self.label_smoothing
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
    /// target on a class that is masked with −∞.
    pub fn value_and_gradient<F: Real>(
        &self,
        logits: &ArrayRef2<F>,
        labels: &[usize],
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let (rows, classes) = check_batch(logits, gradient, "cross-entropy")?;
        check_labels(labels, rows, classes)?;
        let scale = self.reduction.scale(rows);
        let spread = self.label_smoothing / classes as f64;
        let mut loss = 0.0;
        for (row, ((logits, mut gradient), &label)) in
            logits.rows().into_iter().zip(gradient.rows_mut()).zip(labels).enumerate()
        {
            let target =
                |class| spread + if class == label { 1.0 - self.label_smoothing } else { 0.0 };
            check_target(logits, target, row)?;
            let student = Normaliser::new(logits, 1.0);
            for (class, (&logit, slot)) in logits.iter().zip(&mut gradient).enumerate() {
                let target = target(class);
                if target > 0.0 {
                    loss -= target * student.log_probability(logit);
                }
                *slot = F::from_f64(scale * (student.probability(logit) - target));
            }
        }
        Ok(F::from_f64(scale * loss))
    }
}

/// What is read from a file, before it is checked.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Unchecked {
    label_smoothing: f64,
    reduction: Reduction,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for CrossEntropy {
    type Error = Error;
    fn try_from(unchecked: Unchecked) -> Result<Self> {
        Ok(Self::new()
            .with_label_smoothing(unchecked.label_smoothing)?
            .with_reduction(unchecked.reduction))
    }
}

#[cfg(feature = "serde")]
impl From<CrossEntropy> for Unchecked {
    fn from(loss: CrossEntropy) -> Self {
        Self { label_smoothing: loss.label_smoothing, reduction: loss.reduction }
    }
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
