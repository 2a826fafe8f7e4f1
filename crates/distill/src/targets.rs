//! Soft targets: what a teacher says about each row of a data set, asked once.

use ndarray::{Array2, ArrayRef2, ArrayView2, Axis};
use reflux_nn::Real;
use reflux_softmax::softmax;

use crate::{Error, Result, Teacher};

/// A teacher's logits for every row of a data set `[rows, classes]`.
///
/// Logits rather than probabilities, so that one pass of the teacher serves every temperature.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use reflux_distill::SoftTargets;
///
/// let targets = SoftTargets::from_logits(array![[8.0_f32, 2.0, 0.0]])?;
/// assert!(targets.probabilities(1.0)?[[0, 0]] > 0.99);
/// assert!(targets.probabilities(8.0)?[[0, 0]] < 0.6);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SoftTargets<F = f32> {
    logits: Array2<F>,
}

impl<F: Real> SoftTargets<F> {
    /// Asks `teacher` about every row of `inputs` `[rows, features]`.
    ///
    /// # Errors
    ///
    /// Whatever the teacher refuses, [`Error::Shape`] where it gives another number of rows or
    /// classes than it should, [`Error::TeacherLogit`] for a logit that is not finite.
    pub fn from_teacher(
        teacher: &(impl Teacher<F> + ?Sized),
        inputs: &ArrayRef2<F>,
    ) -> Result<Self> {
        let logits = teacher.logits(inputs)?;
        let expected = [inputs.nrows(), teacher.classes()];
        if logits.shape() != expected {
            return Err(Error::Shape {
                what: "the teacher's logits",
                expected: expected.to_vec(),
                got: logits.shape().to_vec(),
            });
        }
        Self::from_logits(logits)
    }

    /// Takes logits that were computed elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::TeacherLogit`] for a logit that is not finite.
    pub fn from_logits(logits: Array2<F>) -> Result<Self> {
        match logits.indexed_iter().find(|(_, logit)| !logit.is_finite()) {
            Some(((row, class), value)) => {
                Err(Error::TeacherLogit { row, class, value: value.as_f64() })
            }
            None => Ok(Self { logits }),
        }
    }

    /// The logits `[rows, classes]`.
    pub fn logits(&self) -> ArrayView2<'_, F> {
        self.logits.view()
    }

    /// The teacher's probabilities `[rows, classes]` at a temperature.
    ///
    /// # Errors
    ///
    /// A temperature that is not finite and above 0.
    pub fn probabilities(&self, temperature: F) -> Result<Array2<F>> {
        Ok(softmax(&self.logits, Axis(1), temperature)?)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.logits.nrows()
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.logits.ncols()
    }
}
