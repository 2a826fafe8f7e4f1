//! A matrix times a vector: what one row alone needs, where packing would cost more than it saves.

#![allow(clippy::needless_range_loop)]

use ndarray::ArrayView2;
use reflux_softmax::Real;
use reflux_softmax::simd::{Element, Path, Simd, WithSimd};

/// `out ← bias + a·x` for `a` `[m, k]`, which is contiguous, `x` `[k]` and `bias`, `out` `[m]`.
pub(crate) fn matrix_vector<F: Real>(a: ArrayView2<'_, F>, x: &[F], bias: &[F], out: &mut [F]) {
    debug_assert_eq!((a.ncols(), a.nrows(), a.nrows()), (x.len(), bias.len(), out.len()));
    // A layer's weights are contiguous.
    let a = a.to_slice().unwrap_or_default();
    Path::best().run(Product { a, x, bias, out });
}

/// `a·x` for slices of one length.
pub(crate) fn dot_product<F: Real>(a: &[F], x: &[F]) -> F {
    let (bias, mut out) = ([F::zero()], [F::zero()]);
    Path::best().run(Product { a, x, bias: &bias, out: &mut out });
    out[0]
}

struct Product<'a, F> {
    a: &'a [F],
    x: &'a [F],
    bias: &'a [F],
    out: &'a mut [F],
}

/// Rows summed side by side, to hide the latency of a fused multiply-add.
const ROWS: usize = 8;

impl<F: Element> WithSimd for Product<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { a, x, bias, out } = self;
        let k = x.len();
        if k == 0 {
            return out.copy_from_slice(bias);
        }
        let blocks = a.chunks(ROWS * k).zip(out.chunks_mut(ROWS)).zip(bias.chunks(ROWS));
        for ((a, out), bias) in blocks {
            if out.len() == ROWS {
                let sums = dot_products::<S, F, ROWS>(s, a, x);
                out.copy_from_slice(bias);
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            } else {
                for (i, a) in a.chunks_exact(k).enumerate() {
                    out[i] = bias[i];
                    out[i] += dot_products::<S, F, 1>(s, a, x)[0];
                }
            }
        }
    }
}

/// The products of `N` rows of `a`, one after the other, with `x`.
#[inline(always)]
fn dot_products<S: Simd, F: Element, const N: usize>(s: S, a: &[F], x: &[F]) -> [F; N] {
    let zero = F::splat(s, F::default());
    let (x, x_rest) = F::vectors::<S>(x);
    let lanes = F::lanes::<S>();
    let k = x.len() * lanes + x_rest.len();
    let mut rows = [(&[][..], &[][..]); N];
    for i in 0..N {
        let (vectors, rest) = F::vectors::<S>(&a[i * k..(i + 1) * k]);
        rows[i] = (&vectors[..x.len()], rest);
    }
    let mut sums = [zero; N];
    for at in 0..x.len() {
        for i in 0..N {
            sums[i] = F::mul_add(s, rows[i].0[at], x[at], sums[i]);
        }
    }
    if !x_rest.is_empty() {
        let x = F::load_part(s, x_rest, zero);
        for i in 0..N {
            sums[i] = F::mul_add(s, F::load_part(s, rows[i].1, zero), x, sums[i]);
        }
    }
    let mut out = [F::default(); N];
    for i in 0..N {
        out[i] = F::reduce_sum(s, sums[i]);
    }
    out
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;

    #[test]
    fn products_are_exact_for_whole_numbers() {
        for m in [0, 1, 7, 8, 9, 23] {
            for k in [0, 1, 4, 15, 16, 17, 64, 70] {
                let a = Array2::from_shape_fn((m, k), |(i, j)| ((i * 5 + j * 3) % 7) as f32);
                let x = Array1::from_shape_fn(k, |j| (j % 5) as f32 - 2.0);
                let bias = Array1::from_shape_fn(m, |i| i as f32);
                let mut out = vec![f32::NAN; m];
                matrix_vector(a.view(), x.as_slice().unwrap(), bias.as_slice().unwrap(), &mut out);
                assert_eq!(Array1::from(out), a.dot(&x) + &bias, "{m} x {k}");
            }
        }
    }
}
