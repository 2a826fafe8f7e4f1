//! A value that changes in a straight line while training goes on.

use crate::error::check_fraction;
use crate::{Error, Result};

/// From `initial` to `last` over the first `steps` steps, then constant: how exploration fades
/// (Mnih et al. 2015).
///
/// ```
/// use reflux_dqn::LinearSchedule;
///
/// let epsilon = LinearSchedule::new(1.0, 0.05, 1000)?;
/// assert_eq!(epsilon.at(0), 1.0);
/// assert_eq!(epsilon.at(500), 0.525);
/// assert_eq!(epsilon.at(9999), 0.05);
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LinearSchedule {
    initial: f64,
    last: f64,
    steps: u64,
}

impl LinearSchedule {
    /// Between two probabilities; 0 steps make it `last` throughout.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an end outside `[0, 1]`.
    pub fn new(initial: f64, last: f64, steps: u64) -> Result<Self> {
        Self { initial, last, steps }.checked()
    }

    /// The same value throughout.
    ///
    /// # Errors
    ///
    /// As [`LinearSchedule::new`].
    pub fn constant(value: f64) -> Result<Self> {
        Self::new(value, value, 0)
    }

    /// The value at `step`, from 0.
    pub fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.last;
        }
        self.initial + (self.last - self.initial) * (step as f64 / self.steps as f64)
    }

    pub(crate) fn checked(self) -> Result<Self, Error> {
        check_fraction("initial epsilon", self.initial)?;
        check_fraction("final epsilon", self.last)?;
        Ok(self)
    }

    /// For ends that are known to be fractions.
    pub(crate) const fn of_fractions(initial: f64, last: f64, steps: u64) -> Self {
        Self { initial, last, steps }
    }
}
