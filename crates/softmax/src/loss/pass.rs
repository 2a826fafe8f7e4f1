//! What can be asked of a loss besides its value.

use ndarray::{ArrayRef2, ArrayViewMut2};

use crate::Real;

/// How the losses of a batch's rows become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reduction {
    /// Their sum divided by the number of rows: the size of the gradient does not depend on the size
    /// of the batch. Weights do not change the divisor. The default.
    #[default]
    Mean,
    /// Their sum. With [`Pass::with_values`] it is what others call the reduction *none*: every
    /// row's own loss, and in every row of the gradient that of its own loss.
    Sum,
}

impl Reduction {
    /// What each row's loss and gradient are multiplied by.
    pub(super) fn scale(self, rows: usize) -> f64 {
        match self {
            Self::Mean => 1.0 / rows as f64,
            Self::Sum => 1.0,
        }
    }
}

/// Everything that a loss takes and gives besides the plain case: weights in, the losses of the
/// single rows and the gradient out.
///
/// # Example
///
/// Prioritized replay weights each sample, and wants to know each sample's loss:
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_softmax::{CrossEntropy, Pass};
///
/// let logits = array![[0.0_f64, 0.0], [0.0, 0.0]];
/// let (mut losses, mut gradient) = ([0.0; 2], Array2::zeros((2, 2)));
/// let pass = Pass::new()
///     .with_weights(&[1.0, 0.5])
///     .with_values(&mut losses)
///     .with_gradient(&mut gradient);
/// let mean = CrossEntropy::new().evaluate(&logits, &[0, 1], pass)?;
/// assert_eq!(losses, [2.0_f64.ln(), 0.5 * 2.0_f64.ln()]);
/// assert_eq!(mean, 0.75 * 2.0_f64.ln());
/// assert_eq!(gradient, array![[-0.25, 0.25], [0.125, -0.125]]);
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
#[derive(Debug)]
pub struct Pass<'a, F> {
    pub(super) weights: Option<&'a [F]>,
    pub(super) values: Option<&'a mut [F]>,
    pub(super) gradient: Option<ArrayViewMut2<'a, F>>,
}

impl<F> Default for Pass<'_, F> {
    fn default() -> Self {
        Self { weights: None, values: None, gradient: None }
    }
}

impl<'a, F: Real> Pass<'a, F> {
    /// The value alone, every row with weight 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// One weight a row, finite and at least 0, by which its loss and its gradient are multiplied.
    pub fn with_weights(self, weights: &'a [F]) -> Self {
        Self { weights: Some(weights), ..self }
    }

    /// Writes each row's loss, times its weight if there are weights, to `values`, one a row.
    pub fn with_values(self, values: &'a mut [F]) -> Self {
        Self { values: Some(values), ..self }
    }

    /// Writes the gradient of the reduced loss with respect to the logits to `gradient`, of their
    /// shape.
    pub fn with_gradient(self, gradient: &'a mut ArrayRef2<F>) -> Self {
        Self { gradient: Some(gradient.view_mut()), ..self }
    }
}
