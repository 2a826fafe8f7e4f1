//! Losses on single numbers, for values rather than classes: squared error and Huber's.

use reflux_softmax::Real;

use crate::Result;
use crate::error::check_positive;

/// A loss between a prediction and a target, with its slope.
///
/// # Example
///
/// ```
/// use reflux_nn::Regression;
///
/// let huber = Regression::huber(1.0)?;
/// assert_eq!(huber.value_and_slope(0.5, 0.0), (0.125, 0.5)); // e²/2
/// assert_eq!(huber.value_and_slope(-3.0, 0.0), (2.5, -1.0)); // δ·(|e| − δ/2)
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Regression {
    /// `e²/2`, so that the slope is the error `e = prediction − target` itself.
    #[default]
    SquaredError,
    /// `e²/2` up to `|e| = δ` and `δ·(|e| − δ/2)` beyond: Huber 1964. With δ = 1 its slope is the
    /// error clipped to ±1, as in Mnih et al. 2015.
    Huber {
        /// Where the parabola becomes a line.
        delta: f64,
    },
}

impl Regression {
    /// Huber's loss with the given δ.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and above 0.
    pub fn huber(delta: f64) -> Result<Self> {
        Ok(Self::Huber { delta: check_positive("huber delta", delta)? })
    }

    /// The loss and its derivative with respect to the prediction.
    pub fn value_and_slope<F: Real>(self, prediction: F, target: F) -> (F, F) {
        let error = prediction - target;
        let half = F::from_f64(0.5);
        match self {
            Self::SquaredError => (half * error * error, error),
            Self::Huber { delta } => {
                let delta = F::from_f64(delta);
                // Not `clamp`, which would give a NaN error a finite slope.
                if error > delta || error < -delta {
                    (delta * (error.abs() - half * delta), delta * error.signum())
                } else {
                    (half * error * error, error)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn slopes_match_central_differences_and_nan_stays_nan() {
        let h = 1e-5;
        for loss in [Regression::SquaredError, Regression::huber(1.5).unwrap()] {
            for prediction in [-4.0, -1.0, 0.0, 0.7, 1.2, 5.0] {
                let value = |x: f64| loss.value_and_slope(x, 0.25).0;
                let expected = (value(prediction + h) - value(prediction - h)) / (2.0 * h);
                let (_, slope) = loss.value_and_slope(prediction, 0.25);
                assert_relative_eq!(slope, expected, max_relative = 1e-7, epsilon = 1e-9);
            }
            assert!(loss.value_and_slope(f64::NAN, 0.0).1.is_nan());
        }
        assert!(Regression::huber(0.0).is_err());
    }
}
