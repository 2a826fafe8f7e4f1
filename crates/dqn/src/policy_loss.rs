//! How far a student's values are from its teacher's: the three losses of policy distillation.
//!
//! ```text
//! KL    Σ_a p_a·log(p_a / q_a),   p = softmax(Q_teacher / τ),  q = softmax(Q_student)
//! NLL   −log q_a*,                a* = argmax_a Q_teacher
//! MSE   Σ_a (Q_student,a − Q_teacher,a)²
//! ```
//!
//! Rusu et al. 2015, "Policy Distillation", arXiv:1511.06295, section 3.

use ndarray::{Array2, ArrayRef2, Axis, Zip};
use reflux_nn::{Real, argmax};
use reflux_softmax::{CrossEntropy, SoftCrossEntropy, softmax_into};

use crate::error::{check_above_zero, check_length};
use crate::{Error, Result};

/// What a student of a Q-network is trained towards.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_dqn::PolicyLoss;
///
/// let (teacher, student) = (array![[10.0_f64, 9.9]], array![[0.0, 0.0]]);
/// let mut gradient = Array2::zeros((1, 2));
/// // At a temperature of 0.01 a small advantage is a clear preference.
/// let loss = PolicyLoss::kullback_leibler(0.01)?;
/// loss.value_and_gradient(&student, &teacher, &mut gradient)?;
/// assert!((gradient[[0, 0]] - -0.5).abs() < 1e-4);
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PolicyLoss {
    /// The Kullback-Leibler divergence from the teacher's softmax at a temperature to the student's
    /// at 1. Values of actions lie close together, so a temperature far below 1 sharpens them; the
    /// student's outputs become preferences and are no values any more.
    KullbackLeibler {
        /// τ: 0.01 in the paper.
        temperature: f64,
    },
    /// Cross-entropy with the teacher's best action as the label.
    NegativeLogLikelihood,
    /// The squared distance of the values: the student's outputs are values too.
    MeanSquaredError,
}

impl Default for PolicyLoss {
    /// The divergence at the paper's temperature of 0.01, which did best there.
    fn default() -> Self {
        Self::KullbackLeibler { temperature: 0.01 }
    }
}

impl PolicyLoss {
    /// The divergence at `temperature`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and above 0.
    pub fn kullback_leibler(temperature: f64) -> Result<Self> {
        Self::KullbackLeibler { temperature }.checked()
    }

    /// The mean loss over a batch of the `student`'s values `[batch, actions]` against the
    /// `teacher`'s; the gradient with respect to the student's overwrites `gradient`. All three are
    /// of one shape.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for shapes that differ, [`Error::Softmax`] for an empty batch or a value
    /// that is NaN.
    pub fn value_and_gradient<F: Real>(
        self,
        student: &ArrayRef2<F>,
        teacher: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        check_length("the teacher's batch", student.nrows(), teacher.nrows())?;
        check_length("the teacher's values of a row", student.ncols(), teacher.ncols())?;
        match self {
            Self::KullbackLeibler { temperature } => {
                let mut targets = Array2::zeros(teacher.dim());
                softmax_into(teacher, Axis(1), F::from_f64(temperature), &mut targets)?;
                let loss = SoftCrossEntropy::new(1.0)?;
                let cross = loss.value_and_gradient(student, &targets, gradient)?;
                Ok(cross - mean_entropy(&targets))
            }
            Self::NegativeLogLikelihood => {
                let best: Vec<usize> = teacher.rows().into_iter().map(argmax).collect();
                Ok(CrossEntropy::new().value_and_gradient(student, &best, gradient)?)
            }
            Self::MeanSquaredError => {
                check_length("the gradient's batch", student.nrows(), gradient.nrows())?;
                check_length("the gradient's row", student.ncols(), gradient.ncols())?;
                let per_row = F::from_f64(1.0 / student.nrows().max(1) as f64);
                let two = F::from_f64(2.0);
                let mut sum = F::zero();
                Zip::from(gradient).and(student).and(teacher).for_each(|slot, &q, &target| {
                    let error = q - target;
                    sum += error * error;
                    *slot = two * per_row * error;
                });
                Ok(per_row * sum)
            }
        }
    }

    pub(crate) fn checked(self) -> Result<Self, Error> {
        if let Self::KullbackLeibler { temperature } = self {
            check_above_zero("temperature", temperature)?;
        }
        Ok(self)
    }
}

/// The mean over the rows of −Σ p log p, where 0 log 0 is 0.
fn mean_entropy<F: Real>(probabilities: &ArrayRef2<F>) -> F {
    let terms = probabilities.iter().filter(|&&p| p > F::zero()).map(|&p| (p * p.ln()).as_f64());
    F::from_f64(-terms.sum::<f64>() / probabilities.nrows() as f64)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::array;

    use super::*;

    const LOSSES: [PolicyLoss; 4] = [
        PolicyLoss::KullbackLeibler { temperature: 0.01 },
        PolicyLoss::KullbackLeibler { temperature: 2.0 },
        PolicyLoss::NegativeLogLikelihood,
        PolicyLoss::MeanSquaredError,
    ];

    #[test]
    fn values_worked_by_hand() {
        // Teacher's softmax at τ = 1/2: odds 3² = 9, so [0.9, 0.1]; the student's: [0.5, 0.5].
        let teacher = array![[3.0_f64.ln(), 0.0]];
        let student = array![[1.0, 1.0]];
        let mut gradient = Array2::zeros((1, 2));
        let mut value =
            |loss: PolicyLoss| loss.value_and_gradient(&student, &teacher, &mut gradient).unwrap();
        let kl = 0.9 * (0.9_f64 / 0.5).ln() + 0.1 * (0.1_f64 / 0.5).ln();
        let got = value(PolicyLoss::kullback_leibler(0.5).unwrap());
        assert_relative_eq!(got, kl, max_relative = 1e-12);
        assert_relative_eq!(value(PolicyLoss::NegativeLogLikelihood), 2.0_f64.ln());
        let squares = (1.0 - 3.0_f64.ln()).powi(2) + 1.0;
        assert_relative_eq!(value(PolicyLoss::MeanSquaredError), squares, max_relative = 1e-12);
    }

    #[test]
    fn gradients_match_central_differences() {
        let teacher = array![[1.0, 1.02, 0.99], [-3.0, 4.0, 0.5]];
        let student = array![[0.2, -0.4, 1.0], [0.7, 0.1, -2.0]];
        let h = 1e-5;
        for loss in LOSSES {
            let mut gradient = Array2::zeros(student.dim());
            loss.value_and_gradient(&student, &teacher, &mut gradient).unwrap();
            for (at, &got) in gradient.indexed_iter() {
                let value = |change: f64| {
                    let mut moved = student.clone();
                    moved[at] += change;
                    let scratch = &mut Array2::zeros(student.dim());
                    loss.value_and_gradient(&moved, &teacher, scratch).unwrap()
                };
                let expected = (value(h) - value(-h)) / (2.0 * h);
                assert_relative_eq!(got, expected, max_relative = 1e-7, epsilon = 1e-9);
            }
        }
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        assert!(matches!(PolicyLoss::kullback_leibler(0.0), Err(Error::Config { .. })));
        let values = array![[1.0, 2.0]];
        for loss in LOSSES {
            let wide = array![[1.0, 2.0, 3.0]];
            let result = loss.value_and_gradient(&values, &wide, &mut wide.clone());
            assert!(matches!(result, Err(Error::Length { .. })), "{result:?}");
        }
    }
}
