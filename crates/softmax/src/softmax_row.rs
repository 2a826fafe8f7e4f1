//! Softmax and log-softmax of rows.

use crate::kernel::{
    Element, Factor, Scaling, Shift, Simd, Total, WithSimd, exact_sum, exponentials, is_long,
    long_exponentials, map_aligned, two_parts, update_aligned,
};
use crate::log_sum::{centred_log_sum, log_sum};
use crate::summed::{Summed, centred, finite, shifted};
use crate::temperature::{Temperature, maximum};

/// The row cannot be computed with: it has NaN or +∞ in it, or nothing but −∞.
#[derive(Debug)]
pub struct Unfit;

/// What a row becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Softmax,
    LogSoftmax,
}

/// So many rows are begun before they are finished: a processor then works on one while it waits for
/// another's sum, and has to turn from one loop to the other less often.
const TOGETHER: usize = 4;
/// Fewer where they would take more than so many bytes: what has been begun is to be in a cache still.
const ROOM: usize = 1 << 18;

/// Writes the softmax or log-softmax of each row of so many classes to the same place of `out`.
#[inline(always)]
pub(crate) fn normalise<S: Simd, F: Element>(
    s: S,
    form: Form,
    temperature: &Temperature<F>,
    classes: usize,
    rows: &[F],
    out: &mut [F],
) -> Result<(), Unfit> {
    let together = (ROOM / size_of::<F>() / classes).clamp(1, TOGETHER);
    let part = together * classes;
    for (rows, out) in rows.chunks(part).zip(out.chunks_mut(part)) {
        let mut sums = [f64::NAN; TOGETHER];
        let each = rows.chunks_exact(classes).zip(out.chunks_exact_mut(classes));
        for (n, (row, out)) in each.enumerate() {
            sums[n] = begin(s, form, temperature, row, out)?;
        }
        let each = rows.chunks_exact(classes).zip(out.chunks_exact_mut(classes));
        for (n, (row, out)) in each.enumerate() {
            if !sums[n].is_nan() {
                finish(s, form, temperature, row, out, sums[n]);
            }
        }
    }
    Ok(())
}

/// Softmax of long rows. Side by side, each is scaled while the exponentials of the next are computed: the
/// one is mostly reading and writing, the other mostly arithmetic.
#[inline(always)]
pub(crate) fn long_softmax<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    classes: usize,
    side_by_side: bool,
    rows: &[F],
    out: &mut [F],
) -> Result<(), Unfit> {
    let mut last = None;
    for (row, out) in rows.chunks_exact(classes).zip(out.chunks_exact_mut(classes)) {
        let sum = exponential_sum(
            s,
            temperature,
            row,
            out,
            #[inline(always)]
            |shift, out| long_exponentials(s, shift, row, out, last.take()),
        )?;
        let this = Scaling::new(s, out, 1.0 / sum);
        // The last is still there if this row had to be centred.
        let now = if side_by_side { last.replace(this) } else { Some(this) };
        now.into_iter().for_each(|row| row.finish(s));
    }
    last.into_iter().for_each(|last| last.finish(s));
    Ok(())
}

/// What is to be known of a row before its results can be written: for the softmax, whose
/// exponentials are then in `out`, their sum; for the other, its logarithm. NaN where the results have
/// been written.
#[inline(always)]
fn begin<S: Simd, F: Element>(
    s: S,
    form: Form,
    temperature: &Temperature<F>,
    row: &[F],
    out: &mut [F],
) -> Result<f64, Unfit> {
    match form {
        Form::Softmax => exponential_sum(
            s,
            temperature,
            row,
            out,
            #[inline(always)]
            |shift, out| exponentials(s, shift, row, out),
        ),
        Form::LogSoftmax => match log_sum(s, temperature, row) {
            Some(log_sum) => finite(log_sum),
            None => {
                let max = maximum(row).widen();
                let log_sum = centred_log_sum(s, temperature, row)?;
                for (out, x) in out.iter_mut().zip(row) {
                    *out = F::narrow((x.widen() - max) / temperature.value() - log_sum);
                }
                Ok(f64::NAN)
            }
        },
    }
}

