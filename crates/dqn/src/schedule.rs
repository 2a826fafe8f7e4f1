//! A probability or a weight that changes while training goes on.

use crate::error::{check_above_zero, check_fraction};
use crate::{Error, Result};

/// A value for each step of a training: how exploration fades, how a teacher's advice does.
///
/// ```
/// use reflux_dqn::Schedule;
///
/// let epsilon = Schedule::linear(1.0, 0.05, 1000)?;
/// assert_eq!((epsilon.at(0), epsilon.at(500), epsilon.at(9999)), (1.0, 0.525, 0.05));
/// let halving = Schedule::exponential(1.0, 0.25, 200)?;
/// assert_eq!((halving.at(0), halving.at(100), halving.at(200)), (1.0, 0.5, 0.25));
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Schedule {
    /// The same value throughout.
    Constant {
        /// The value.
        value: f64,
    },
    /// A straight line over so many steps, then constant (Mnih et al. 2015).
    Linear {
        /// At the start.
        initial: f64,
        /// At the end.
        last: f64,
        /// From start to end.
        steps: u64,
    },
    /// The same factor each step, over so many steps, then constant.
    Exponential {
        /// At the start, above 0.
        initial: f64,
        /// At the end, above 0.
        last: f64,
        /// From start to end.
        steps: u64,
    },
}

impl Schedule {
    /// The same value throughout.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a value outside `[0, 1]`.
    pub fn constant(value: f64) -> Result<Self> {
        Self::Constant { value }.checked()
    }

    /// From `initial` to `last` in a straight line; 0 steps make it `last` throughout.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an end outside `[0, 1]`.
    pub fn linear(initial: f64, last: f64, steps: u64) -> Result<Self> {
        Self::Linear { initial, last, steps }.checked()
    }

    /// From `initial` to `last` by the same factor each step; 0 steps make it `last` throughout.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an end outside `(0, 1]`.
    pub fn exponential(initial: f64, last: f64, steps: u64) -> Result<Self> {
        Self::Exponential { initial, last, steps }.checked()
    }

    /// The value at `step`, from 0.
    pub fn at(&self, step: u64) -> f64 {
        let done = |steps: u64| step as f64 / steps as f64;
        match *self {
            Self::Constant { value } => value,
            Self::Linear { initial, last, steps } if step < steps => {
                initial + (last - initial) * done(steps)
            }
            Self::Exponential { initial, last, steps } if step < steps => {
                initial * (last / initial).powf(done(steps))
            }
            Self::Linear { last, .. } | Self::Exponential { last, .. } => last,
        }
    }

    pub(crate) fn checked(self) -> Result<Self, Error> {
        match self {
            Self::Constant { value } => check_fraction("the schedule's value", value)?,
            Self::Linear { initial, last, .. } => {
                check_fraction("the schedule's start", initial)?;
                check_fraction("the schedule's end", last)?;
            }
            Self::Exponential { initial, last, .. } => {
                for (name, value) in
                    [("the schedule's start", initial), ("the schedule's end", last)]
                {
                    check_fraction(name, value)?;
                    check_above_zero(name, value)?;
                }
            }
        }
        Ok(self)
    }
}
