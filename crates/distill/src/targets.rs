//! Soft targets: what a teacher says about each row of a data set, asked once.

use ndarray::{Array2, ArrayRef2, ArrayView2, ArrayViewMut2, Axis};
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

    /// The logits of these rows, into `out` `[rows, classes]`.
    pub(crate) fn gather(
        &self,
        rows: &[usize],
        out: &mut ArrayViewMut2<'_, F>,
    ) -> reflux_nn::Result<()> {
        for (&row, mut out) in rows.iter().zip(out.rows_mut()) {
            if row >= self.rows() {
                return Err(reflux_nn::Error::Row { row, rows: self.rows() });
            }
            out.assign(&self.logits.row(row));
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::array;

    use super::*;

    /// Says the same, whatever it is asked, and claims to know two classes.
    struct Fixed(Array2<f64>);

    impl Teacher<f64> for Fixed {
        fn classes(&self) -> usize {
            2
        }

        fn logits(&self, _: &ArrayRef2<f64>) -> Result<Array2<f64>> {
            Ok(self.0.clone())
        }
    }

    #[test]
    fn one_pass_of_the_teacher_serves_every_temperature() {
        let teacher = Fixed(array![[3.0_f64.ln(), 0.0]]);
        let targets = SoftTargets::from_teacher(&teacher, &array![[9.0]]).unwrap();
        assert_eq!((targets.rows(), targets.classes()), (1, 2));
        assert_eq!(targets.logits(), teacher.0);
        let sharp = targets.probabilities(1.0).unwrap();
        assert_relative_eq!(sharp, array![[0.75, 0.25]], max_relative = 1e-12);
        let odds = 3.0_f64.sqrt();
        let soft = targets.probabilities(2.0).unwrap();
        let expected = array![[odds / (odds + 1.0), 1.0 / (odds + 1.0)]];
        assert_relative_eq!(soft, expected, max_relative = 1e-12);
        assert!(matches!(targets.probabilities(0.0), Err(Error::Softmax(_))));
    }

    #[test]
    fn a_teacher_with_the_wrong_number_of_rows_or_classes_is_refused() {
        let inputs = array![[1.0], [2.0]];
        for logits in [Array2::zeros((1, 2)), Array2::zeros((2, 3)), Array2::zeros((0, 0))] {
            let got = logits.shape().to_vec();
            let error = SoftTargets::from_teacher(&Fixed(logits), &inputs).unwrap_err();
            let expected = format!("the teacher's logits must have shape [2, 2], got {got:?}");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_logit_that_is_not_finite_is_named() {
        let teacher = Fixed(array![[0.0, 1.0], [f64::NEG_INFINITY, 0.0]]);
        let error = SoftTargets::from_teacher(&teacher, &array![[1.0], [2.0]]).unwrap_err();
        let expected = "the teacher's logits must be finite, got -inf for class 0 of row 1";
        assert_eq!(error.to_string(), expected);
    }
}
