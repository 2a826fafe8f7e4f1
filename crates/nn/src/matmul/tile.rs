//! The innermost loop: one tile of C in registers.

#![allow(clippy::needless_range_loop)]

use ndarray::ArrayView2;
use reflux_softmax::simd::{Element, Simd};

use super::Onto;

/// Every height of a tile divides it or stays below it; rows are shared between threads in such
/// portions.
pub(super) const ROWS: usize = 24;

/// Inner dimension in whose portions an incomplete tile's rows are copied.
const PORTION: usize = 128;

/// `c ← onto + a·b` for `a` of at most `HEIGHT` rows, one panel `b` of `VECTORS` vectors a row, and the
/// first `width` columns of a tile whose rows lie `stride` apart in `c`.
#[inline(always)]
pub(super) fn tile<S: Simd, F: Element, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    a: ArrayView2<'_, F>,
    b: &[F::V<S>],
    c: &mut [F],
    stride: usize,
    width: usize,
    onto: Onto<'_, F>,
) {
    let zero = F::splat(s, F::default());
    let mut sums = [[zero; VECTORS]; HEIGHT];
    if a.nrows() == HEIGHT {
        add_product::<S, F, HEIGHT, VECTORS>(s, a, b, &mut sums);
    } else {
        // The last rows; what the rest of a tile holds is not written.
        let mut filled = [F::default(); 8 * PORTION];
        for (at, b) in b.chunks(PORTION * VECTORS).enumerate() {
            let depth = b.len() / VECTORS;
            let filled = &mut filled[..HEIGHT * depth];
            for (from, to) in a.rows().into_iter().zip(filled.chunks_exact_mut(depth)) {
                let from = from.slice(ndarray::s![at * PORTION..at * PORTION + depth]);
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
            }
            // As many as were cut to.
            if let Ok(rows) = ArrayView2::from_shape((HEIGHT, depth), filled) {
                add_product::<S, F, HEIGHT, VECTORS>(s, rows, b, &mut sums);
            }
        }
    }

    let lanes = size_of::<F::V<S>>() / size_of::<F>();
    for i in 0..a.nrows() {
        let c = &mut c[i * stride..i * stride + width];
        if let Onto::Rows(values) = onto {
            let value = F::splat(s, values[i]);
            for v in 0..VECTORS {
                sums[i][v] = F::add(s, sums[i][v], value);
            }
        }
        let kept = matches!(onto, Onto::Kept);
        for (v, c) in c.chunks_mut(lanes).enumerate() {
            if let ([whole], []) = F::vectors_mut::<S>(c) {
                *whole = if kept { F::add(s, sums[i][v], *whole) } else { sums[i][v] };
            } else {
                let base = if kept { F::load_part(s, c, zero) } else { zero };
                F::store_part(s, c, F::add(s, sums[i][v], base));
            }
        }
    }
}

/// `sums ← sums + a·b`
#[inline(always)]
fn add_product<S: Simd, F: Element, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    a: ArrayView2<'_, F>,
    b: &[F::V<S>],
    sums: &mut [[F::V<S>; VECTORS]; HEIGHT],
) {
    let (row, column) = (a.strides()[0], a.strides()[1]);
    assert!(a.nrows() == HEIGHT && a.ncols() == b.len() / VECTORS);
    let mut start = a.as_ptr();
    for b in b.chunks_exact(VECTORS) {
        for i in 0..HEIGHT {
            // Checked indexing here costs a third of the speed of the whole network.
            // SAFETY: `start` is at column k of row 0 of the view, k < ncols by the assertion, and
            // i < nrows; a view's element (i, k) lies at these strides from its first.
            #[allow(unsafe_code)]
            let x = F::splat(s, unsafe { *start.offset(i as isize * row) });
            for v in 0..VECTORS {
                sums[i][v] = F::mul_add(s, x, b[v], sums[i][v]);
            }
        }
        start = start.wrapping_offset(column);
    }
}
