//! Settings that change while a student learns.

use crate::{Error, Result};

/// A number as a function of the training step, counted from 0.
///
/// Whatever takes a `Schedule` takes a plain number too, for one that does not change.
///
/// # Example
///
/// ```
/// use reflux_distill::{Hinton, Schedule};
///
/// let falling = Schedule::cosine(8.0, 2.0, 1000);
/// assert_eq!((falling.at(0), falling.at(500), falling.at(5000)), (8.0, 5.0, 2.0));
/// let loss = Hinton::new().with_temperature(falling)?.with_alpha(0.1)?;
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Schedule {
    /// The same at every step.
    Constant(f64),
    /// From one value to the other in equal steps, and then that one.
    #[non_exhaustive]
    Linear {
        /// The value at step 0.
        from: f64,
        /// The value from step `steps` on.
        to: f64,
        /// How many steps it takes.
        steps: u64,
    },
    /// From one value to the other along half a cosine, slowly at both ends, and then that one
    /// (Loshchilov & Hutter 2017, arXiv:1608.03983).
    #[non_exhaustive]
    Cosine {
        /// The value at step 0.
        from: f64,
        /// The value from step `steps` on.
        to: f64,
        /// How many steps it takes.
        steps: u64,
    },
}

impl Schedule {
    /// [`Schedule::Linear`]
    pub fn linear(from: f64, to: f64, steps: u64) -> Self {
        Self::Linear { from, to, steps }
    }

    /// [`Schedule::Cosine`]
    pub fn cosine(from: f64, to: f64, steps: u64) -> Self {
        Self::Cosine { from, to, steps }
    }

    /// The value at this step.
    pub fn at(self, step: u64) -> f64 {
        let (from, to, steps) = match self {
            Self::Constant(value) => return value,
            Self::Linear { from, to, steps } | Self::Cosine { from, to, steps } => {
                (from, to, steps)
            }
        };
        if step >= steps {
            return to;
        }
        let progress = step as f64 / steps as f64;
        let moved = match self {
            Self::Cosine { .. } => 0.5 * (1.0 - (std::f64::consts::PI * progress).cos()),
            _ => progress,
        };
        from + moved * (to - from)
    }

    /// The largest value that it takes.
    pub fn maximum(self) -> f64 {
        let [from, to] = self.ends();
        from.max(to)
    }

    /// Both kinds lead straight from one end to the other, so that what is legal at both is legal
    /// between them.
    fn ends(self) -> [f64; 2] {
        match self {
            Self::Constant(value) => [value; 2],
            Self::Linear { from, to, .. } | Self::Cosine { from, to, .. } => [from, to],
        }
    }

    pub(crate) fn checked(
        self,
        name: &'static str,
        legal: &'static str,
        is_legal: impl Fn(f64) -> bool,
    ) -> Result<Self> {
        match self.ends().into_iter().find(|&end| !is_legal(end)) {
            Some(end) => Err(Error::setting(name, legal, end)),
            None => Ok(self),
        }
    }

    pub(crate) fn checked_temperature(self) -> Result<Self> {
        self.checked("temperature", "finite and > 0", |t| t.is_finite() && t > 0.0)
    }

    pub(crate) fn checked_weight(self, name: &'static str) -> Result<Self> {
        self.checked(name, "finite and >= 0", |weight| weight.is_finite() && weight >= 0.0)
    }
}

impl From<f64> for Schedule {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn values_worked_by_hand() {
        let linear = Schedule::linear(1.0, 5.0, 4);
        let values: Vec<f64> = (0..6).map(|step| linear.at(step)).collect();
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 5.0]);
        // cos 60° = 1/2, so a third of the way in steps is a quarter of the way in value.
        let cosine = Schedule::cosine(0.0, 4.0, 3);
        for (step, expected) in [(0, 0.0), (1, 1.0), (2, 3.0), (3, 4.0), (9, 4.0)] {
            assert_relative_eq!(cosine.at(step), expected, max_relative = 1e-12);
        }
        assert_eq!(Schedule::from(0.3).at(7), 0.3);
        assert_eq!(Schedule::linear(2.0, 1.0, 0).at(0), 1.0);
    }

    #[test]
    fn both_ends_are_checked() {
        assert!(Schedule::linear(4.0, 1.0, 10).checked_temperature().is_ok());
        for end in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Schedule::cosine(4.0, end, 10).checked_temperature().is_err());
        }
        let error = Schedule::from(-2.0).checked_weight("beta").unwrap_err().to_string();
        assert_eq!(error, "beta must be finite and >= 0, got -2");
    }
}