/// Writes the exponentials of a row, times [`Element::fine_scale`], to `out`: their sum.
#[inline(always)]
fn exponential_sum<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    row: &[F],
    out: &mut [F],
    mut exponentials: impl FnMut(&Shift<F>, &mut [F]) -> Total<F>,
) -> Result<f64, Unfit> {
    let summed = shifted(
        temperature,
        temperature.guess(s, row),
        #[inline(always)]
        |shift| exponentials(shift, out),
    );
    finite(match summed {
        Some(summed) if is_long::<S, F>(row.len()) => summed.refined(s, out),
        Some(summed) => summed.sum,
        None => s.vectorize(Centred { temperature, row, out })?,
    })
}

/// A row that has to be centred. It is compiled apart from the others, which are faster for it.
struct Centred<'a, F> {
    temperature: &'a Temperature<F>,
    row: &'a [F],
    out: &'a mut [F],
}

impl<F: Element> WithSimd for Centred<'_, F> {
    type Output = Result<f64, Unfit>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> Self::Output {
        let Self { temperature, row, out } = self;
        let (temperature, centred) = centred(temperature, row)?;
        let summed = shifted(
            &temperature,
            temperature.shift(F::default()),
            #[inline(always)]
            |shift| exponentials(s, shift, &centred, out),
        );
        Ok(summed.ok_or(Unfit)?.sum)
    }
}

impl<F: Element> Summed<F> {
    /// The sum of a long row's exponentials. Where one class of many has much of it, the rounding of its
    /// exponential and of the sum are not lost among those of others, so they are taken out.
    #[inline(always)]
    fn refined<S: Simd>(&self, s: S, exponentials: &[F]) -> f64 {
        if !self.shift.stands_out(self.max, self.sum) {
            return self.sum;
        }
        let [own, _] = self.shift.exp_and_lost(s, F::splat(s, self.max));
        let lost = self.shift.exact(self.max) * F::fine_scale(s) - F::reduce_max(s, own).widen();
        exact_sum(s, exponentials) + lost
    }
}

#[inline(always)]
fn finish<S: Simd, F: Element>(
    s: S,
    form: Form,
    temperature: &Temperature<F>,
    row: &[F],
    out: &mut [F],
    sum: f64,
) {
    match form {
        Form::Softmax => scale(s, out, 1.0 / sum),
        Form::LogSoftmax => affine(s, row, out, 1.0 / temperature.value(), -sum),
    }
}

/// Multiplies a row by a factor that is known to more than the row's precision.
#[inline(always)]
fn scale<S: Simd, F: Element>(s: S, row: &mut [F], factor: f64) {
    let factor = Factor::<S, F>::new(s, factor);
    update_aligned(
        s,
        row,
        [],
        #[inline(always)]
        |x, []| factor.times(s, x),
    );
}

/// `x·factor + summand`, to `out`. Both are known to more than the row's precision, because what
/// they give may cancel. −∞ stays what it is, and no rounding makes a logarithm of a probability
/// more than 0.
#[inline(always)]
fn affine<S: Simd, F: Element>(s: S, row: &[F], out: &mut [F], factor: f64, summand: f64) {
    let (factor, factor_low) = two_parts::<S, F>(s, factor);
    let (summand, summand_low) = two_parts::<S, F>(s, summand);
    let (least, zero) = (F::splat(s, F::LEAST), F::splat(s, F::default()));
    map_aligned(
        s,
        [row],
        out,
        #[inline(always)]
        |[x]| {
            let high = F::fused(s, x, factor, summand);
            let low = F::fused(s, F::max(s, least, x), factor_low, summand_low);
            F::min(s, F::add(s, high, low), zero)
        },
    );
}
