//! `ln(1 + t)`, in vectors.
//!
//! ```text
//! u = 1 + t = 2^k·(1 + f),  s = f/(2 + f)        ln(1 + f) = f − f²/2 + s·(f²/2 + s²·P(s²))
//! ```
//!
//! and what `u` has lost of `t` comes back as `(t − (u − 1))/u`. The reduction is Tang's (1990, ACM
//! Transactions on Mathematical Software 16, 378), the polynomial our own fit.

use pulp::Simd;

use super::Element;
use super::exponential::polynomial;

/// `ln(1 + t)` for `t` in `(−1, 1]`, where `1 + t` does not vanish.
#[inline(always)]
pub(crate) fn ln_1p<S: Simd, F: Element>(s: S, t: F::V<S>) -> F::V<S> {
    let constant = |x: f64| F::splat(s, F::narrow(x));
    let one = constant(1.0);
    let u = F::add(s, one, t);
    let lost = F::div(s, F::sub(s, t, F::sub(s, u, one)), u);

    let (k, m) = F::split(s, u);
    let f = F::sub(s, m, one);
    let ratio = F::div(s, f, F::add(s, constant(2.0), f));
    let square = F::mul(s, ratio, ratio);
    let half = F::mul(s, F::mul(s, f, f), constant(0.5));
    let tail = F::mul(s, square, polynomial::<S, F>(s, F::LN, square));
    let correction = F::mul_add(s, ratio, F::add(s, half, tail), F::sub(s, lost, half));
    F::mul_add(s, k, constant(std::f64::consts::LN_2), F::add(s, f, correction))
}
