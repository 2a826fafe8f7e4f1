//! The logarithm of the sum of a row's exponentials.

use crate::kernel::{Element, Shift, Simd, Sum, Total, map, rough_sum};
use crate::softmax_row::Unfit;
use crate::summed::{Summed, centred, finite, shifted};
use crate::temperature::{Temperature, maximum};

/// `T · log Σ exp(x_i/T)`, which tends to the largest logit as T tends to 0.
#[inline(always)]
pub(crate) fn logsumexp<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
) -> Result<f64, Unfit> {
    match log_sum(s, temperature, row) {
        Some(log_sum) => Ok(temperature.value() * finite(log_sum)?),
        None => {
            let log_sum = centred_log_sum(s, temperature, row)?;
            Ok(maximum(row).widen() + temperature.value() * log_sum)
        }
    }
}

/// `log Σ exp(x_i/T)`, not finite if NaN is in the row. `None` asks for the row to be centred.
#[inline(always)]
pub(crate) fn log_sum<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
) -> Option<f64> {
    let mut is_rough = false;
    let Summed { shift, max, sum } = shifted(
        temperature,
        temperature.guess(s, row),
        #[inline(always)]
        |shift| {
            // Where no class stands out among many, the logarithm does not show what a rough sum lacks.
            let rough =
                rough_sum(s, shift, row).filter(|total| !shift.stands_out(total.max, total.sum));
            is_rough = rough.is_some();
            match rough {
                Some(total) => total,
                None => exact_total(s, shift, row),
            }
        },
    )?;
    let from_shift = if is_rough {
        shift.log_sum(sum / F::fine_scale(s))
    } else {
        let own = F::reduce_max(s, shift.exp(s, F::splat(s, max))).widen();
        shift.exact_log_sum(sum, max, own)
    };
    Some(shift.at().widen() / temperature.value() + from_shift)
}

/// Sums the exponentials of a row.
#[inline(always)]
fn exact_total<S: Simd, F: Element>(s: S, shift: &Shift<F>, row: &[F]) -> Total<F> {
    let (mut sum, mut largest) = (Sum::<S, F>::new(s), F::splat(s, F::MASKED));
    map(
        s,
        [row],
        [F::MASKED],
        #[inline(always)]
        |[x]| {
            largest = F::max(s, largest, x);
            sum.add(s, shift.exp(s, x));
        },
    );
    Total { sum: sum.total(s), max: F::reduce_max(s, largest) }
}

/// `log Σ exp((x_i − max)/T)`
#[inline(always)]
pub(crate) fn centred_log_sum<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
) -> Result<f64, Unfit> {
    let (temperature, centred) = centred(temperature, row)?;
    log_sum(s, &temperature, &centred).ok_or(Unfit)
}
