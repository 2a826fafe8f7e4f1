//! [`Element`] of `f32` and `f64`: their constants, and pulp's names for the operations.

use pulp::Simd;

use super::{Element, avx512};

/// Applies `f` to each lane of a vector of integers. pulp has no shift of 64-bit lanes; the compiler
/// makes one instruction of this.
#[inline(always)]
fn shift<B: pulp::bytemuck::Pod, V: pulp::bytemuck::Pod>(vector: &mut V, f: impl Fn(B) -> B) {
    for lane in pulp::bytemuck::cast_slice_mut(std::slice::from_mut(vector)) {
        *lane = f(*lane);
    }
}

macro_rules! element {
    (
        $float:ident, $bits:ident, $floats:ident, $uints:ident, $mantissa:literal,
        constants { $($constants:tt)* }
        avx512 $sixteenths:expr, $wide_sum:expr;
        pulp {
            $as_simd:ident $as_mut_simd:ident $partial_load:ident $partial_store:ident
            $mask_between:ident $splat:ident $add:ident $sub:ident $mul:ident $div:ident
            $fused:ident $mul_add:ident $abs:ident $max:ident $min:ident $less:ident
            $select:ident $to_bits:ident $from_bits:ident $splat_bits:ident $add_bits:ident
            $sub_bits:ident $and_bits:ident $reduce_max:ident $reduce_min:ident
            $reduce_sum:ident
        }
    ) => {
        impl Element for $float {
            type V<S: Simd> = S::$floats;
            const MAGIC: Self = 1.5 * (1_u64 << $mantissa) as $float;
            const LEAST: Self = $float::MIN;
            const MASKED: Self = $float::NEG_INFINITY;
            const TINY: Self = $float::MIN_POSITIVE;
            const EPSILON: f64 = $float::EPSILON as f64;
            $($constants)*

            #[inline(always)]
            fn narrow(x: f64) -> Self {
                x as $float
            }
            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn vectors<S: Simd>(slice: &[Self]) -> (&[Self::V<S>], &[Self]) {
                S::$as_simd(slice)
            }
            #[inline(always)]
            fn vectors_mut<S: Simd>(slice: &mut [Self]) -> (&mut [Self::V<S>], &mut [Self]) {
                S::$as_mut_simd(slice)
            }
            #[inline(always)]
            fn load_part<S: Simd>(s: S, slice: &[Self], fill: Self::V<S>) -> Self::V<S> {
                let part = s.$mask_between(0, slice.len() as $bits).mask();
                s.$select(part, s.$partial_load(slice), fill)
            }
            #[inline(always)]
            fn store_part<S: Simd>(s: S, slice: &mut [Self], v: Self::V<S>) {
                s.$partial_store(slice, v);
            }
            #[inline(always)]
            fn last<S: Simd>(slice: &[Self]) -> Self::V<S> {
                S::$as_simd(&slice[slice.len() - Self::lanes::<S>()..]).0[0]
            }
            #[inline(always)]
            fn store_last<S: Simd>(slice: &mut [Self], v: Self::V<S>) {
                let at = slice.len() - Self::lanes::<S>();
                S::$as_mut_simd(&mut slice[at..]).0[0] = v;
            }
            #[inline(always)]
            fn keep_last<S: Simd>(s: S, v: Self::V<S>, lanes: usize) -> Self::V<S> {
                let others = Self::lanes::<S>() - lanes;
                s.$select(s.$mask_between(0, others as $bits).mask(), s.$splat(0.0), v)
            }
            #[inline(always)]
            fn lanes_of<S: Simd>(v: &Self::V<S>) -> &[Self] {
                pulp::bytemuck::cast_slice(std::slice::from_ref(v))
            }
            #[inline(always)]
            fn splat<S: Simd>(s: S, x: Self) -> Self::V<S> {
                s.$splat(x)
            }
            #[inline(always)]
            fn add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S> {
                s.$add(a, b)
            }
            #[inline(always)]
            fn sub<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S> {
                s.$sub(a, b)
            }
            #[inline(always)]
            fn mul<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S> {
                s.$mul(a, b)
            }
            #[inline(always)]
            fn div<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S> {
                s.$div(a, b)
            }
            #[inline(always)]
            fn fused<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S> {
                s.$fused(a, b, c)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S> {
                s.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn abs<S: Simd>(s: S, a: Self::V<S>) -> Self::V<S> {
                s.$abs(a)
            }
            #[inline(always)]
            fn max<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S> {
                s.$max(a, b)
            }
            #[inline(always)]
            fn min<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S> {
                s.$min(a, b)
            }
            #[inline(always)]
            fn at_least<S: Simd>(s: S, floor: Self::V<S>, x: Self::V<S>) -> Self::V<S> {
                if S::IS_SCALAR {
                    // Rust's `max` of a number and NaN is the number.
                    Self::where_less(s, x, floor, floor, x)
                } else {
                    // x86 gives its second operand where one is NaN; the others give NaN.
                    s.$max(floor, x)
                }
            }
            #[inline(always)]
            fn where_less<S: Simd>(
                s: S,
                a: Self::V<S>,
                b: Self::V<S>,
                then: Self::V<S>,
                otherwise: Self::V<S>,
            ) -> Self::V<S> {
                s.$select(s.$less(a, b), then, otherwise)
            }
            #[inline(always)]
            fn scale<S: Simd>(s: S, p: Self::V<S>, y: Self::V<S>) -> Self::V<S> {
                let mut exponent = s.$to_bits(y);
                shift::<$bits, _>(&mut exponent, #[inline(always)] |lane| lane << $mantissa);
                s.$from_bits(s.$add_bits(s.$to_bits(p), exponent))
            }
            #[inline(always)]
            fn sixteenths<S: Simd>(s: S, y: Self::V<S>) -> Option<Self::V<S>> {
                $sixteenths(s, y)
            }
            #[inline(always)]
            fn fine_scale<S: Simd>(s: S) -> f64 {
                let any = Self::sixteenths(s, Self::splat(s, Self::MAGIC));
                if any.is_some() { avx512::SCALE } else { 1.0 }
            }
            #[inline(always)]
            fn split<S: Simd>(s: S, x: Self::V<S>) -> (Self::V<S>, Self::V<S>) {
                const ONE: $bits = (1.0 as $float).to_bits();
                const ROOT: $bits = (std::f64::consts::FRAC_1_SQRT_2 as $float).to_bits();
                // Counted from √½, the exponent's bits are those of k.
                let above = s.$sub_bits(s.$to_bits(x), s.$splat_bits(ROOT));
                let mut k = s.$add_bits(above, s.$splat_bits(ONE));
                shift::<$bits, _>(&mut k, #[inline(always)] |lane| lane >> $mantissa);
                let mantissa = s.$and_bits(above, s.$splat_bits((1 << $mantissa) - 1));
                let m = s.$from_bits(s.$add_bits(mantissa, s.$splat_bits(ROOT)));
                // As a float: the low bits of MAGIC hold an integer.
                let integer = s.$from_bits(s.$add_bits(k, s.$splat_bits(Self::MAGIC.to_bits())));
                let offset = Self::MAGIC + (ONE >> $mantissa) as $float;
                (s.$sub(integer, s.$splat(offset)), m)
            }
            #[inline(always)]
            fn reduce_max<S: Simd>(s: S, v: Self::V<S>) -> Self {
                s.$reduce_max(v)
            }
            #[inline(always)]
            fn reduce_min<S: Simd>(s: S, v: Self::V<S>) -> Self {
                s.$reduce_min(v)
            }
            #[inline(always)]
            fn wide_sum<S: Simd>(s: S, v: Self::V<S>) -> f64 {
                let one_by_one = || Self::lanes_of::<S>(&v).iter().map(|lane| lane.widen()).sum();
                $wide_sum(s, v).unwrap_or_else(one_by_one)
            }
            #[inline(always)]
            fn reduce_sum<S: Simd>(s: S, v: Self::V<S>) -> Self {
                s.$reduce_sum(v)
            }
        }
    };
}

element! {
    f32, u32, f32s, u32s, 23,
    constants {
        const MODERATE: f64 = 1e28;
        const FAR: f64 = 1e19;
        const BIAS: f64 = 30.0;
        const SPAN: f64 = 155.0;
        const TOP: f64 = 90.0;
        const PADDING: f64 = 40.0;
        const COOL_BIAS: f64 = 10.0;
        const REACH: f64 = 65_536.0;
        const TEMPERATE: i32 = 60;
        // Within 3e-9 of 2^f, relative.
        const EXP2: &'static [f32] = &[
            1.533_068_4e-4,
            1.339_140_3e-3,
            9.618_497e-3,
            5.550_359e-2,
            2.402_264_8e-1,
            6.931_472e-1,
            1.0,
        ];
        // Within 1e-7, relative.
        const EXP2_SHORT: &'static [f32] = &[
            1.325_283_2e-3,
            9.671_83e-3,
            5.550_777_5e-2,
            2.402_223_8e-1,
            6.931_469_4e-1,
            1.0,
        ];
        // Within 2.2e-9 of what it multiplies.
        const EXP2_NEAR: &'static [f32] = &[5.550_619_2e-2, 2.402_353_1e-1, 6.931_472e-1];
        const LN: &'static [f32] = &[2.987_213_7e-1, 3.997_755_3e-1, 6.666_677_6e-1];
    }
    avx512 avx512::sixteenths, avx512::wide_sum;
    pulp {
        as_simd_f32s as_mut_simd_f32s partial_load_f32s partial_store_f32s
        mask_between_m32s splat_f32s add_f32s sub_f32s mul_f32s div_f32s
        mul_add_f32s mul_add_e_f32s abs_f32s max_f32s min_f32s less_than_f32s
        select_f32s transmute_u32s_f32s transmute_f32s_u32s splat_u32s add_u32s
        sub_u32s and_u32s reduce_max_f32s reduce_min_f32s
        reduce_sum_f32s
    }
}

element! {
    f64, u64, f64s, u64s, 52,
    constants {
        const MODERATE: f64 = 1e230;
        const FAR: f64 = 1e200;
        const BIAS: f64 = 100.0;
        const SPAN: f64 = 1100.0;
        const TOP: f64 = 900.0;
        const PADDING: f64 = 80.0;
        const COOL_BIAS: f64 = 40.0;
        const REACH: f64 = 1_099_511_627_776.0;
        const TEMPERATE: i32 = 300;
        // Within 5e-18 of 2^f, relative.
        const EXP2: &'static [f64] = &[
            4.438_650_274_625_794_4e-10,
            7.073_410_808_216_854e-9,
            1.017_816_275_525_686_2e-7,
            1.321_543_786_417_931_1e-6,
            1.525_273_362_457_020_4e-5,
            1.540_353_045_083_951_8e-4,
            1.333_355_814_655_834e-3,
            9.618_129_107_600_314e-3,
            5.550_410_866_482_167e-2,
            2.402_265_069_591_011e-1,
            std::f64::consts::LN_2,
            1.0,
        ];
        const EXP2_SHORT: &'static [f64] = Self::EXP2;
        const EXP2_NEAR: &'static [f64] = &[];
        const LN: &'static [f64] = &[
            1.479_898_804_253_986e-1,
            1.531_376_674_267_871_4e-1,
            1.818_357_458_675_222_4e-1,
            2.222_219_839_321_638_3e-1,
            2.857_142_874_395_110_5e-1,
            3.999_999_999_940_865e-1,
            6.666_666_666_666_735e-1,
        ];
    }
    avx512 |_, _| None, |_, _| None;
    pulp {
        as_simd_f64s as_mut_simd_f64s partial_load_f64s partial_store_f64s
        mask_between_m64s splat_f64s add_f64s sub_f64s mul_f64s div_f64s
        mul_add_f64s mul_add_e_f64s abs_f64s max_f64s min_f64s less_than_f64s
        select_f64s transmute_u64s_f64s transmute_f64s_u64s splat_u64s add_u64s
        sub_u64s and_u64s reduce_max_f64s reduce_min_f64s
        reduce_sum_f64s
    }
}
