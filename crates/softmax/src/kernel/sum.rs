//! Sums that lose next to nothing of what they add up: each lane carries its rounding errors along
//! (Knuth, The Art of Computer Programming 2, 4.2.2, theorem B).

use pulp::Simd;

use super::Element;

/// A sum in every lane of a vector, and what rounding took from it.
pub(crate) struct Sum<S: Simd, F: Element> {
    high: F::V<S>,
    low: F::V<S>,
}

impl<S: Simd, F: Element> Sum<S, F> {
    #[inline(always)]
    pub(crate) fn new(s: S) -> Self {
        let zero = F::splat(s, F::default());
        Self { high: zero, low: zero }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, s: S, x: F::V<S>) {
        let sum = F::add(s, self.high, x);
        let added = F::sub(s, sum, self.high);
        let lost = F::sub(s, self.high, F::sub(s, sum, added));
        let lost = F::add(s, lost, F::sub(s, x, added));
        self.low = F::add(s, self.low, lost);
        self.high = sum;
    }

    /// Adds `x`, which is not negative. Where it is larger than the sum so far, its own rounding may be
    /// lost (Dekker 1971); so this is for what has one.
    #[inline(always)]
    pub(crate) fn add_rounded(&mut self, s: S, x: F::V<S>) {
        let sum = F::add(s, self.high, x);
        let lost = F::sub(s, x, F::sub(s, sum, self.high));
        self.low = F::add(s, self.low, lost);
        self.high = sum;
    }

    /// Adds what is next to nothing beside what has been added.
    #[inline(always)]
    pub(crate) fn add_lost(&mut self, s: S, lost: F::V<S>) {
        self.low = F::add(s, self.low, lost);
    }

    /// All lanes together.
    #[inline(always)]
    pub(crate) fn total(&self, s: S) -> f64 {
        F::wide_sum(s, self.high) + F::reduce_sum(s, self.low).widen()
    }
}
