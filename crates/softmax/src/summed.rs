//! The sum of a row's exponentials, whatever comes of it.

use crate::kernel::{Element, Shift, Total};
use crate::softmax_row::Unfit;
use crate::temperature::{Temperature, maximum};

/// A row whose exponentials have been summed.
pub(crate) struct Summed<F> {
    pub(crate) shift: Shift<F>,
    pub(crate) max: F,
    pub(crate) sum: f64,
}

/// What `total` gives for a shift that fits the row. NaN, if it is in the row, is in the sum. `None` asks
/// for the row to be centred.
#[inline(always)]
pub(crate) fn shifted<F: Element>(
    temperature: &Temperature<F>,
    guess: Option<Shift<F>>,
    mut total: impl FnMut(&Shift<F>) -> Total<F>,
) -> Option<Summed<F>> {
    let mut shift = guess?;
    loop {
        let Total { sum, max } = total(&shift);
        if shift.holds(max, 0) || max.widen().is_nan() {
            return Some(Summed { shift, max, sum });
        }
        shift = temperature.shift(max)?;
    }
}

/// A copy of a row that the kernels can do, and its temperature. Rare enough to allocate.
#[cold]
pub(crate) fn centred<F: Element>(
    temperature: &Temperature<F>,
    row: &[F],
) -> Result<(Temperature<F>, Vec<F>), Unfit> {
    let max = maximum(row);
    if !max.widen().is_finite() || row.iter().any(|x| x.widen().is_nan()) {
        return Err(Unfit);
    }
    let mut centred = row.to_vec();
    temperature.centre(&mut centred, max);
    Ok((temperature.of_centred(), centred))
}

/// The sum of a row, or its logarithm, which shows whether all of the row could be computed with.
#[inline(always)]
pub(crate) fn finite(sum: f64) -> Result<f64, Unfit> {
    if sum.is_finite() { Ok(sum) } else { Err(Unfit) }
}
