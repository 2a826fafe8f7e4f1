//! The inner loops: one row of logits at a time, in vectors, for the instruction set at hand.
//!
//! The exponential is never taken of `x` but of powers of two: with `c = log2(e)/T`,
//!
//! ```text
//! exp(x/T) = 2^(x·c) = 2^k · 2^f        k = round(x·c),  f = x·c − k in [−1/2, 1/2]
//! ```
//!
//! `k` is an integer, so shifting a row by its maximum, which costs others a rounding, is exact here:
//! any integer taken off every `k` cancels in the softmax. So the maximum need not be known: the first
//! vector of a row gives a guess, the one pass that sums the exponentials finds the maximum, and a
//! row whose maximum is out of range of the guess is gone over again.

mod avx512;
mod element;
mod exponential;
mod exponentials;
mod floats;
mod logarithm;
mod path;
mod row;
mod scaling;
mod stages;
mod sum;

pub use element::Element;
pub use exponential::exp;
pub(crate) use exponential::{Base, Shift, powers};
pub(crate) use exponentials::{
    Total, exact_sum, exponentials, is_long, long_exponentials, rough_sum,
};
pub(crate) use logarithm::ln_1p;
pub use path::{Path, WithSimd};
pub use pulp::Simd;
pub(crate) use row::{map, map_aligned, map_into, update_aligned};
pub(crate) use scaling::{Factor, Scaling, two_parts};
pub(crate) use sum::Sum;

#[cfg(test)]
mod accuracy;
