//! What every row has to pass, whatever is computed of it.

use ndarray::ArrayView1;

use crate::kernel::Element;
use crate::{Error, Result};

/// The temperature, if it is one.
pub(crate) fn check_temperature(temperature: f64) -> Result<f64> {
    if temperature.is_finite() && temperature > 0.0 {
        Ok(temperature)
    } else {
        Err(Error::Temperature(temperature))
    }
}

/// NaN and +∞ have no place in a row, and −∞ must leave at least one class.
pub(crate) fn check_row<F: Element>(row: ArrayView1<'_, F>, index: usize) -> Result<()> {
    let mut any_finite = false;
    for x in row {
        let x = x.widen();
        if x.is_nan() || x == f64::INFINITY {
            return Err(Error::Logit { row: index, value: x });
        }
        any_finite |= x.is_finite();
    }
    if any_finite { Ok(()) } else { Err(Error::AllMasked { row: index }) }
}
