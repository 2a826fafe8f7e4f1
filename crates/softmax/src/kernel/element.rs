//! The few vector operations that the kernels are written in, for `f32` and `f64` alike.

use std::ops::{AddAssign, Range, SubAssign};

use pulp::Simd;

/// A floating-point type and its vectors.
///
/// The operations are [pulp](https://docs.rs/pulp)'s, which names them by type; the kernels are
/// generic over the type.
pub trait Element:
    Copy + Default + PartialOrd + AddAssign + SubAssign + Send + Sync + 'static
{
    /// A vector of the instruction set `S`.
    type V<S: Simd>: Copy;

    /// `1.5·2^(mantissa bits)`: adding it rounds to an integer, which the lowest bits then hold.
    const MAGIC: Self;
    /// The exponentials of a row are scaled by two to this power, so that what is far below the
    /// maximum is still a normal number.
    const BIAS: f64;
    /// So many powers of two below the shift, an exponential counts as nothing: less than half of
    /// the smallest subnormal probability.
    const SPAN: f64;
    /// The bias of exponentials that are to be squared, so that their powers do not overflow.
    const COOL_BIAS: f64;
    /// The largest power of two, as an exponent, that scaled exponentials may reach, with room for a sum.
    const TOP: f64;
    /// So many powers of two below the maximum lies what does not show in a sum.
    const PADDING: f64;
    /// Exponents `x·c` up to this size are reduced exactly; beyond it the row is centred first.
    const REACH: f64;
    /// The largest power of two, as an exponent, that a temperature may be away from 1 before the
    /// row is rescaled by it.
    const TEMPERATE: i32;
    /// The coefficients of the polynomial for `2^f` on `[−0.502, 0.502]`, highest first.
    const EXP2: &'static [Self];
    /// A shorter one, whose error is about one of rounding: for losses.
    const EXP2_SHORT: &'static [Self];
    /// The coefficients of `(2^f − 1)/f` on `[−0.033, 0.033]`, highest first, within what an exponential
    /// from [`Element::sixteenths`] needs.
    const EXP2_NEAR: &'static [Self];
    /// Those of `(ln(1+f) − f + f²/2)/f³` on `[√½−1, √2−1]`, highest first.
    const LN: &'static [Self];

    /// The number of least value.
    const LEAST: Self;
    /// What a gradient may be multiplied by, with exponents left for what else it is multiplied by.
    const MODERATE: f64;
    /// So far below the maximum a logit may be that its distance, divided by any moderate temperature,
    /// does not overflow.
    const FAR: f64;
    /// −∞
    const MASKED: Self;
    /// The least positive normal number.
    const TINY: Self;
    /// The distance from 1 to the next number, in f64.
    const EPSILON: f64;

    /// From f64, rounded.
    fn narrow(x: f64) -> Self;
    /// To f64, exactly.
    fn widen(self) -> f64;

    /// The whole vectors of a slice, and the rest.
    fn vectors<S: Simd>(slice: &[Self]) -> (&[Self::V<S>], &[Self]);
    /// The same of a slice to write to.
    fn vectors_mut<S: Simd>(slice: &mut [Self]) -> (&mut [Self::V<S>], &mut [Self]);
    /// Whether a slice is so long that writing it at addresses which are multiples of a vector's size
    /// saves more than it costs: to read a vector that straddles two just written has to wait for both.
    fn is_worth_aligning<S: Simd>(slice: &[Self]) -> bool {
        slice.len() >= 16 * Self::lanes::<S>()
    }
    /// The whole vectors of a slice that lie at such addresses: where their elements begin and end.
    fn aligned<S: Simd>(slice: &[Self]) -> Range<usize> {
        let lead = (slice.as_ptr() as usize).wrapping_neg() % size_of::<Self::V<S>>();
        let lead = (lead / size_of::<Self>()).min(slice.len());
        lead..slice.len() - (slice.len() - lead) % Self::lanes::<S>()
    }
    /// A vector of the few elements of `slice`, and `fill` after them.
    fn load_part<S: Simd>(s: S, slice: &[Self], fill: Self::V<S>) -> Self::V<S>;
    /// The first elements of `v`, as many as `slice` has.
    fn store_part<S: Simd>(s: S, slice: &mut [Self], v: Self::V<S>);

    /// The last vector of a slice that has one, wherever it begins.
    fn last<S: Simd>(slice: &[Self]) -> Self::V<S>;
    /// Writes to where [`Element::last`] reads.
    fn store_last<S: Simd>(slice: &mut [Self], v: Self::V<S>);
    /// `v` with its last lanes only, so many; 0 in the others.
    fn keep_last<S: Simd>(s: S, v: Self::V<S>, lanes: usize) -> Self::V<S>;

    /// How many lanes a vector has.
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::V<S>>() / size_of::<Self>()
    }
    /// The lanes of a vector.
    fn lanes_of<S: Simd>(v: &Self::V<S>) -> &[Self];

    /// `x` in every lane.
    fn splat<S: Simd>(s: S, x: Self) -> Self::V<S>;
    /// `a + b`
    fn add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// `a − b`
    fn sub<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// `a·b`
    fn mul<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// `a/b`
    fn div<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// `a·b + c`, rounded once.
    fn fused<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    /// `a·b + c`, rounded once or twice, whichever is fast.
    fn mul_add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    /// `|a|`
    fn abs<S: Simd>(s: S, a: Self::V<S>) -> Self::V<S>;
    /// The larger of two numbers. Where one is NaN, either.
    fn max<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// The smaller of two numbers. Where one is NaN, either.
    fn min<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// The larger of `x` and `floor`, which is a number. Where `x` is NaN, NaN.
    fn at_least<S: Simd>(s: S, floor: Self::V<S>, x: Self::V<S>) -> Self::V<S>;
    /// `then` where `a < b`, `otherwise` elsewhere.
    fn where_less<S: Simd>(
        s: S,
        a: Self::V<S>,
        b: Self::V<S>,
        then: Self::V<S>,
        otherwise: Self::V<S>,
    ) -> Self::V<S>;
    /// `p·2^k`, with `k` in the lowest bits of `y`; `p` and the result are normal numbers.
    fn scale<S: Simd>(s: S, p: Self::V<S>, y: Self::V<S>) -> Self::V<S>;
    /// `c·2^(k/16)`, with `k` in the lowest bits of `y` and `c` the [`Element::fine_scale`], within
    /// 0.26·2⁻²⁴, relative. Nothing where the instruction set or the type has no fast way to it.
    fn sixteenths<S: Simd>(s: S, y: Self::V<S>) -> Option<Self::V<S>>;
    /// 1 where [`Element::sixteenths`] gives nothing.
    fn fine_scale<S: Simd>(s: S) -> f64;
    /// `(k, m)` with `x = 2^k·m` and `m` in `[√½, √2)`, of a normal `x > 0`.
    fn split<S: Simd>(s: S, x: Self::V<S>) -> (Self::V<S>, Self::V<S>);
    /// The largest lane.
    fn reduce_max<S: Simd>(s: S, v: Self::V<S>) -> Self;
    /// The smallest lane.
    fn reduce_min<S: Simd>(s: S, v: Self::V<S>) -> Self;
    /// The sum of the lanes, in f64.
    fn wide_sum<S: Simd>(s: S, v: Self::V<S>) -> f64;
    /// The sum of the lanes.
    fn reduce_sum<S: Simd>(s: S, v: Self::V<S>) -> Self;
}
