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
    // Without a branch for each element, which the compiler then does several at a time.
    let (mut legal, mut any_finite) = (true, false);
    for x in row {
        let x = x.widen();
        legal &= x < f64::INFINITY;
        any_finite |= x > f64::NEG_INFINITY;
    }
    if !legal {
        let illegal = row.iter().map(|x| x.widen()).find(|x| x.is_nan() || *x == f64::INFINITY);
        return Err(Error::Logit { row: index, value: illegal.unwrap_or(f64::NAN) });
    }
    if any_finite { Ok(()) } else { Err(Error::AllMasked { row: index }) }
}
