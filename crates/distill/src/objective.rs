//! Hinton's objective over a data set, for [`Fit`](reflux_nn::Fit) to train towards.

use ndarray::{ArrayRef2, ArrayView2};
use reflux_nn::{Objective, Real, gather_labels};
use reflux_softmax::Distillation;

use crate::{Error, Result, SoftTargets};

/// A teacher's soft targets, with or without hard labels, as what a student is trained towards.
///
/// The loss is [`Distillation`]: `α·hard + (1 − α)·T²·soft`.
#[derive(Debug, Clone)]
pub struct Distill<'a, F = f32> {
    loss: Distillation,
    targets: &'a SoftTargets<F>,
    labels: Option<&'a [usize]>,
    batch_labels: Vec<usize>,
    batch_logits: Vec<F>,
}

impl<'a, F: Real> Distill<'a, F> {
    /// Soft targets and hard labels `[rows]` together, weighed by the loss's alpha.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there is a label for each row of the targets, and
    /// [`reflux_softmax::Error::Label`] for one that is none of the teacher's classes.
    pub fn new(
        targets: &'a SoftTargets<F>,
        labels: &'a [usize],
        loss: Distillation,
    ) -> Result<Self> {
        if labels.len() != targets.rows() {
            return Err(Error::Shape {
                what: "labels",
                expected: vec![targets.rows()],
                got: vec![labels.len()],
            });
        }
        let classes = targets.classes();
        if let Some((row, &label)) = labels.iter().enumerate().find(|&(_, &label)| label >= classes)
        {
            return Err(reflux_softmax::Error::Label { row, label, classes }.into());
        }
        Ok(Self { labels: Some(labels), ..Self::with_parts(targets, loss) })
    }

    /// Soft targets alone, for data that nobody has labelled: the loss's alpha must be 0.
    ///
    /// # Errors
    ///
    /// [`reflux_softmax::Error::LabelsMissing`] where it is not.
    pub fn unlabelled(targets: &'a SoftTargets<F>, loss: Distillation) -> Result<Self> {
        if loss.alpha() > 0.0 {
            return Err(reflux_softmax::Error::LabelsMissing { alpha: loss.alpha() }.into());
        }
        Ok(Self::with_parts(targets, loss))
    }

    fn with_parts(targets: &'a SoftTargets<F>, loss: Distillation) -> Self {
        Self { loss, targets, labels: None, batch_labels: Vec::new(), batch_logits: Vec::new() }
    }
}

impl<F: Real> Objective<F> for Distill<'_, F> {
    fn rows(&self) -> usize {
        self.targets.rows()
    }

    fn value_and_gradient(
        &mut self,
        rows: &[usize],
        outputs: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> reflux_nn::Result<F> {
        if let Some(labels) = self.labels {
            gather_labels(labels, rows, &mut self.batch_labels)?;
        }
        let logits = self.targets.logits();
        self.batch_logits.clear();
        for &row in rows {
            if row >= logits.nrows() {
                return Err(reflux_nn::Error::TooFewRows {
                    what: "the objective",
                    needed: row.saturating_add(1),
                    got: logits.nrows(),
                });
            }
            self.batch_logits.extend(logits.row(row));
        }
        let shape = (rows.len(), self.targets.classes());
        let teacher = ArrayView2::from_shape(shape, &self.batch_logits)
            .map_err(|error| reflux_nn::Error::Objective(error.into()))?;
        let labels = self.labels.map(|_| self.batch_labels.as_slice());
        Ok(self.loss.value_and_gradient(outputs, &teacher, labels, gradient)?)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn it_looks_up_the_rows_of_the_batch() {
        let targets = SoftTargets::from_logits(array![[1.0, 0.0], [0.0, 3.0], [5.0, 5.0]]).unwrap();
        let loss = Distillation::new().with_alpha(0.5).unwrap();
        let outputs = array![[0.3, -0.2], [1.0, 1.5]];
        let (mut got, mut expected) = (Array2::zeros((2, 2)), Array2::zeros((2, 2)));
        let value = Distill::new(&targets, &[0, 1, 1], loss)
            .unwrap()
            .value_and_gradient(&[2, 0], &outputs, &mut got)
            .unwrap();
        let teacher = array![[5.0, 5.0], [1.0, 0.0]];
        let direct =
            loss.value_and_gradient(&outputs, &teacher, Some(&[1, 0]), &mut expected).unwrap();
        assert_eq!((value, got), (direct, expected));
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let targets = SoftTargets::from_logits(array![[1.0, 0.0]]).unwrap();
        let loss = Distillation::new();
        assert!(matches!(Distill::new(&targets, &[0, 1], loss), Err(Error::Shape { .. })));
        assert!(matches!(Distill::new(&targets, &[2], loss), Err(Error::Softmax(_))));
        let missing = Distill::unlabelled(&targets, loss).unwrap_err().to_string();
        assert_eq!(missing, "alpha is 0.1, so labels are needed; give them or set alpha to 0");
        let mut objective = Distill::new(&targets, &[0], loss).unwrap();
        let wide = Array2::zeros((1, 3));
        assert!(objective.value_and_gradient(&[0], &wide, &mut wide.clone()).is_err());
        let fits = Array2::zeros((1, 2));
        assert!(objective.value_and_gradient(&[1], &fits, &mut fits.clone()).is_err());
        let nan = SoftTargets::from_logits(array![[0.0, f64::NAN]]);
        assert!(matches!(nan, Err(Error::TeacherLogit { row: 0, class: 1, .. })));
    }
}
