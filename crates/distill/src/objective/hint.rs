//! Hints: the student's layer is to contain the teacher's.
//!
//! ```text
//! L = 1/(2B) Σ_b ‖W·s_b + c − t_b‖²
//! ```
//!
//! `s` the student's features, `t` the teacher's, `W` and `c` a linear projection that is learned along
//! with the student. Romero et al. 2015, "FitNets: hints for thin deep nets", arXiv:1412.6550, equation
//! 3, with a linear regressor.

use ndarray::{ArrayRef2, Zip};
use rand::Rng;
use reflux_nn::{Mlp, MlpConfig, Optimizer, Real, Workspace};

use super::FeatureLoss;
use super::feature_loss::checked_features;
use crate::Result;

/// The squared distance of the teacher's features from a learned projection of the student's.
///
/// The projection, and the optimizer that it has for itself, are thrown away after the training.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_distill::{FeatureLoss, Hint};
/// use reflux_nn::Sgd;
///
/// let (student, teacher) = (array![[1.0, 0.0], [0.0, 1.0]], array![[1.0, 2.0, 3.0], [0.0, 1.0, 5.0]]);
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut hint = Hint::<f64, _>::new(2, 3, Sgd::new(0.5)?, rng)?;
/// let mut gradient = Array2::zeros((2, 2));
/// for _ in 0..200 {
///     hint.value_and_gradient(&student, &teacher, &mut gradient)?;
///     hint.step()?;
/// }
/// assert!(hint.value_and_gradient(&student, &teacher, &mut gradient)? < 1e-6);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Hint<F, O> {
    projection: Mlp<F>,
    workspace: Workspace<F>,
    optimizer: O,
}

impl<F: Real, O: Optimizer<F>> Hint<F, O> {
    /// From a layer of the student as wide as `student` to one of the teacher as wide as `teacher`. The
    /// projection starts with PyTorch's initialiser.
    ///
    /// # Errors
    ///
    /// A width of 0, or memory for the projection that cannot be had.
    pub fn new<R: Rng + ?Sized>(
        student: usize,
        teacher: usize,
        optimizer: O,
        rng: &mut R,
    ) -> Result<Self> {
        let projection = Mlp::new(MlpConfig::new(student, &[], teacher)?, rng)?;
        Ok(Self { projection, workspace: Workspace::new(), optimizer })
    }

    /// The projection as it is now: a network without hidden layers.
    pub fn projection(&self) -> &Mlp<F> {
        &self.projection
    }

    /// The optimizer of the projection: to change its learning rate, say.
    pub fn optimizer_mut(&mut self) -> &mut O {
        &mut self.optimizer
    }
}

impl<F: Real, O: Optimizer<F>> FeatureLoss<F> for Hint<F, O> {
    fn value_and_gradient(
        &mut self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let rows = checked_features(student, teacher, gradient)?;
        let Self { projection, workspace, .. } = self;
        projection.forward(student, workspace)?;
        let (projected, mut slopes) = workspace.outputs_and_gradient_mut();
        if teacher.shape() != projected.shape() {
            let (expected, got) = (projected.shape().to_vec(), teacher.shape().to_vec());
            return Err(crate::Error::Shape { what: "the teacher's features", expected, got });
        }
        let each = F::from_f64(1.0 / rows as f64);
        let mut squares = 0.0;
        Zip::from(&mut slopes).and(&projected).and(teacher).for_each(|slope, &own, &hint| {
            let difference = own - hint;
            squares += difference.as_f64().powi(2);
            *slope = each * difference;
        });
        projection.backward(student, workspace)?;
        gradient.assign(&projection.input_gradient(workspace)?);
        Ok(F::from_f64(squares / (2.0 * rows as f64)))
    }

    fn step(&mut self) -> Result<()> {
        Ok(self.optimizer.step(self.projection.parameters_mut(), self.workspace.gradients())?)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_nn::Sgd;

    use super::*;
    use crate::objective::tests_support::{assert_gradient, features};

    fn hint(teacher: usize) -> Hint<f64, Sgd<f64>> {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        Hint::new(3, teacher, Sgd::new(0.1).unwrap(), rng).unwrap()
    }

    #[test]
    fn value_and_gradient_are_those_of_the_formula() {
        let (student, teacher) = features();
        let mut hint = hint(4);
        let (weights, bias) = hint.projection().layer(0).unwrap();
        let difference = student.dot(&weights.t()) + bias - &teacher;
        let value = difference.pow2().sum() / (2.0 * 5.0);
        let slopes = difference.dot(&weights) / 5.0;
        let mut gradient = Array2::zeros(student.dim());
        let got = hint.value_and_gradient(&student, &teacher, &mut gradient).unwrap();
        assert_relative_eq!(got, value, max_relative = 1e-12);
        assert_relative_eq!(gradient, slopes, max_relative = 1e-12);
        assert_gradient(&student, |x, gradient| hint.value_and_gradient(x, &teacher, gradient));
    }

    #[test]
    fn a_step_moves_the_projection_down_its_own_gradient() {
        let (student, teacher) = features();
        let mut hint = hint(4);
        let mut gradient = Array2::zeros(student.dim());
        let before = hint.value_and_gradient(&student, &teacher, &mut gradient).unwrap();
        let bias = hint.projection().layer(0).unwrap().1.to_owned();
        let (weights, _) = hint.projection().layer(0).unwrap();
        let mean =
            (student.dot(&weights.t()) + &bias - &teacher).mean_axis(ndarray::Axis(0)).unwrap();
        hint.step().unwrap();
        let moved = hint.projection().layer(0).unwrap().1.to_owned();
        assert_relative_eq!(moved, bias - 0.1 * mean, max_relative = 1e-12);
        assert!(hint.value_and_gradient(&student, &teacher, &mut gradient).unwrap() < before);
    }

    #[test]
    fn features_that_do_not_fit_are_refused() {
        let (student, teacher) = features();
        let gradient = &mut Array2::zeros(student.dim());
        let error = hint(2).value_and_gradient(&student, &teacher, gradient).unwrap_err();
        assert_eq!(error.to_string(), "the teacher's features must have shape [5, 2], got [5, 4]");
        let short = array![[1.0, 2.0, 3.0, 4.0]];
        assert!(hint(4).value_and_gradient(&student, &short, gradient).is_err());
        let mut nan = student.clone();
        nan[[2, 1]] = f64::NAN;
        let error = hint(4).value_and_gradient(&nan, &teacher, gradient).unwrap_err().to_string();
        assert_eq!(error, "the student's features must be finite, got NaN in row 2");
    }
}
