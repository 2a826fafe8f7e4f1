//! What a network is trained towards.

use ndarray::ArrayRef2;
use reflux_softmax::{CrossEntropy, Real};

use crate::{Error, Result};

/// A loss over the rows of a data set.
///
/// [`Fit`](crate::Fit) asks it once a step: the rows of the data set that make up the batch and the
/// network's outputs for them go in, the loss comes out, and its gradient with respect to the outputs
/// is written. Whatever belongs to a row, a label or a teacher's logits, the objective looks up by the
/// row's number.
pub trait Objective<F: Real> {
    /// How many rows it knows the targets of.
    fn rows(&self) -> usize;

    /// The loss of `outputs` `[batch, outputs]` for the data set's `rows` `[batch]`; the gradient
    /// overwrites `gradient`, of the shape of `outputs`.
    ///
    /// # Errors
    ///
    /// Whatever the loss refuses.
    fn value_and_gradient(
        &mut self,
        rows: &[usize],
        outputs: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F>;
}

/// Cross-entropy with one label a row: ordinary training of a classifier.
#[derive(Debug, Clone)]
pub struct HardLabels<'a> {
    loss: CrossEntropy,
    labels: &'a [usize],
    batch: Vec<usize>,
}

impl<'a> HardLabels<'a> {
    /// For `labels` `[rows]`.
    pub fn new(labels: &'a [usize]) -> Self {
        Self::with_loss(labels, CrossEntropy::new())
    }

    /// The same with a loss of the caller's, for label smoothing say.
    pub fn with_loss(labels: &'a [usize], loss: CrossEntropy) -> Self {
        Self { loss, labels, batch: Vec::new() }
    }
}

impl<F: Real> Objective<F> for HardLabels<'_> {
    fn rows(&self) -> usize {
        self.labels.len()
    }

    fn value_and_gradient(
        &mut self,
        rows: &[usize],
        outputs: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        gather_labels(self.labels, rows, &mut self.batch)?;
        Ok(self.loss.value_and_gradient(outputs, &self.batch, gradient)?)
    }
}

/// The labels of `rows`, into memory that is reused.
///
/// # Errors
///
/// [`Error::TooFewRows`] for a row that has no label.
pub fn gather_labels(labels: &[usize], rows: &[usize], batch: &mut Vec<usize>) -> Result<()> {
    batch.clear();
    for &row in rows {
        let label = labels.get(row).ok_or(Error::TooFewRows {
            what: "the objective",
            needed: row.saturating_add(1),
            got: labels.len(),
        })?;
        batch.push(*label);
    }
    Ok(())
}
