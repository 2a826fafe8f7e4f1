//! What a student is trained towards: a loss against the teacher, joined to the rows of a data set.
//!
//! One file a loss, with its formula and paper in the head. Those of logits implement [`LogitLoss`],
//! those of hidden activations [`FeatureLoss`].

mod decoupled;
mod dist;
mod divergence;
mod feature_loss;
mod hint;
mod hinton;
mod logit_loss;
mod memory;
mod relational;
mod settings;
mod similarity;
mod standardized;
#[cfg(test)]
mod tests_support;
mod with_features;
mod with_labels;

use ndarray::ArrayRef2;
use reflux_nn::{HardLabels, Objective, Real, gather_labels};
use reflux_softmax::{CrossEntropy, Distillation};

pub use decoupled::DecoupledKd;
pub use dist::Dist;
pub use divergence::SoftDivergence;
pub use feature_loss::FeatureLoss;
pub use hint::Hint;
pub use hinton::Hinton;
pub use logit_loss::{LogitBatch, LogitLoss};
pub use relational::Relational;
pub use similarity::Similarity;
pub use standardized::Standardized;
pub use with_features::{WithFeatures, hidden_features};
pub use with_labels::WithLabels;

use memory::Memory;

use crate::{Error, Result, SoftTargets, labels};

/// A teacher's soft targets, with or without hard labels, as what a student is trained towards.
///
/// The loss is [`Distillation`], Hinton's, or any other [`LogitLoss`]. Each batch is a step of its
/// schedules, counted from 0.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use reflux_distill::{DecoupledKd, Distill, Distillation, SoftTargets, WithLabels};
///
/// let targets = SoftTargets::from_logits(array![[8.0_f32, 2.0], [1.0, 3.0]])?;
/// let hinton = Distill::new(&targets, &[0, 1], Distillation::new())?;
/// let decoupled = Distill::new(&targets, &[0, 1], WithLabels::new(DecoupledKd::new()))?;
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Distill<'a, F = f32, L = Distillation> {
    loss: L,
    targets: &'a SoftTargets<F>,
    labels: Option<&'a [usize]>,
    step: u64,
    batch_labels: Vec<usize>,
    memory: Memory<F>,
}

impl<'a, F: Real, L: LogitLoss<F>> Distill<'a, F, L> {
    /// Soft targets and hard labels `[rows]` together.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there is a label for each row of the targets, and
    /// [`reflux_softmax::Error::Label`] for one that is none of the teacher's classes.
    pub fn new(targets: &'a SoftTargets<F>, labels: &'a [usize], loss: L) -> Result<Self> {
        labels::check(labels, targets.rows(), targets.classes())?;
        Ok(Self { labels: Some(labels), ..Self::with_parts(targets, loss) })
    }

    /// Soft targets alone, for data that nobody has labelled: the loss must not need labels (Hinton's
    /// does not where its alpha is 0).
    ///
    /// # Errors
    ///
    /// [`Error::LabelsMissing`] where it does.
    pub fn unlabelled(targets: &'a SoftTargets<F>, loss: L) -> Result<Self> {
        if loss.needs_labels() {
            return Err(Error::LabelsMissing { loss: "this loss" });
        }
        Ok(Self::with_parts(targets, loss))
    }

    fn with_parts(targets: &'a SoftTargets<F>, loss: L) -> Self {
        let (batch_labels, memory) = (Vec::new(), Memory::default());
        Self { loss, targets, labels: None, step: 0, batch_labels, memory }
    }
}

impl<F: Real, L: LogitLoss<F>> Objective<F> for Distill<'_, F, L> {
    fn rows(&self) -> usize {
        self.targets.rows()
    }

    fn value_and_gradient(
        &mut self,
        rows: &[usize],
        outputs: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> reflux_nn::Result<F> {
        let [mut teacher] = self.memory.matrices([(rows.len(), self.targets.classes())]);
        self.targets.gather(rows, &mut teacher)?;
        let mut batch = LogitBatch::new(outputs, &teacher).at_step(self.step);
        if let Some(labels) = self.labels {
            gather_labels(labels, rows, &mut self.batch_labels)?;
            batch = batch.with_labels(&self.batch_labels);
        }
        let value = self.loss.value_and_gradient(batch, gradient)?;
        self.step += 1;
        Ok(value)
    }
}

/// The control without a teacher: labels smoothed by `smoothing`, which makes of a student's targets
/// what a teacher would that knows nothing (Szegedy et al. 2016, arXiv:1512.00567; Yuan et al. 2020,
/// arXiv:1909.11723, compare it with distillation).
///
/// What distillation is worth is what it gains over this.
///
/// # Errors
///
/// [`reflux_softmax::Error::LabelSmoothing`] unless it is at least 0 and less than 1.
pub fn label_smoothing<F: Real>(labels: &[usize], smoothing: f64) -> Result<HardLabels<'_, F>> {
    let loss = CrossEntropy::new().with_label_smoothing(smoothing)?;
    Ok(HardLabels::with_loss(labels, loss))
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
        assert_eq!(missing, "this loss needs labels, got none");
        let mut objective = Distill::new(&targets, &[0], loss).unwrap();
        let wide = Array2::zeros((1, 3));
        assert!(objective.value_and_gradient(&[0], &wide, &mut wide.clone()).is_err());
        let fits = Array2::zeros((1, 2));
        assert!(objective.value_and_gradient(&[1], &fits, &mut fits.clone()).is_err());
        let nan = SoftTargets::from_logits(array![[0.0, f64::NAN]]);
        assert!(matches!(nan, Err(Error::TeacherLogit { row: 0, class: 1, .. })));
    }
}
