//! Random numbers by the block: a generator that is only known while running is asked once for many,
//! so that not knowing it costs nothing.

use rand::RngCore;

/// How many numbers are asked for at once.
const BLOCK: usize = 64;

/// Fills `out` with numbers from 0 up to, and not including, `bound`, which is at least 1. Each is
/// exactly as likely as any other.
///
/// Lemire 2019, "Fast random integer generation in an interval", ACM TOMACS 29(1).
pub(super) fn fill_below(rng: &mut dyn RngCore, bound: usize, out: &mut [usize]) {
    match u32::try_from(bound) {
        Ok(bound) => for_blocks(rng, out, |rng, out, random| {
            *out = below_from_32(u32::from_le_bytes(random), rng, bound) as usize;
        }),
        Err(_) => for_blocks(rng, out, |rng, out, random| {
            *out = below_from(u64::from_le_bytes(random), rng, bound as u64) as usize;
        }),
    }
}

/// One number from 0 up to, and not including, `bound`, which is at least 1.
pub(super) fn below(rng: &mut dyn RngCore, bound: usize) -> usize {
    below_from(rng.next_u64(), rng, bound as u64) as usize
}

/// Fills `points` with `n` points in `[0, total)`: one from each of `n` equal ranges, in order, or
/// each from anywhere.
pub(crate) fn fill_points(
    rng: &mut dyn RngCore,
    total: f64,
    n: usize,
    stratified: bool,
    points: &mut Vec<f64>,
) {
    points.clear();
    points.resize(n, 0.0);
    fill_fractions(rng, points);
    if stratified {
        let stratum = total / n as f64;
        let strata = points.iter_mut().enumerate();
        strata.for_each(|(i, point)| *point = (i as f64 + *point) * stratum);
    } else {
        points.iter_mut().for_each(|point| *point *= total);
    }
}

/// Fills `out` with multiples of 2⁻⁵³ from 0 up to, and not including, 1.
fn fill_fractions(rng: &mut dyn RngCore, out: &mut [f64]) {
    for_blocks(rng, out, |_, out, random| *out = fraction(u64::from_le_bytes(random)));
}

/// The first 53 bits as a number in `[0, 1)`.
fn fraction(random: u64) -> f64 {
    (random >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// The high half of the product is the number. The few products whose low half would make some
/// numbers likelier than others are drawn again.
#[inline]
fn below_from(random: u64, rng: &mut (impl RngCore + ?Sized), bound: u64) -> u64 {
    let mut product = u128::from(random) * u128::from(bound);
    if (product as u64) < bound {
        let uneven = bound.wrapping_neg() % bound;
        while (product as u64) < uneven {
            product = u128::from(rng.next_u64()) * u128::from(bound);
        }
    }
    (product >> 64) as u64
}

/// The same with half as many bits, which is enough for most buffers and takes half as many numbers.
#[inline]
fn below_from_32(random: u32, rng: &mut (impl RngCore + ?Sized), bound: u32) -> u32 {
    let mut product = u64::from(random) * u64::from(bound);
    if (product as u32) < bound {
        let uneven = bound.wrapping_neg() % bound;
        while (product as u32) < uneven {
            product = u64::from(rng.next_u32()) * u64::from(bound);
        }
    }
    (product >> 32) as u32
}

fn for_blocks<T, const SIZE: usize>(
    rng: &mut dyn RngCore,
    out: &mut [T],
    mut each: impl FnMut(&mut dyn RngCore, &mut T, [u8; SIZE]),
) {
    let mut bytes = [[0; SIZE]; BLOCK];
    for out in out.chunks_mut(BLOCK) {
        let bytes = &mut bytes[..out.len()];
        rng.fill_bytes(bytes.as_flattened_mut());
        for (out, bytes) in out.iter_mut().zip(bytes) {
            each(rng, out, *bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these numbers, one after another.
    struct Given<'a>(std::slice::Iter<'a, u64>);

    impl RngCore for Given<'_> {
        fn next_u32(&mut self) -> u32 {
            self.next_u64() as u32
        }

        fn next_u64(&mut self) -> u64 {
            *self.0.next().expect("enough numbers")
        }

        fn fill_bytes(&mut self, out: &mut [u8]) {
            for out in out.chunks_mut(8) {
                out.copy_from_slice(&self.next_u64().to_le_bytes()[..out.len()]);
            }
        }
    }

    #[test]
    fn a_number_that_would_be_uneven_is_drawn_again() {
        // Of the 2^64 numbers, 2^64 mod 6 = 4 have to go so that 6 divides the rest: 0 and the
        // first of each further sixth, where it starts before the true sixth does. So with 2^32.
        let numbers = [0, u64::MAX / 6 + 1, u64::MAX, 1];
        let mut given = Given(numbers.iter());
        assert_eq!([(); 2].map(|()| below(&mut given, 6)), [5, 0]);

        let numbers = [0, u64::from(u32::MAX / 6 + 1), u64::from(u32::MAX), 1];
        let mut given = Given(numbers.iter());
        let mut out = [7];
        for expected in [5, 0] {
            fill_below(&mut given, 6, &mut out);
            assert_eq!(out, [expected]);
        }
        let mut out = [7; 1];
        fill_below(&mut Given([u64::MAX].iter()), 1 << 40, &mut out);
        assert_eq!(out, [(1 << 40) - 1]);
    }

    #[test]
    fn fractions_stay_below_one() {
        let mut out = [f64::NAN; 3];
        fill_fractions(&mut Given([0, u64::MAX, 1 << 63].iter()), &mut out);
        assert_eq!(out, [0.0, 1.0 - f64::EPSILON / 2.0, 0.5]);
    }
}
