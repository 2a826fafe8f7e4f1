//! One row of logits: what its softmax is divided by, and the checks that it must pass.
//!
//! With `m` the largest logit of the row,
//!
//! ```text
//! log p_i = (x_i − m)/T − log Σ_j exp((x_j − m)/T)
//! ```
//!
//! The largest exponent is 0, so nothing overflows and the sum is at least 1. All of it is computed
//! in f64: in f32, the rounding of `x_i − m` alone would cost the exponential dozens of ulps.

use ndarray::ArrayView1;

use crate::{Error, Real, Result};

/// The numbers that turn a logit of one row into its (log-)probability at one temperature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normaliser {
    max: f64,
    temperature: f64,
    sum: f64,
    log_sum: f64,
}

impl Normaliser {
    /// Of a row that passed [`check_row`], at a temperature that passed [`check_temperature`].
    pub(crate) fn new<F: Real>(row: ArrayView1<'_, F>, temperature: f64) -> Self {
        let max = row.iter().fold(F::neg_infinity(), |max, &x| max.max(x)).as_f64();
        let sum: f64 = row.iter().map(|x| ((x.as_f64() - max) / temperature).exp()).sum();
        Self { max, temperature, sum, log_sum: sum.ln() }
    }

    pub(crate) fn log_probability<F: Real>(&self, logit: F) -> f64 {
        (logit.as_f64() - self.max) / self.temperature - self.log_sum
    }

    pub(crate) fn probability<F: Real>(&self, logit: F) -> f64 {
        ((logit.as_f64() - self.max) / self.temperature).exp() / self.sum
    }

    /// `T · log Σ exp(x_i/T)`, which tends to the largest logit as T tends to 0.
    pub(crate) fn logsumexp(&self) -> f64 {
        self.max + self.temperature * self.log_sum
    }
}

/// The temperature, if it is one.
pub(crate) fn check_temperature(temperature: f64) -> Result<f64> {
    if temperature.is_finite() && temperature > 0.0 {
        Ok(temperature)
    } else {
        Err(Error::Temperature(temperature))
    }
}

/// NaN and +∞ have no place in a row, and −∞ must leave at least one class.
pub(crate) fn check_row<F: Real>(row: ArrayView1<'_, F>, index: usize) -> Result<()> {
    let mut any_finite = false;
    for &x in row {
        if x.is_nan() || x == F::infinity() {
            return Err(Error::Logit { row: index, value: x.as_f64() });
        }
        any_finite |= x.is_finite();
    }
    if any_finite { Ok(()) } else { Err(Error::AllMasked { row: index }) }
}
