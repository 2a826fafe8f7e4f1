//! What takes AVX-512 much less than other instruction sets: powers of two in steps of a sixteenth, from a
//! table that fits in one register, which leave a polynomial so little to do that half as many
//! coefficients are enough; and lanes as f64.

use pulp::Simd;
#[cfg(target_arch = "x86_64")]
use pulp::bytemuck::try_cast;

/// `2^δ`, of the δ for which all numbers of the table lie nearest to f32. A softmax is the same whatever δ
/// is.
pub(super) const SCALE: f64 = 1.032_365_906_899_242_3;

/// `2^(j/16 + δ)` for j from 0 to 15, within 0.26·2⁻²⁴, relative.
#[cfg(target_arch = "x86_64")]
const TABLE: [f32; 16] = [
    1.032_365_9,
    1.078_072_7,
    1.125_803,
    1.175_646_5,
    1.227_696_9,
    1.282_051_7,
    1.338_813,
    1.398_087_3,
    1.459_985_9,
    1.524_625,
    1.592_125_9,
    1.662_615_3,
    1.736_225_6,
    1.813_094_9,
    1.893_367_4,
    1.977_194,
];

/// The bits of the table's numbers, from which the place of each, where it is added to an exponent, has
/// been taken off.
#[cfg(target_arch = "x86_64")]
const BITS: [u32; 16] = {
    let (mut bits, mut j) = ([0; 16], 0);
    while j < 16 {
        bits[j] = TABLE[j].to_bits() - ((j as u32) << 19);
        j += 1;
    }
    bits
};

/// `2^(k/16 + δ)` of the integers k in the lowest bits of `y`, if the instruction set looks up sixteen
/// numbers at once: AVX-512 does.
#[inline(always)]
pub(super) fn sixteenths<S: Simd>(s: S, y: S::f32s) -> Option<S::f32s> {
    #[cfg(target_arch = "x86_64")]
    if let Some(v4) = v4(s) {
        let y: pulp::u32x16 = try_cast(y).ok()?; // V4's vectors are these
        let table = pulp::cast(pulp::cast::<_, pulp::u32x16>(BITS));
        let entries = v4.avx512f._mm512_permutexvar_epi32(pulp::cast(y), table);
        let exponents = v4.shl_const_u32x16::<19>(y);
        return try_cast(v4.add_u32s(pulp::cast(entries), exponents)).ok();
    }
    let _ = (s, y);
    None
}

/// The sum of the lanes, in f64.
#[inline(always)]
pub(super) fn wide_sum<S: Simd>(s: S, v: S::f32s) -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    if let Some(v4) = v4(s) {
        let halves: [pulp::f32x8; 2] = try_cast(v).ok()?;
        let [a, b] = halves.map(
            #[inline(always)]
            |half| v4.avx512f._mm512_cvtps_pd(pulp::cast(half)),
        );
        return Some(v4.reduce_sum_f64s(pulp::cast(v4.avx512f._mm512_add_pd(a, b))));
    }
    let _ = (s, v);
    None
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn v4<S: Simd>(s: S) -> Option<pulp::x86::V4> {
    (&s as &dyn std::any::Any).downcast_ref().copied()
}
