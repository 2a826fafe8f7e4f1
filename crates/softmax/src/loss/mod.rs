//! Losses on logits, each with its gradient in one pass over a row.
//!
//! One file a loss. They share the shape of their calls: logits `[batch, classes]` in, the loss out,
//! its gradient with respect to the logits into memory of the caller's.

mod cross_entropy;
mod distillation;
mod soft_cross_entropy;

use ndarray::{ArrayRef2, ArrayView1};

pub use cross_entropy::CrossEntropy;
pub use distillation::Distillation;
pub use soft_cross_entropy::SoftCrossEntropy;

use crate::row::check_row;
use crate::{Error, Real, Result};

/// How the losses of a batch's rows become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reduction {
    /// Their mean: the size of the gradient does not depend on the size of the batch. The default.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

impl Reduction {
    /// What each row's loss and gradient are multiplied by.
    fn scale(self, rows: usize) -> f64 {
        match self {
            Self::Mean => 1.0 / rows as f64,
            Self::Sum => 1.0,
        }
    }
}

/// The rows and classes of a batch whose gradient has the same shape.
fn check_batch<F: Real>(
    logits: &ArrayRef2<F>,
    gradient: &ArrayRef2<F>,
    loss: &'static str,
) -> Result<(usize, usize)> {
    check_shape("gradient", logits.shape(), gradient.shape())?;
    if logits.is_empty() {
        return Err(Error::Empty(loss));
    }
    check_rows(logits)?;
    Ok(logits.dim())
}

fn check_rows<F: Real>(logits: &ArrayRef2<F>) -> Result<()> {
    logits.rows().into_iter().enumerate().try_for_each(|(index, row)| check_row(row, index))
}

fn check_shape(what: &'static str, expected: &[usize], got: &[usize]) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Shape { what, expected: expected.to_vec(), got: got.to_vec() })
}

fn check_labels(labels: &[usize], rows: usize, classes: usize) -> Result<()> {
    check_shape("labels", &[rows], &[labels.len()])?;
    match labels.iter().enumerate().find(|&(_, &label)| label >= classes) {
        Some((row, &label)) => Err(Error::Label { row, label, classes }),
        None => Ok(()),
    }
}

/// A cross-entropy is infinite where its target puts probability on a masked class.
fn check_target<F: Real>(
    logits: ArrayView1<'_, F>,
    target: impl Fn(usize) -> f64,
    row: usize,
) -> Result<()> {
    match (0..logits.len()).find(|&class| logits[class].is_infinite() && target(class) > 0.0) {
        Some(class) => Err(Error::MaskedTarget { row, class }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests_support {
    //! What the losses' tests share.

    use ndarray::Array2;

    /// The gradient of `loss` at `logits` by central differences, whose error is of order h².
    pub(crate) fn central_differences(
        logits: &Array2<f64>,
        loss: impl Fn(&Array2<f64>) -> f64,
    ) -> Array2<f64> {
        let h = 1e-5;
        Array2::from_shape_fn(logits.dim(), |at| {
            let mut moved = logits.clone();
            moved[at] = logits[at] + h;
            let above = loss(&moved);
            moved[at] = logits[at] - h;
            (above - loss(&moved)) / (2.0 * h)
        })
    }
}
