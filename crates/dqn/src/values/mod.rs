//! What a network says about an action: its expected return, or the return's distribution.
//!
//! A network has a fixed number of outputs an action, its *atoms*. All that differs between the
//! three kinds is said here, for one action of one row at a time: the value of the atoms, the target
//! `r + d·Z(s', a*)` in atoms, the loss between the two, and the derivative of the value.

mod categorical;
mod quantile;

use reflux_nn::Regression;

use crate::error::{check_above_zero, check_positive};
use crate::{Error, Result};

/// What the outputs of a Q-network mean.
///
/// # Example
///
/// ```
/// use reflux_dqn::Values;
///
/// let values = Values::quantile(4)?;
/// assert_eq!(values.atoms(), 4);
/// assert_eq!(values.mean(&[0.0, 1.0, 2.0, 5.0]), 2.0);
/// // Two actions of four atoms each.
/// assert_eq!(values.best(&[0.0, 1.0, 2.0, 5.0, 3.0, 3.0, 3.0, 3.0]), 1);
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Values {
    /// One output an action: its expected return (Mnih et al. 2015).
    #[default]
    Expected,
    /// Quantiles of the return (QR-DQN: Dabney et al. 2018, arXiv:1710.10044).
    Quantile {
        /// How many, N: output `i` is the quantile `(i + 1/2)/N`.
        quantiles: usize,
        /// κ: up to which error the loss is quadratic; 1 in the paper's better variant.
        kappa: f64,
    },
    /// Logits of a distribution over fixed returns (C51: Bellemare et al. 2017, arXiv:1707.06887).
    Categorical {
        /// How many returns, evenly spaced: 51 in the paper.
        atoms: usize,
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
}

/// One transition's part of the loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowLoss {
    pub(crate) loss: f32,
    /// How much there is to learn from it: its priority.
    pub(crate) error: f32,
}

impl Values {
    /// So many quantiles, with the paper's κ of 1. The paper has 200; small tasks do with 32.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for none.
    pub fn quantile(quantiles: usize) -> Result<Self> {
        Self::Quantile { quantiles, kappa: 1.0 }.checked()
    }

    /// So many returns from `min` to `max`. The paper has 51 from −10 to 10.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for fewer than two, and unless `min` and `max` are finite and in order.
    pub fn categorical(atoms: usize, min: f64, max: f64) -> Result<Self> {
        Self::Categorical { atoms, min, max }.checked()
    }

    /// Outputs an action.
    pub fn atoms(self) -> usize {
        match self {
            Self::Expected => 1,
            Self::Quantile { quantiles, .. } => quantiles,
            Self::Categorical { atoms, .. } => atoms,
        }
    }

    /// The expected return that the outputs of one action, `[atoms]`, stand for.
    pub fn mean(self, outputs: &[f32]) -> f32 {
        match self {
            Self::Expected => outputs[0],
            Self::Quantile { .. } => quantile::mean(outputs),
            Self::Categorical { min, max, .. } => categorical::mean(outputs, min, max),
        }
    }

    /// The action with the largest expected return, the first of several, for a row of outputs
    /// `[actions · atoms]`.
    pub fn best(self, row: &[f32]) -> usize {
        self.best_with(row, &[])
    }

    /// The same with `bonuses`, `[actions]` or none, on top of the returns.
    pub(crate) fn best_with(self, row: &[f32], bonuses: &[f32]) -> usize {
        let (mut best, mut largest) = (0, f32::NEG_INFINITY);
        for (action, outputs) in row.chunks_exact(self.atoms()).enumerate() {
            let value = self.mean(outputs) + bonuses.get(action).copied().unwrap_or(0.0);
            if value > largest {
                (best, largest) = (action, value);
            }
        }
        best
    }

    /// Writes what the outputs of an action should have been, when the reward was `reward` and what
    /// followed has the outputs `next`, discounted by `discount`.
    pub(crate) fn backup(self, reward: f32, discount: f32, next: &[f32], target: &mut [f32]) {
        match self {
            Self::Expected | Self::Quantile { .. } => {
                for (target, next) in target.iter_mut().zip(next) {
                    // Not 0·∞ where the task is over.
                    *target = if discount == 0.0 { reward } else { reward + discount * next };
                }
            }
            Self::Categorical { min, max, .. } => {
                categorical::project(reward, discount, next, min, max, target);
            }
        }
    }

    /// The loss of one action's outputs, whose gradient overwrites `gradient`.
    pub(crate) fn loss(
        self,
        regression: Regression,
        outputs: &[f32],
        target: &[f32],
        gradient: &mut [f32],
    ) -> RowLoss {
        match self {
            Self::Expected => {
                let (loss, slope) = regression.value_and_slope(outputs[0], target[0]);
                gradient[0] = slope;
                RowLoss { loss, error: (outputs[0] - target[0]).abs() }
            }
            Self::Quantile { kappa, .. } => quantile::loss(outputs, target, kappa as f32, gradient),
            Self::Categorical { .. } => categorical::loss(outputs, target, gradient),
        }
    }

    /// Adds to `gradient` what a `slope` with respect to the expected return is with respect to the
    /// outputs.
    pub(crate) fn add_slope_of_mean(self, slope: f32, outputs: &[f32], gradient: &mut [f32]) {
        match self {
            Self::Expected => gradient[0] += slope,
            Self::Quantile { quantiles, .. } => {
                gradient.iter_mut().for_each(|gradient| *gradient += slope / quantiles as f32);
            }
            Self::Categorical { min, max, .. } => {
                categorical::add_slope_of_mean(slope, outputs, min, max, gradient);
            }
        }
    }

    pub(crate) fn checked(self) -> Result<Self> {
        match self {
            Self::Expected => {}
            Self::Quantile { quantiles, kappa } => {
                check_positive("quantiles", quantiles as u64)?;
                check_above_zero("kappa", kappa)?;
            }
            Self::Categorical { atoms, min, max } => {
                if atoms < 2 {
                    return Err(Error::config("atoms", "at least 2", atoms));
                }
                if !(min.is_finite() && max.is_finite() && min < max) {
                    let got = format!("{min} and {max}");
                    return Err(Error::config("the returns' bounds", "finite, min < max", got));
                }
            }
        }
        Ok(self)
    }
}
