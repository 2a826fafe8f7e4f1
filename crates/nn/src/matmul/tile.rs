//! The innermost loop: one tile of C in registers.

#![allow(clippy::needless_range_loop)]

use ndarray::ArrayView2;
use reflux_softmax::simd::{Element, Simd};

use super::Onto;

/// Inner dimension in whose portions an incomplete tile's rows are copied.
const PORTION: usize = 128;

/// A panel of B: rows of some vectors, and the columns of A that meet them, which go up.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a, V> {
    pub(super) rows: &'a [V],
    pub(super) columns: &'a [u32],
}

/// `c ← onto + a·b` for `a` of at most `HEIGHT` rows, one panel `b` of `VECTORS` vectors a row, and the
/// first `width` columns of a tile whose rows lie `stride` apart in `c`.
#[inline(always)]
pub(super) fn tile<S: Simd, F: Element, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    a: ArrayView2<'_, F>,
    b: Panel<'_, F::V<S>>,
    c: &mut [F],
    stride: usize,
    width: usize,
    onto: Onto<'_, F>,
) {
    let height = a.nrows();
    if height == HEIGHT {
        let sums = product::<S, F, HEIGHT, VECTORS>(s, a, b);
        return store::<S, F, HEIGHT, VECTORS>(s, &sums, c, stride, [height, width], onto);
    }
    // The last rows are copied into a whole tile; what the rest of it holds does not matter.
    let mut whole = [F::default(); 8 * PORTION];
    let (mut onto, mut b) = (onto, b);
    for start in (0..a.ncols().max(1)).step_by(PORTION) {
        let depth = PORTION.min(a.ncols() - start);
        let whole = &mut whole[..HEIGHT * depth];
        for (i, row) in a.rows().into_iter().enumerate() {
            let from = row.slice(ndarray::s![start..start + depth]);
            whole[i * depth..][..depth].iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        }
        let columns = b.columns.partition_point(|&column| (column as usize) < start + depth);
        let mut own = [0; PORTION];
        let own = &mut own[..columns];
        own.iter_mut().zip(b.columns).for_each(|(to, from)| *to = from - start as u32);
        // As many as were cut to.
        if let Ok(a) = ArrayView2::from_shape((HEIGHT, depth), whole) {
            let b = Panel { rows: &b.rows[..columns * VECTORS], columns: own };
            let sums = product::<S, F, HEIGHT, VECTORS>(s, a, b);
            store::<S, F, HEIGHT, VECTORS>(s, &sums, c, stride, [height, width], onto);
        }
        b = Panel { rows: &b.rows[columns * VECTORS..], columns: &b.columns[columns..] };
        onto = Onto::Kept;
    }
}

/// `a·b`
#[inline(always)]
fn product<S: Simd, F: Element, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    a: ArrayView2<'_, F>,
    b: Panel<'_, F::V<S>>,
) -> [[F::V<S>; VECTORS]; HEIGHT] {
    let mut sums = [[F::splat(s, F::default()); VECTORS]; HEIGHT];
    let (row, column) = (a.strides()[0], a.strides()[1]);
    // The largest of all, as a search that may end early is a test for each.
    let last = b.columns.iter().fold(0, |last, &k| last.max(k));
    assert!(a.nrows() == HEIGHT && (b.columns.is_empty() || (last as usize) < a.ncols()));
    for (b, &k) in b.rows.chunks_exact(VECTORS).zip(b.columns) {
        let start = a.as_ptr().wrapping_offset(k as isize * column);
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
    }
    sums
}

/// Writes the first rows and columns of a tile. The loops run to constants and every index is known
/// when compiling, or the sums would live in memory.
#[inline(always)]
fn store<S: Simd, F: Element, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    sums: &[[F::V<S>; VECTORS]; HEIGHT],
    c: &mut [F],
    stride: usize,
    [height, width]: [usize; 2],
    onto: Onto<'_, F>,
) {
    let zero = F::splat(s, F::default());
    let lanes = F::lanes::<S>();
    for i in 0..HEIGHT {
        if i == height {
            break;
        }
        let c = &mut c[i * stride..i * stride + width];
        for v in 0..VECTORS {
            let c = &mut c[width.min(v * lanes)..width.min((v + 1) * lanes)];
            let whole = c.len() == lanes;
            let base = match onto {
                Onto::Zero => zero,
                Onto::Rows(values) => F::splat(s, values[i]),
                Onto::Kept if whole => F::vectors::<S>(c).0[0],
                Onto::Kept => F::load_part(s, c, zero),
            };
            let sum = F::add(s, sums[i][v], base);
            if whole {
                F::vectors_mut::<S>(c).0[0] = sum;
            } else if !c.is_empty() {
                F::store_part(s, c, sum);
            }
        }
    }
}
