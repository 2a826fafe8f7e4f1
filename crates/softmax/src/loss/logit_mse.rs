//! The squared distance of logits.
//!
//! ```text
//! L = 1/K Σ_i (x_i − z_i)²        ∂L/∂x_i = 2/K·(x_i − z_i)
//! ```

use ndarray::ArrayRef2;

use super::batch::{check_logits, evaluate};
use super::compiled::Losses;
use super::part::{Part, Row, RowLoss, Targets};
use super::settings::checked_settings;
use super::softened::splat;
use super::{Pass, Reduction};
use crate::kernel::{Simd, map_into};
use crate::{Error, Real, Result};

/// The mean squared difference between logits and a teacher's, over the `K` classes, as PyTorch's
/// `mse_loss`.
///
/// Ba & Caruana 2014 (arXiv:1312.6184, equation 1) trained students so before Hinton's temperature,
/// which it is the limit of: for T to infinity, and logits of zero mean, the distillation loss tends
/// to half of it (Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 2.1; Kim et al. 2021,
/// arXiv:2105.08919, compare the two).
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_softmax::LogitMse;
///
/// let (student, teacher) = (array![[1.0_f32, 2.0]], array![[1.0, 4.0]]);
/// let mut gradient = Array2::zeros((1, 2));
/// assert_eq!(LogitMse::new().value_and_gradient(&student, &teacher, &mut gradient)?, 2.0);
/// assert_eq!(gradient, array![[0.0, -2.0]]);
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct LogitMse {
    reduction: Reduction,
}

impl LogitMse {
    /// The mean over the batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mean or sum over the batch. Over the classes it is always the mean.
    pub fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction }
    }

    /// Mean or sum.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The loss of the `student`'s logits `[batch, classes]` against the `teacher`'s, of the same
    /// shape; its gradient with respect to the student's overwrites `gradient`, of the same shape.
    /// A class that both mask with −∞ adds nothing.
    ///
    /// # Errors
    ///
    /// Shapes that differ, an empty batch, a logit that is NaN or +∞, a class that one masks and the
    /// other does not.
    pub fn value_and_gradient<F: Real>(
        &self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        self.evaluate(student, teacher, Pass::new().with_gradient(gradient))
    }

    /// The loss, and whatever else `pass` asks for.
    ///
    /// # Errors
    ///
    /// As [`LogitMse::value_and_gradient`], and for weights that are negative, not finite or not one
    /// a row.
    pub fn evaluate<F: Real>(
        &self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        pass: Pass<'_, F>,
    ) -> Result<F> {
        let name = "the teacher's logits";
        let targets = Targets { labels: None, other: Some(teacher.view()), name };
        evaluate(&OfRow, "the squared distance", student, targets, pass, self.reduction)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct OfRow;

impl<F: Losses> RowLoss<F> for OfRow {
    fn rows(part: &mut Part<'_, '_, F, Self>) {
        F::logit_mse(part);
    }

    #[inline(always)]
    fn fast<S: Simd>(&self, s: S, row: Row<'_, F>) -> f64 {
        let Row { logits, other, factor, gradient, .. } = row;
        let mut squares = F::splat(s, F::default());
        let scale = splat::<S, F>(s, 2.0 * factor / logits.len() as f64);
        let fill = [F::default(); 2];
        map_into(
            s,
            [logits, other],
            fill,
            [gradient],
            #[inline(always)]
            |[x, z]| {
                let difference = F::sub(s, x, z);
                squares = F::mul_add(s, difference, difference, squares);
                [F::mul(s, difference, scale)]
            },
        );
        let value = F::reduce_sum(s, squares).widen() / logits.len() as f64;
        // The square may be too large for the type; the careful way sums in f64.
        if value.is_finite() { value } else { f64::NAN }
    }

    fn careful(&self, row: Row<'_, F>) -> f64 {
        let mut sum = 0.0;
        let classes = row.logits.len() as f64;
        for ((slot, x), z) in row.gradient.iter_mut().zip(row.logits).zip(row.other) {
            let both_masked = x == z && *x == F::MASKED;
            let difference = if both_masked { 0.0 } else { x.widen() - z.widen() };
            sum += difference * difference;
            *slot = F::narrow(2.0 * row.factor * difference / classes);
        }
        sum / classes
    }

    fn check(&self, index: usize, row: &Row<'_, F>) -> Result<()> {
        check_logits(index, row.logits)?;
        check_logits(index, row.other)?;
        let mut classes =
            row.logits.iter().zip(row.other).map(|(x, z)| (*x != F::MASKED, *z != F::MASKED));
        match classes.position(|(student, teacher)| student != teacher) {
            Some(class) if row.logits[class] != F::MASKED => {
                Err(Error::MaskedTeacher { row: index, class })
            }
            Some(class) => Err(Error::MaskedTarget { row: index, class }),
            None => Ok(()),
        }
    }
}

checked_settings! {
    LogitMse { reduction: Reduction }
    default LogitMse::default();
    |read| Ok(LogitMse::new().with_reduction(read.reduction))
}
