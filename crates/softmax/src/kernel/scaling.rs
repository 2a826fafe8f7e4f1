//! A row that is multiplied by a number, a few vectors at a time, while something else is computed.

use pulp::Simd;

use super::Element;

/// A factor that is known to more than a row's precision.
pub(crate) struct Factor<S: Simd, F: Element> {
    high: F::V<S>,
    low: F::V<S>,
}

impl<S: Simd, F: Element> Factor<S, F> {
    #[inline(always)]
    pub(crate) fn new(s: S, factor: f64) -> Self {
        let (high, low) = two_parts::<S, F>(s, factor);
        Self { high, low }
    }

    #[inline(always)]
    pub(crate) fn times(&self, s: S, x: F::V<S>) -> F::V<S> {
        F::fused(s, x, self.high, F::mul(s, x, self.low))
    }
}

/// A number as the sum of two.
#[inline(always)]
pub(crate) fn two_parts<S: Simd, F: Element>(s: S, x: f64) -> (F::V<S>, F::V<S>) {
    let high = F::narrow(x);
    (F::splat(s, high), F::splat(s, F::narrow(x - high.widen())))
}

/// A row whose vectors are still to be multiplied by a factor.
///
/// It is written at aligned addresses. What is left before and behind them comes as whole vectors that lie
/// partly over these, so the row has to have at least one.
pub(crate) struct Scaling<'a, S: Simd, F: Element> {
    factor: Factor<S, F>,
    row: &'a mut [F],
    /// Where the next aligned vector begins, and where the last one ends.
    next: usize,
    end: usize,
    first: F::V<S>,
    last: F::V<S>,
}

impl<'a, S: Simd, F: Element> Scaling<'a, S, F> {
    #[inline(always)]
    pub(crate) fn new(s: S, row: &'a mut [F], factor: f64) -> Self {
        let factor = Factor::new(s, factor);
        let first = factor.times(s, F::vectors::<S>(row).0[0]);
        let last = factor.times(s, F::last::<S>(row));
        let aligned = F::aligned::<S>(row);
        Self { factor, row, next: aligned.start, end: aligned.end, first, last }
    }

    /// How many aligned vectors are left.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        (self.end - self.next) / F::lanes::<S>()
    }

    /// The next of them, so many, and what the caller is to multiply them by.
    #[inline(always)]
    pub(crate) fn take(&mut self, vectors: usize) -> (&Factor<S, F>, &mut [F::V<S>]) {
        let from = self.next;
        self.next += vectors * F::lanes::<S>();
        (&self.factor, F::vectors_mut::<S>(&mut self.row[from..self.next]).0)
    }

    /// Multiplies all that are left.
    #[inline(always)]
    pub(crate) fn finish(mut self, s: S) {
        let (factor, vectors) = self.take(self.left());
        for x in vectors {
            *x = factor.times(s, *x);
        }
        F::vectors_mut::<S>(self.row).0[0] = self.first;
        F::store_last::<S>(self.row, self.last);
    }
}
