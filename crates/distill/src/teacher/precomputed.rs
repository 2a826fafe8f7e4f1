//! Answers that are known already, as a teacher.

use ndarray::{Array2, ArrayRef2};
use reflux_nn::Real;

use super::Teacher;
use crate::{Error, Fingerprint, Result, SoftTargets};

/// A teacher that knows the answers for one data set, and no others: from a file, or from a teacher
/// that is no longer there.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use reflux_distill::{Precomputed, SoftTargets, Teacher};
///
/// let inputs = array![[0.1_f32], [0.2]];
/// let targets = SoftTargets::from_logits(array![[2.0, 0.0], [0.0, 1.0]])?;
/// let teacher = Precomputed::new(targets, &inputs)?;
/// assert_eq!(teacher.logits(&inputs)?, array![[2.0, 0.0], [0.0, 1.0]]);
/// assert!(teacher.logits(&array![[0.1], [0.3]]).is_err());
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Precomputed<F = f32> {
    targets: SoftTargets<F>,
    data: Fingerprint,
}

impl<F: Real> Precomputed<F> {
    /// `targets` are the answers for `inputs` `[rows, features]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there is one for each row.
    pub fn new(targets: SoftTargets<F>, inputs: &ArrayRef2<F>) -> Result<Self> {
        if targets.rows() != inputs.nrows() {
            return Err(Error::Shape {
                what: "the inputs that the targets are for",
                expected: vec![targets.rows(), inputs.ncols()],
                got: inputs.shape().to_vec(),
            });
        }
        Ok(Self { targets, data: Fingerprint::of_data(inputs) })
    }
}

impl<F: Real> Teacher<F> for Precomputed<F> {
    fn classes(&self) -> usize {
        self.targets.classes()
    }

    /// # Errors
    ///
    /// [`Error::OtherData`] for any inputs but those that its answers are for, all of them in their
    /// order.
    fn logits(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>> {
        let got = Fingerprint::of_data(inputs);
        if got == self.data {
            Ok(self.targets.logits().into_owned())
        } else {
            Err(Error::OtherData { expected: self.data, got })
        }
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        let logits = Fingerprint::of_data(&self.targets.logits());
        Some(Fingerprint::of_parts("precomputed", &[logits, self.data]))
    }
}
