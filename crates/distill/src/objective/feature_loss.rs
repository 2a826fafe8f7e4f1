//! What a loss of the student's hidden activations against the teacher's looks like.

use ndarray::ArrayRef2;
use reflux_nn::Real;

use crate::{Error, Result};

/// A loss of a batch of *features*: the activations of one hidden layer of the student, and of one of
/// the teacher, which may be wider or narrower.
///
/// Its gradient is to be added to that which reaches the student's layer from above.
pub trait FeatureLoss<F: Real> {
    /// The loss of the `student`'s features `[batch, width]` against the `teacher`'s `[batch, its
    /// width]`. Its gradient with respect to the student's overwrites `gradient`, of their shape.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] where the batches or the gradient do not fit, or are empty, and
    /// [`Error::Feature`] for one that is NaN or infinite. What is in `gradient` then has no meaning.
    fn value_and_gradient(
        &mut self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F>;

    /// After each batch: lets the loss learn what it has to learn itself, such as a projection.
    ///
    /// # Errors
    ///
    /// Whatever its optimizer refuses.
    fn step(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<F: Real, L: FeatureLoss<F> + ?Sized> FeatureLoss<F> for Box<L> {
    fn value_and_gradient(
        &mut self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        (**self).value_and_gradient(student, teacher, gradient)
    }

    fn step(&mut self) -> Result<()> {
        (**self).step()
    }
}

/// The number of rows, if everything fits together and all features are finite.
pub(super) fn checked_features<F: Real>(
    student: &ArrayRef2<F>,
    teacher: &ArrayRef2<F>,
    gradient: &ArrayRef2<F>,
) -> Result<usize> {
    let shape = |what, expected: &[usize], got: &[usize]| Error::Shape {
        what,
        expected: expected.to_vec(),
        got: got.to_vec(),
    };
    if student.is_empty() {
        return Err(shape("the student's features, at the least,", &[1, 1], student.shape()));
    }
    if teacher.nrows() != student.nrows() || teacher.ncols() == 0 {
        let expected = [student.nrows(), teacher.ncols().max(1)];
        return Err(shape("the teacher's features", &expected, teacher.shape()));
    }
    if gradient.shape() != student.shape() {
        return Err(shape("the gradient", student.shape(), gradient.shape()));
    }
    for (whose, features) in [("student", student), ("teacher", teacher)] {
        if let Some(((row, _), value)) = features.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::Feature { whose, row, value: value.as_f64() });
        }
    }
    Ok(student.nrows())
}
