//! Softmax, log-softmax and logsumexp of one row.

use crate::kernel::{Element, Shift, Simd, Sum, largest, map, map_into, update_aligned};
use crate::temperature::{Temperature, maximum};

/// The row cannot be computed with: it has NaN or +∞ in it, or nothing but −∞.
#[derive(Debug)]
pub(crate) struct Unfit;

/// What a row becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Softmax,
    LogSoftmax,
}

/// Writes the softmax or log-softmax of `row` to `out`, which is as long.
#[inline(always)]
pub(crate) fn normalise<S: Simd, F: Element>(
    s: S,
    form: Form,
    temperature: &Temperature<F>,
    row: &[F],
    out: &mut [F],
) -> Result<(), Unfit> {
    match form {
        Form::Softmax => softmax(s, temperature, row, out),
        Form::LogSoftmax => log_softmax(s, temperature, row, out),
    }
}

#[inline(always)]
fn softmax<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
    out: &mut [F],
) -> Result<(), Unfit> {
    match exponentials(s, temperature, row, Some(out)) {
        Some((_, sum)) if sum.is_finite() => scale(s, out, 1.0 / sum),
        Some(_) => return Err(Unfit),
        None => {
            let centred = centre(temperature, row)?;
            let (_, sum) =
                exponentials(s, &temperature.of_centred(), &centred, Some(out)).ok_or(Unfit)?;
            scale(s, out, 1.0 / sum);
        }
    }
    Ok(())
}

#[inline(always)]
fn log_softmax<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
    out: &mut [F],
) -> Result<(), Unfit> {
    match exponentials(s, temperature, row, None) {
        Some((shift, sum)) if sum.is_finite() => {
            let whole = shift.max().widen() / temperature.value() + log_sum(s, &shift, sum);
            affine(s, row, out, 1.0 / temperature.value(), -whole);
        }
        Some(_) => return Err(Unfit),
        None => {
            let max = maximum(row).widen();
            let log_sum = centred_log_sum(s, temperature, row)?;
            for (out, x) in out.iter_mut().zip(row) {
                *out = F::narrow((x.widen() - max) / temperature.value() - log_sum);
            }
        }
    }
    Ok(())
}

/// `T · log Σ exp(x_i/T)`, which tends to the largest logit as T tends to 0.
#[inline(always)]
pub(crate) fn logsumexp<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
) -> Result<f64, Unfit> {
    match exponentials(s, temperature, row, None) {
        Some((shift, sum)) if sum.is_finite() => {
            Ok(shift.max().widen() + temperature.value() * log_sum(s, &shift, sum))
        }
        Some(_) => Err(Unfit),
        None => {
            let log_sum = centred_log_sum(s, temperature, row)?;
            Ok(maximum(row).widen() + temperature.value() * log_sum)
        }
    }
}

/// The scaled exponentials of a row, to `out` if there is one, and their sum. NaN, if it is in the
/// row, is in the sum. `None` asks for the row to be centred.
#[inline(always)]
fn exponentials<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
    out: Option<&mut [F]>,
) -> Option<(Shift<F>, f64)> {
    let shift = temperature.shift(largest(s, row))?;
    let mut sum = Sum::<S, F>::new(s);
    let fill = [F::MASKED];
    match out {
        Some(out) => map_into(
            s,
            [row],
            fill,
            [out],
            #[inline(always)]
            |[x]| {
                let exponential = shift.exp(s, x);
                sum.add(s, exponential);
                [exponential]
            },
        ),
        None => map(
            s,
            [row],
            fill,
            #[inline(always)]
            |[x]| sum.add(s, shift.exp(s, x)),
        ),
    }
    Some((shift, sum.total(s)))
}

/// `log Σ exp((x_i − max)/T)`
#[inline(always)]
fn log_sum<S: Simd, F: Element>(s: S, shift: &Shift<F>, sum: f64) -> f64 {
    let own = shift.exp(s, F::splat(s, shift.max()));
    shift.log_sum(sum, F::reduce_max(s, own).widen())
}

/// Multiplies a row by a factor that is known to more than the row's precision.
#[inline(always)]
fn scale<S: Simd, F: Element>(s: S, row: &mut [F], factor: f64) {
    let (high, low) = two_parts::<S, F>(s, factor);
    update_aligned(
        s,
        row,
        [],
        #[inline(always)]
        |x, []| F::fused(s, x, high, F::mul(s, x, low)),
    );
}

/// A number as the sum of two.
#[inline(always)]
fn two_parts<S: Simd, F: Element>(s: S, x: f64) -> (F::V<S>, F::V<S>) {
    let high = F::narrow(x);
    (F::splat(s, high), F::splat(s, F::narrow(x - high.widen())))
}

/// `x·factor + summand`, to `out`. Both are known to more than the row's precision, because what
/// they give may cancel. −∞ stays what it is.
#[inline(always)]
fn affine<S: Simd, F: Element>(s: S, row: &[F], out: &mut [F], factor: f64, summand: f64) {
    let (factor, factor_low) = two_parts::<S, F>(s, factor);
    let (summand, summand_low) = two_parts::<S, F>(s, summand);
    let least = F::splat(s, F::LEAST);
    map_into(
        s,
        [row],
        [F::default()],
        [out],
        #[inline(always)]
        |[x]| {
            let high = F::fused(s, x, factor, summand);
            let low = F::fused(s, F::max(s, least, x), factor_low, summand_low);
            [F::add(s, high, low)]
        },
    );
}

/// A copy of a row that the kernels can do. Rare enough to allocate.
#[cold]
fn centre<F: Element>(temperature: &Temperature<F>, row: &[F]) -> Result<Vec<F>, Unfit> {
    let max = maximum(row);
    if !max.widen().is_finite() || row.iter().any(|x| x.widen().is_nan()) {
        return Err(Unfit);
    }
    let mut centred = row.to_vec();
    temperature.centre(&mut centred, max);
    Ok(centred)
}

/// `log Σ exp((x_i − max)/T)`
#[inline(always)]
fn centred_log_sum<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
) -> Result<f64, Unfit> {
    let centred = centre(temperature, row)?;
    let (shift, sum) = exponentials(s, &temperature.of_centred(), &centred, None).ok_or(Unfit)?;
    Ok(log_sum(s, &shift, sum))
}
