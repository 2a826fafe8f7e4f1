//! Sine and cosine of an angle of at most 12 degrees, the same bits on every machine.
//!
//! The standard library's `sin` and `cos` may differ in the last bit from one platform to the next,
//! and a pole upside down can blow that bit up within one episode. Up to 12 degrees the Taylor
//! series to x^13 and x^12 are exact to less than a hundredth of a unit in the last place; what is
//! left is the rounding of `f64`, which is the same everywhere.

/// `(sin x, cos x)` for `|x| <= 0.21`, each within one unit in the last place.
#[inline]
pub(super) fn sin_cos(x: f64) -> (f64, f64) {
    debug_assert!(x.abs() <= 0.21, "angle {x} is outside of the series' range");
    let z = x * x;
    let sin_tail = horner(
        z,
        [
            -1.0 / 6.0,
            1.0 / 120.0,
            -1.0 / 5_040.0,
            1.0 / 362_880.0,
            -1.0 / 39_916_800.0,
            1.0 / 6_227_020_800.0,
        ],
    );
    let cos_tail = horner(
        z,
        [0.5, -1.0 / 24.0, 1.0 / 720.0, -1.0 / 40_320.0, 1.0 / 3_628_800.0, -1.0 / 479_001_600.0],
    );
    // The large term last: its rounding is then the only one that counts.
    (x + x * z * sin_tail, 1.0 - z * cos_tail)
}

/// The polynomial `c[0] + c[1] z + c[2] z^2 + ...`.
#[inline]
fn horner<const N: usize>(z: f64, c: [f64; N]) -> f64 {
    c.iter().rev().fold(0.0, |sum, &c| sum * z + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units in the last place of two numbers of the same sign.
    fn ulps(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn agrees_with_exact_arithmetic_to_one_ulp() {
        // x, sin x, cos x; from the series in rational numbers, rounded once.
        let known = [
            (1e-08, 1e-08, 1.0),
            (0.01, 0.009999833334166664, 0.9999500004166653),
            (0.05, 0.04997916927067833, 0.9987502603949663),
            (0.1, 0.09983341664682815, 0.9950041652780258),
            (0.2, 0.19866933079506122, 0.9800665778412416),
            (0.20943951023931953, 0.20791169081775931, 0.9781476007338057),
        ];
        for (x, sin, cos) in known {
            let (s, c) = sin_cos(x);
            assert!(ulps(s, sin) <= 1 && ulps(c, cos) <= 1, "{x}: {s} {sin} {c} {cos}");
            assert_eq!(sin_cos(-x), (-s, c));
        }
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
    }

    #[test]
    fn agrees_with_the_standard_library_over_the_whole_range() {
        // Two units: one for each side.
        for i in 1..=20_950 {
            let x = f64::from(i) * 1e-5;
            let (s, c) = sin_cos(x);
            assert!(ulps(s, x.sin()) <= 2 && ulps(c, x.cos()) <= 2, "{x}");
        }
    }
}
