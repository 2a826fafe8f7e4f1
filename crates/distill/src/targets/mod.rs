//! Soft targets: what a teacher says about each row of a data set, asked once.

mod file;
mod form;
mod import;
mod labelling;

use ndarray::{Array2, ArrayRef2, ArrayView2, ArrayViewMut2, Axis, CowArray, Ix2};
use reflux_nn::Real;
use reflux_softmax::softmax;

pub use file::CacheKey;
pub use form::TargetForm;
pub use labelling::Labelling;

use form::Rows;

use crate::{Error, Result, Teacher};

/// A teacher's logits for every row of a data set `[rows, classes]`.
///
/// Logits rather than probabilities, so that one pass of the teacher serves every temperature. They
/// may be kept in a smaller form than whole: [`TargetForm`].
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
    shape: (usize, usize),
    kept: Rows<F>,
}

impl<F: Real> SoftTargets<F> {
    /// Asks `teacher` about every row of `inputs` `[rows, features]`, in one call. [`Labelling`] asks
    /// batch by batch, on several threads, into a smaller form, or into a file.
    ///
    /// # Errors
    ///
    /// Whatever the teacher refuses, [`Error::Shape`] where it gives another number of rows or
    /// classes than it should, [`Error::TeacherLogit`] for a logit that is not finite.
    pub fn from_teacher(
        teacher: &(impl Teacher<F> + ?Sized),
        inputs: &ArrayRef2<F>,
    ) -> Result<Self> {
        Self::from_logits(checked_logits(teacher, inputs)?)
    }

    /// Takes logits that were computed elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::TeacherLogit`] for a logit that is not finite.
    pub fn from_logits(logits: Array2<F>) -> Result<Self> {
        check_finite(&logits, 0)?;
        let shape = logits.dim();
        let logits = logits.as_standard_layout().into_owned();
        // In standard layout, from its first element on.
        Ok(Self { shape, kept: Rows::Full(logits.into_raw_vec_and_offset().0) })
    }

    /// The same targets in another form. What was left out does not come back.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for a form whose settings are not legal.
    pub fn to_form(&self, form: TargetForm) -> Result<Self> {
        let mut kept = Rows::new(form.checked()?, self.classes());
        for row in self.logits().rows() {
            kept.push(row);
        }
        Ok(Self { shape: self.shape, kept })
    }

    /// The logits `[rows, classes]`: a view where they are kept whole, and otherwise what is left of
    /// them, in a new array.
    #[allow(clippy::expect_used)]
    pub fn logits(&self) -> CowArray<'_, F, Ix2> {
        if let Rows::Full(values) = &self.kept {
            let view = ArrayView2::from_shape(self.shape, values);
            return view.expect("as many values as the shape says").into();
        }
        let mut logits = Array2::zeros(self.shape);
        for (row, mut out) in logits.rows_mut().into_iter().enumerate() {
            self.kept.read(row, out.as_slice_mut().expect("a row of an array made here"));
        }
        logits.into()
    }

    /// The teacher's probabilities `[rows, classes]` at a temperature.
    ///
    /// # Errors
    ///
    /// A temperature that is not finite and above 0.
    pub fn probabilities(&self, temperature: F) -> Result<Array2<F>> {
        Ok(softmax(&self.logits(), Axis(1), temperature)?)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.shape.0
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.shape.1
    }

    /// The form in which they are kept.
    pub fn form(&self) -> TargetForm {
        self.kept.form()
    }

    /// The bytes that they take, in memory and, but for a header, in a file.
    pub fn bytes(&self) -> usize {
        self.kept.bytes()
    }

    /// The logits of these rows, into `out` `[rows, classes]`, which is contiguous.
    pub(crate) fn gather(
        &self,
        rows: &[usize],
        out: &mut ArrayViewMut2<'_, F>,
    ) -> reflux_nn::Result<()> {
        let classes = self.classes();
        for (&row, mut out) in rows.iter().zip(out.rows_mut()) {
            if row >= self.rows() {
                return Err(reflux_nn::Error::Row { row, rows: self.rows() });
            }
            if let Some(out) = out.as_slice_mut().filter(|out| out.len() == classes) {
                self.kept.read(row, out);
            }
        }
        Ok(())
    }
}

/// What the teacher says of `inputs`, if it is of the right shape.
fn checked_logits<F: Real>(
    teacher: &(impl Teacher<F> + ?Sized),
    inputs: &ArrayRef2<F>,
) -> Result<Array2<F>> {
    let logits = teacher.logits(inputs)?;
    let expected = [inputs.nrows(), teacher.classes()];
    if logits.shape() != expected {
        return Err(Error::Shape {
            what: "the teacher's logits",
            expected: expected.to_vec(),
            got: logits.shape().to_vec(),
        });
    }
    Ok(logits)
}

/// `first_row` is the number of the first of these rows in the data set.
pub(crate) fn check_finite<F: Real>(logits: &ArrayRef2<F>, first_row: usize) -> Result<()> {
    match logits.indexed_iter().find(|(_, logit)| !logit.is_finite()) {
        Some(((row, class), value)) => {
            let row = first_row + row;
            Err(Error::TeacherLogit { row, class, value: value.as_f64() })
        }
        None => Ok(()),
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

    #[test]
    fn smaller_forms_take_the_bytes_they_say() {
        let logits = Array2::from_shape_fn((3, 100), |(i, j)| ((i * 100 + j) as f32).sin());
        let targets = SoftTargets::from_logits(logits.t().to_owned().reversed_axes()).unwrap();
        assert_eq!(targets.logits(), logits);
        assert_eq!((targets.form(), targets.bytes()), (TargetForm::Full, 1200));
        let top = targets.to_form(TargetForm::top_k(4).unwrap()).unwrap();
        assert_eq!(top.bytes(), 3 * (4 * 8 + 4));
        assert_eq!(targets.to_form(TargetForm::Quantized).unwrap().bytes(), 3 * (100 + 8));
        assert!(targets.to_form(TargetForm::TopK { k: 0, temperature: 1.0 }).is_err());
    }
}
