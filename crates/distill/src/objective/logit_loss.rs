//! What a loss of the student's logits against the teacher's looks like.

use ndarray::{ArrayRef2, ArrayView2};
use reflux_nn::Real;
use reflux_softmax::LogitMse;

use crate::{Error, Result, labels};

/// The logits of a batch, the student's and the teacher's, and what else a loss may want to know.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LogitBatch<'a, F> {
    /// The student's logits `[batch, classes]`.
    pub student: ArrayView2<'a, F>,
    /// The teacher's, of the same shape.
    pub teacher: ArrayView2<'a, F>,
    /// The class of each row, where it is known.
    pub labels: Option<&'a [usize]>,
    /// How many training steps came before this one: what schedules go by.
    pub step: u64,
}

impl<'a, F: Real> LogitBatch<'a, F> {
    /// Without labels, at step 0.
    pub fn new(student: &'a ArrayRef2<F>, teacher: &'a ArrayRef2<F>) -> Self {
        Self { student: student.view(), teacher: teacher.view(), labels: None, step: 0 }
    }

    /// With the class of each row `[batch]`.
    pub fn with_labels(self, labels: &'a [usize]) -> Self {
        Self { labels: Some(labels), ..self }
    }

    /// At this training step, counted from 0.
    pub fn at_step(self, step: u64) -> Self {
        Self { step, ..self }
    }

    /// The batch and the classes, if everything has the same shape and there are at least `classes`.
    pub(super) fn checked_shape(
        &self,
        gradient: &ArrayRef2<F>,
        classes: usize,
    ) -> Result<(usize, usize)> {
        let shape = self.student.dim();
        if shape.0 == 0 || shape.1 < classes {
            return Err(Error::Shape {
                what: "the student's logits, at the least,",
                expected: vec![1, classes],
                got: vec![shape.0, shape.1],
            });
        }
        for (what, got) in
            [("the teacher's logits", self.teacher.shape()), ("the gradient", gradient.shape())]
        {
            if got != self.student.shape() {
                let (expected, got) = (self.student.shape().to_vec(), got.to_vec());
                return Err(Error::Shape { what, expected, got });
            }
        }
        Ok(shape)
    }

    /// The labels, if there is a legal one for each row.
    pub(super) fn checked_labels(&self, loss: &'static str) -> Result<&'a [usize]> {
        let labels = self.labels.ok_or(Error::LabelsMissing { loss })?;
        let (rows, classes) = self.student.dim();
        labels::check(labels, rows, classes)?;
        Ok(labels)
    }
}

/// A loss of a batch of logits against those of a teacher, and possibly against labels.
///
/// [`Distill`](crate::Distill) joins one to the rows of a data set. All losses are means over the
/// batch.
pub trait LogitLoss<F: Real> {
    /// Whether it cannot do without labels.
    fn needs_labels(&self) -> bool {
        false
    }

    /// The loss. Its gradient with respect to the student's logits overwrites `gradient`, of the same
    /// shape.
    ///
    /// # Errors
    ///
    /// Shapes that differ, an empty batch, logits that are NaN or infinite, labels that are missing or
    /// no classes. What is in `gradient` then has no meaning.
    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F>;
}

impl<F: Real, L: LogitLoss<F> + ?Sized> LogitLoss<F> for Box<L> {
    fn needs_labels(&self) -> bool {
        (**self).needs_labels()
    }

    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        (**self).value_and_gradient(batch, gradient)
    }
}

/// `1/K Σ_i (x_i − z_i)²`: Ba & Caruana 2014, arXiv:1312.6184.
impl<F: Real> LogitLoss<F> for LogitMse {
    fn value_and_gradient(
        &mut self,
        batch: LogitBatch<'_, F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        Ok(Self::value_and_gradient(self, &batch.student, &batch.teacher, gradient)?)
    }
}
