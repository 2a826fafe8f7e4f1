//! Similarity-preserving distillation: inputs that are alike to the teacher are to be alike to the
//! student.
//!
//! ```text
//! G = S·Sᵀ, each row divided by its length;   H the same of the teacher's features
//! L = 1/B² ‖G − H‖²_F
//! ```
//!
//! Tung & Mori 2019, "Similarity-preserving knowledge distillation", arXiv:1907.09682.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayRef2, ArrayViewMut2, Zip};
use reflux_nn::Real;

use super::FeatureLoss;
use super::feature_loss::checked_features;
use super::memory::Memory;
use crate::Result;

/// The squared distance of two matrices `[batch, batch]` that say how alike the rows are.
///
/// It needs no projection: the widths of the two layers may differ. The paper multiplies it by 3000
/// on CIFAR-10, with batches of 128.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_distill::{FeatureLoss, Similarity};
///
/// // Turned by a quarter and twice as long, but as alike as the teacher's.
/// let student = array![[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
/// let teacher = array![[0.0, 2.0], [-2.0, 2.0], [-2.0, 0.0]];
/// let mut gradient = Array2::<f64>::zeros((3, 2));
/// assert_eq!(Similarity::new().value_and_gradient(&student, &teacher, &mut gradient)?, 0.0);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Similarity<F = f32> {
    memory: Memory<F>,
}

impl<F: Real> Similarity<F> {
    /// With weight 1.
    pub fn new() -> Self {
        Self { memory: Memory::default() }
    }
}

impl<F: Real> FeatureLoss<F> for Similarity<F> {
    fn value_and_gradient(
        &mut self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let rows = checked_features(student, teacher, gradient)?;
        let square = (rows, rows);
        let [mut own, mut other, mut lengths] = self.memory.matrices([square, square, (rows, 1)]);
        similarities(teacher, &mut other, &mut lengths);
        similarities(student, &mut own, &mut lengths);

        let each = 1.0 / (rows * rows) as f64;
        let twice = F::from_f64(2.0 * each);
        let mut squares = 0.0;
        // `other` becomes the gradient with respect to S·Sᵀ.
        for ((own, mut other), length) in own.rows().into_iter().zip(other.rows_mut()).zip(&lengths)
        {
            let mut along = F::zero();
            Zip::from(&mut other).and(&own).for_each(|other, &own| {
                let difference = own - *other;
                squares += difference.as_f64().powi(2);
                *other = twice * difference;
                along += *other * own;
            });
            let scale = if *length > F::zero() { length.recip() } else { F::zero() };
            Zip::from(&mut other).and(&own).for_each(|slope, &own| {
                *slope = scale * (*slope - along * own);
            });
        }
        general_mat_mul(F::one(), &other, student, F::zero(), gradient);
        general_mat_mul(F::one(), &other.t(), student, F::one(), gradient);
        Ok(F::from_f64(each * squares))
    }
}

/// `features·featuresᵀ` with rows of length 1, and the lengths they had. A row of zeros is like nothing.
fn similarities<F: Real>(
    features: &ArrayRef2<F>,
    out: &mut ArrayViewMut2<'_, F>,
    lengths: &mut ArrayViewMut2<'_, F>,
) {
    general_mat_mul(F::one(), features, &features.t(), F::zero(), out);
    for (mut row, length) in out.rows_mut().into_iter().zip(lengths) {
        *length = row.iter().map(|&x| x * x).sum::<F>().sqrt();
        if *length > F::zero() {
            row /= *length;
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};

    use super::*;
    use crate::objective::tests_support::{assert_gradient, features};

    #[test]
    fn closed_form() {
        // S·Sᵀ is the unit matrix; T·Tᵀ is all ones, with rows of length √2.
        let (student, teacher) = (array![[1.0, 0.0], [0.0, 1.0]], array![[1.0], [1.0]]);
        let mut gradient = Array2::zeros((2, 2));
        let value =
            Similarity::new().value_and_gradient(&student, &teacher, &mut gradient).unwrap();
        let half = 0.5_f64.sqrt();
        let expected = ((1.0 - half).powi(2) + half * half) / 2.0;
        assert_relative_eq!(value, expected, max_relative = 1e-12);
    }

    #[test]
    fn gradient_matches_central_differences() {
        let (student, teacher) = features();
        assert_gradient(&student, |x, gradient| {
            Similarity::new().value_and_gradient(x, &teacher, gradient)
        });
    }

    #[test]
    fn a_row_of_zeros_has_no_gradient_of_nan() {
        let (student, teacher) = (array![[0.0, 0.0], [0.0, 1.0]], array![[1.0], [0.0]]);
        let mut gradient = Array2::zeros((2, 2));
        let value =
            Similarity::new().value_and_gradient(&student, &teacher, &mut gradient).unwrap();
        assert_eq!(value, 0.5);
        assert!(gradient.iter().all(|g: &f64| g.is_finite()));
    }
}
