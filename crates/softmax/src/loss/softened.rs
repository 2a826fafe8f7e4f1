//! The first pass over a row: its exponentials at a temperature, their sum, and one more sum on the
//! way. A row with a masked class makes that other sum infinite or NaN.
//!
//! The sums are plain ones, a sum a lane: a few units in the last place of a loss and its gradient do
//! not matter as they do in a probability.

use crate::kernel::{Element, Shift, Simd, cooled, largest, map_into};
use crate::temperature::Temperature;

/// A row whose exponentials have been taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Softened<F> {
    shift: Shift<F>,
    sum: f64,
    squarings: Option<u32>,
}

impl<F: Element> Softened<F> {
    /// The same row at `T/2^squarings`: its exponentials are those of this one, squared so many times
    /// by [`cooled`], and `sum` is their sum.
    #[inline(always)]
    pub(super) fn cooled(&self, sum: f64, squarings: u32) -> Self {
        Self { sum, squarings: Some(squarings), ..*self }
    }

    /// What the exponentials are to be multiplied by to become probabilities.
    #[inline(always)]
    pub(super) fn scale(&self) -> f64 {
        1.0 / self.sum
    }

    /// `log Σ exp((x_i − max)/T)`
    #[inline(always)]
    pub(super) fn log_sum(&self) -> f64 {
        self.shift.log_sum_plain(self.sum)
    }

    /// The same, to its last digits even where it is small beside 1.
    #[inline(always)]
    pub(super) fn exact_log_sum<S: Simd>(&self, s: S) -> f64 {
        let own = self.shift.exp_short(s, F::splat(s, self.shift.max()));
        match self.squarings {
            None => self.shift.log_sum(self.sum, F::reduce_max(s, own).widen()),
            Some(squarings) => {
                let own = F::reduce_max(s, cooled::<S, F>(s, own, squarings)).widen();
                self.shift.cooled_log_sum(self.sum, own, squarings)
            }
        }
    }

    /// The largest logit.
    #[inline(always)]
    pub(super) fn max(&self) -> F {
        self.shift.max()
    }
}

/// The shift of a row, unless it is out of reach.
#[inline(always)]
fn shift<S: Simd, F: Element>(s: S, temperature: &Temperature<F>, row: &[F]) -> Option<Shift<F>> {
    temperature.shift(largest(s, row))
}

/// Takes the exponentials of `logits`, to `exponentials`. Beside it sums what `term` makes of
/// `(x − max, other, exponential)`; `other` is a row of the same length.
#[inline(always)]
pub(super) fn one_side<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    logits: &[F],
    other: &[F],
    exponentials: &mut [F],
    mut term: impl FnMut(F::V<S>, F::V<S>, F::V<S>) -> F::V<S>,
) -> Option<(Softened<F>, f64)> {
    let shift = shift(s, temperature, logits)?;
    let zero = F::splat(s, F::default());
    let (mut sum, mut terms) = (zero, zero);
    let max = F::splat(s, shift.max());
    map_into(
        s,
        [logits, other],
        [shift.padding(), F::default()],
        [exponentials],
        #[inline(always)]
        |[x, other]| {
            let exponential = shift.exp_short(s, x);
            sum = F::add(s, sum, exponential);
            terms = F::add(s, terms, term(F::sub(s, x, max), other, exponential));
            [exponential]
        },
    );
    Some((
        Softened { shift, sum: F::reduce_sum(s, sum).widen(), squarings: None },
        F::reduce_sum(s, terms).widen(),
    ))
}

/// Takes the exponentials of `logits` and of `teacher`. Beside it sums what `term` makes of
/// `(x − max, z − max, exponential of x, exponential of z)`.
#[inline(always)]
pub(super) fn two_sides<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    [logits, teacher]: [&[F]; 2],
    exponentials: [&mut [F]; 2],
    mut term: impl FnMut([F::V<S>; 4]) -> F::V<S>,
) -> Option<(Softened<F>, Softened<F>, f64)> {
    let student = shift(s, temperature, logits)?;
    let teachers = shift(s, temperature, teacher)?;
    let zero = F::splat(s, F::default());
    let (mut sums, mut terms) = ([zero; 2], zero);
    let max = [F::splat(s, student.max()), F::splat(s, teachers.max())];
    map_into(
        s,
        [logits, teacher],
        [student.padding(), teachers.padding()],
        exponentials,
        #[inline(always)]
        |[x, z]| {
            let (ex, ez) = (student.exp_short(s, x), teachers.exp_short(s, z));
            sums = [F::add(s, sums[0], ex), F::add(s, sums[1], ez)];
            let (dx, dz) = (F::sub(s, x, max[0]), F::sub(s, z, max[1]));
            terms = F::add(s, terms, term([dx, dz, ex, ez]));
            [ex, ez]
        },
    );
    let student =
        Softened { shift: student, sum: F::reduce_sum(s, sums[0]).widen(), squarings: None };
    let teacher =
        Softened { shift: teachers, sum: F::reduce_sum(s, sums[1]).widen(), squarings: None };
    Some((student, teacher, F::reduce_sum(s, terms).widen()))
}

/// A constant in every lane.
#[inline(always)]
pub(super) fn splat<S: Simd, F: Element>(s: S, x: f64) -> F::V<S> {
    F::splat(s, F::narrow(x))
}
