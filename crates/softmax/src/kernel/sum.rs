//! Sums that lose next to nothing of what they add up.
//!
//! Each lane starts at a number so large that adding a term rounds it to a multiple of a fixed unit;
//! sums of such multiples are exact. What the rounding took is exact too, and is summed beside them
//! (Rump, Ogita & Oishi 2008, "Accurate floating-point summation part I", SIAM Journal on Scientific
//! Computing 31, 189, section 3).

use pulp::Simd;

use super::Element;

/// A sum in every lane of a vector.
pub(crate) struct Sum<S: Simd, F: Element> {
    high: F::V<S>,
    low: F::V<S>,
    start: F,
}

impl<S: Simd, F: Element> Sum<S, F> {
    /// For the exponentials of a row of this length, which [`Shift::exp`](super::Shift::exp) keeps
    /// below `2^(BIAS + 1)`.
    #[inline(always)]
    pub(crate) fn new(s: S, row: usize) -> Self {
        // So far above the sum of all lanes that no addition leaves the binade, nor do the lanes
        // together.
        let start = F::narrow(1.5 * 4.0 * F::ONE_BIASED * row.next_power_of_two() as f64);
        Self { high: F::splat(s, start), low: F::splat(s, F::default()), start }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, s: S, x: F::V<S>) {
        let sum = F::add(s, self.high, x);
        let rounded = F::sub(s, sum, self.high);
        self.low = F::add(s, self.low, F::sub(s, x, rounded));
        self.high = sum;
    }

    /// All lanes together.
    #[inline(always)]
    pub(crate) fn total(&self, s: S) -> f64 {
        let high = F::sub(s, self.high, F::splat(s, self.start));
        F::reduce_sum(s, high).widen() + F::reduce_sum(s, self.low).widen()
    }
}
