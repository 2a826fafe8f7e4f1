//! The first pass over a row: its exponentials at a temperature, their sum, and one more sum on the
//! way. A row with a masked class makes that other sum infinite or NaN. `at` is the logit of a row that
//! the others are counted from.
//!
//! With one side the sum of exponentials is exact, so that a cross-entropy or an entropy near 0 is right
//! too. With two sides the sums are plain ones, a sum a lane.

use crate::kernel::{Element, Shift, Simd, Sum, map_into, powers};
use crate::temperature::Temperature;

/// A row whose exponentials have been taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Softened<F> {
    shift: Shift<F>,
    max: F,
    /// The largest exponential, as it is in the sum.
    own: F,
    sum: f64,
}

impl<F: Element> Softened<F> {
    /// What the exponentials are to be multiplied by to become probabilities.
    #[inline(always)]
    pub(super) fn scale(&self) -> f64 {
        1.0 / self.sum
    }

    /// `log Σ exp((x_i − at)/T)`
    #[inline(always)]
    pub(super) fn log_sum(&self) -> f64 {
        self.shift.log_sum(self.sum)
    }

    /// The same, to its last digits even where it is small beside 1.
    #[inline(always)]
    pub(super) fn exact_log_sum(&self) -> f64 {
        self.shift.exact_log_sum(self.sum, self.max, self.own.widen())
    }

    /// The same at `T/2^squarings`, where `sum` is of what [`powers`] makes of the exponentials.
    #[inline(always)]
    pub(super) fn powers_log_sum<S: Simd>(&self, s: S, sum: f64, squarings: u32) -> f64 {
        let own = powers::<S, F>(s, F::splat(s, self.own), squarings);
        let own = F::lanes_of::<S>(&own)[0].widen();
        self.shift.powers_log_sum(sum, self.max, own, squarings)
    }

    /// The logit that the others are counted from.
    #[inline(always)]
    pub(super) fn at(&self) -> F {
        self.shift.at()
    }
}

/// Takes the exponentials of `logits`, to `exponentials`. Beside it sums what `term` makes of
/// `(x − at, other, exponential)`; `other` is a row of the same length.
#[inline(always)]
pub(super) fn one_side<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    logits: &[F],
    other: &[F],
    exponentials: &mut [F],
    mut term: impl FnMut(F::V<S>, F::V<S>, F::V<S>) -> F::V<S>,
) -> Option<(Softened<F>, f64)> {
    let shift = temperature.guess(s, logits)?;
    let mut sum = Sum::<S, F>::new(s);
    let mut terms = F::splat(s, F::default());
    let (mut max, mut own) = (F::splat(s, F::MASKED), F::splat(s, F::default()));
    let at = F::splat(s, shift.at());
    map_into(
        s,
        [logits, other],
        [shift.floor(), F::default()],
        [exponentials],
        #[inline(always)]
        |[x, other]| {
            let exponential = shift.exp_short(s, x);
            sum.add(s, exponential);
            (max, own) = (F::max(s, max, x), F::max(s, own, exponential));
            terms = F::add(s, terms, term(F::sub(s, x, at), other, exponential));
            [exponential]
        },
    );
    let softened = softened(s, shift, max, own, sum.total(s), 0)?;
    Some((softened, F::reduce_sum(s, terms).widen()))
}

/// Takes the exponentials of `logits` and of `teacher`. Beside it sums what `term` makes of
/// `(x − at, z − at, exponential of x, exponential of z)`. Those of x are [`Shift::cool`] if they are to be
/// squared so many times.
#[inline(always)]
pub(super) fn two_sides<S: Simd, F: Element>(
    s: S,
    temperature: &Temperature<F>,
    [logits, teacher]: [&[F]; 2],
    exponentials: [&mut [F]; 2],
    squarings: Option<u32>,
    mut term: impl FnMut([F::V<S>; 4]) -> F::V<S>,
) -> Option<(Softened<F>, Softened<F>, f64)> {
    let student = temperature.guess(s, logits)?;
    let (student, fill) = match squarings {
        None => (student, student.floor()),
        Some(0) => (student.cool(), student.floor()),
        Some(_) => (student.cool(), student.padding()),
    };
    let teachers = temperature.guess(s, teacher)?;
    let zero = F::splat(s, F::default());
    let (mut sums, mut terms) = ([zero; 2], zero);
    let (mut max, mut own) = ([F::splat(s, F::MASKED); 2], [zero; 2]);
    let at = [F::splat(s, student.at()), F::splat(s, teachers.at())];
    map_into(
        s,
        [logits, teacher],
        [fill, teachers.floor()],
        exponentials,
        #[inline(always)]
        |[x, z]| {
            let (ex, ez) = (student.exp_short(s, x), teachers.exp_short(s, z));
            sums = [F::add(s, sums[0], ex), F::add(s, sums[1], ez)];
            max = [F::max(s, max[0], x), F::max(s, max[1], z)];
            own = [F::max(s, own[0], ex), F::max(s, own[1], ez)];
            let (dx, dz) = (F::sub(s, x, at[0]), F::sub(s, z, at[1]));
            terms = F::add(s, terms, term([dx, dz, ex, ez]));
            [ex, ez]
        },
    );
    let sums = [F::reduce_sum(s, sums[0]).widen(), F::reduce_sum(s, sums[1]).widen()];
    let student = softened(s, student, max[0], own[0], sums[0], squarings.unwrap_or(0))?;
    let teacher = softened(s, teachers, max[1], own[1], sums[1], 0)?;
    Some((student, teacher, F::reduce_sum(s, terms).widen()))
}

/// The row, unless the guess of its shift was so bad that exponentials, or their powers, may have
/// overflowed.
#[inline(always)]
fn softened<S: Simd, F: Element>(
    s: S,
    shift: Shift<F>,
    max: F::V<S>,
    own: F::V<S>,
    sum: f64,
    squarings: u32,
) -> Option<Softened<F>> {
    let (max, own) = (F::reduce_max(s, max), F::reduce_max(s, own));
    shift.holds(max, squarings).then_some(Softened { shift, max, own, sum })
}

/// A constant in every lane.
#[inline(always)]
pub(super) fn splat<S: Simd, F: Element>(s: S, x: f64) -> F::V<S> {
    F::splat(s, F::narrow(x))
}
