//! Matrix products, laid out for training: `C = A·B`, where A is a layer's weights or deltas and B has
//! the rows of the batch side by side.
//!
//! A is read in place, whatever its strides, one number at a time that is spread over a vector; so
//! weights, the largest thing in a step, are never copied. B, which is small beside them, is packed
//! into panels as wide as two vectors. A tile of C, a few rows high and one panel wide, stays in
//! registers while the sum runs over the inner dimension:
//!
//! ```text
//!               ┌ panel of B ┐
//!               │ k × 2 vec. │
//!   ┌ A ──────┐ ├────────────┤
//!   │ 8 × k   │ │ tile of C  │
//!   └─────────┘ └────────────┘
//! ```
//!
//! Each number of C is summed in the order of k by one thread, so the number of threads changes nothing.
//!
//! A row of a panel that is zero throughout is left out, and so are the numbers of A that it would meet:
//! pixels that are blank in a few images, or units that no image of a few makes active. The sums stay the
//! same, bit by bit, unless A has NaN or ∞ there.

mod pack;
mod tile;
mod vector;

use std::marker::PhantomData;

use ndarray::{ArrayView2, Axis};
use reflux_softmax::Real;
use reflux_softmax::simd::{Path, Scratch, Simd, WithSimd};

pub(crate) use pack::panel_width;
use pack::{CopyPanels, Pack, PanelWidth, Panels, list_all, list_len};
use tile::{Panel, tile};
pub(crate) use vector::{dot_product, matrix_vector};

/// Inner dimension up to which a sum is made in one go: a panel then fits into the second cache.
const DEPTH: usize = 2048;

/// Multiply-adds above which a product is shared between threads: a hundred microseconds' work.
#[cfg(feature = "rayon")]
const PARALLEL: usize = 4 << 20;

/// What a product is added to.
#[derive(Debug, Clone, Copy)]
pub enum Onto<'a, F> {
    /// Nothing.
    Zero,
    /// One number for each row of C: a bias.
    Rows(&'a [F]),
    /// What is there.
    Kept,
}

/// `c ← onto + a·b` for `a` `[m, k]`, `b` `[k, n]` and `c` `[m, n]`, which is contiguous.
///
/// The caller has matched the shapes. Where much of `b` is zero it takes less time, and 0 times NaN or ∞
/// may be 0.
pub fn matmul<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>, c: &mut [F], onto: Onto<'_, F>) {
    let ((m, k), n) = (a.dim(), b.ncols());
    debug_assert_eq!((b.nrows(), c.len()), (k, m * n));
    if c.is_empty() {
        return;
    }
    let path = Path::best();
    let width = path.run(PanelWidth(n, PhantomData::<F>));
    let count = n.div_ceil(width);
    let mut onto = onto;
    for start in (0..k.max(1)).step_by(DEPTH) {
        let depth = k.min(start + DEPTH) - start;
        let a = a.slice(ndarray::s![.., start..start + depth]);
        let from = b.slice(ndarray::s![start..start + depth, ..]);
        F::with_scratch(count * depth * width, |memory| {
            u32::with_scratch(count * list_len(depth), |lists| {
                let b = path.run(Pack { from, memory, lists });
                multiply_rows(path, a, b, c, n, onto);
            });
        });
        onto = Onto::Kept;
    }
}

/// `b` `[k, n]` in panels, for [`times_packed`].
pub(crate) fn pack<F: Real>(b: ArrayView2<'_, F>) -> Vec<F> {
    let (path, (depth, n)) = (Path::best(), b.dim());
    let width = path.run(PanelWidth(n, PhantomData::<F>));
    let mut memory = vec![F::zero(); n.div_ceil(width) * depth * width];
    path.run(CopyPanels { from: b, memory: &mut memory });
    memory
}

/// `c ← c + a·b` with `b` from [`pack`].
pub(crate) fn times_packed<F: Real>(a: ArrayView2<'_, F>, packed: &[F], c: &mut [F]) {
    let (n, depth) = (c.len() / a.nrows().max(1), a.ncols());
    if n > 0 {
        u32::with_scratch(list_len(depth), |list| {
            list_all(depth, list);
            multiply_rows(Path::best(), a, Panels::whole(packed, list), c, n, Onto::Kept);
        });
    }
}

/// Shares the rows of C between threads where that pays.
fn multiply_rows<F: Real>(
    path: Path,
    a: ArrayView2<'_, F>,
    b: Panels<'_, F>,
    c: &mut [F],
    n: usize,
    onto: Onto<'_, F>,
) {
    let low = a.nrows() <= LOW;
    #[cfg(feature = "rayon")]
    if let Some(rows) = rows_a_thread(path, a.dim(), n) {
        use rayon::prelude::*;
        c.par_chunks_mut(rows * n).enumerate().for_each(|(index, c)| {
            let start = index * rows;
            let end = start + c.len() / n;
            let onto = match onto {
                Onto::Rows(values) => Onto::Rows(&values[start..end]),
                other => other,
            };
            let a = a.slice(ndarray::s![start..end, ..]);
            path.run(Multiply { a, b, c, n, onto, low });
        });
        return;
    }
    path.run(Multiply { a, b, c, n, onto, low });
}

/// How many rows of C `[m, n]` a thread makes, where sharing them pays.
#[cfg(feature = "rayon")]
fn rows_a_thread(path: Path, (m, k): (usize, usize), n: usize) -> Option<usize> {
    let threads = rayon::current_num_threads();
    if threads == 1 || m * n * k <= PARALLEL {
        return None;
    }
    // Whole tiles, so that a row is in a tile of the same height as without threads.
    let height = path.run(TileHeight);
    (m >= 2 * height).then(|| m.div_ceil(threads).next_multiple_of(height))
}

/// Rows up to which low tiles are the faster ones.
const LOW: usize = 4;

/// The rows of C in a tile, where there are more than a few: as many sums as hide the latency of a fused
/// multiply-add, and fit the registers.
const fn tile_height<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 8 } else { 6 }
}

/// [`tile_height`] of the instructions at hand.
#[cfg(feature = "rayon")]
struct TileHeight;

#[cfg(feature = "rayon")]
impl WithSimd for TileHeight {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        tile_height::<S>()
    }
}

/// A product with B already packed.
struct Multiply<'a, F> {
    a: ArrayView2<'a, F>,
    b: Panels<'a, F>,
    c: &'a mut [F],
    n: usize,
    onto: Onto<'a, F>,
    /// Whether there are at most [`LOW`] rows, all threads taken together.
    low: bool,
}

impl<F: Real> WithSimd for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let wide = panel_width::<S, F>(self.n) > F::lanes::<S>();
        match (self.low, tile_height::<S>(), wide) {
            (true, _, true) if self.a.nrows() <= LOW / 2 => self.tiles::<S, { LOW / 2 }, 2>(s),
            (true, _, true) => self.tiles::<S, LOW, 2>(s),
            (_, 8, true) => self.tiles::<S, 8, 2>(s),
            (_, 8, false) => self.tiles::<S, 8, 1>(s),
            (_, _, true) => self.tiles::<S, 6, 2>(s),
            (_, _, false) => self.tiles::<S, 6, 1>(s),
        }
    }
}

impl<F: Real> Multiply<'_, F> {
    #[inline(always)]
    fn tiles<S: Simd, const HEIGHT: usize, const VECTORS: usize>(self, s: S) {
        let Self { a, b, c, n, onto, .. } = self;
        let width = panel_width::<S, F>(n);
        for (index, rows) in a.axis_chunks_iter(Axis(0), HEIGHT).enumerate() {
            let (top, height) = (index * HEIGHT, rows.nrows());
            for panel in 0..n.div_ceil(width) {
                let (b, columns) = b.panel(panel, a.ncols(), width);
                let b = Panel { rows: F::vectors::<S>(b).0, columns };
                let c = &mut c[top * n + panel * width..];
                let onto = match onto {
                    Onto::Rows(values) => Onto::Rows(&values[top..top + height]),
                    other => other,
                };
                tile::<S, F, HEIGHT, VECTORS>(s, rows, b, c, n, width.min(n - panel * width), onto);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    /// Whole numbers, whose sums are exact: every order of summing gives the same.
    fn numbers(rows: usize, columns: usize, seed: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            ((i * 31 + j * 17 + seed) % 13) as f32 - 6.0
        })
    }

    proptest! {
        /// Shapes around the sizes of tiles and panels, in every layout, on whatever this machine has.
        #[test]
        fn products_are_exact_for_whole_numbers(
            m in 0_usize..40, k in 0_usize..50, n in 0_usize..70,
            (a_turned, b_turned, kind) in (any::<bool>(), any::<bool>(), 0..3),
            blank in 0_usize..4,
        ) {
            let turn = |x: Array2<f32>, turned: bool| {
                if turned { x.t().as_standard_layout().into_owned().reversed_axes() } else { x }
            };
            let mut b = numbers(k, n, 2);
            for ((i, j), number) in b.indexed_iter_mut() {
                // Rows of some panels, of none, or of all.
                if (i / 3 + j / 32) % 4 < blank {
                    *number = 0.0;
                }
            }
            let (a, b) = (turn(numbers(m, k, 1), a_turned), turn(b, b_turned));
            let start = numbers(m, n, 3);
            let bias: Vec<f32> = (0..m).map(|i| i as f32).collect();
            let (onto, base) = match kind {
                0 => (Onto::Zero, Array2::zeros((m, n))),
                1 => (Onto::Kept, start.clone()),
                _ => (Onto::Rows(&bias), Array2::from_shape_fn((m, n), |(i, _)| bias[i])),
            };
            let mut c = start;
            matmul(a.view(), b.view(), c.as_slice_mut().unwrap(), onto);
            prop_assert_eq!(c, base + a.dot(&b));
        }
    }

    #[test]
    fn reversed_rows_and_more_depth_than_one_go_are_read_right() {
        let (mut a, mut b) = (numbers(9, DEPTH + 3, 4), numbers(DEPTH + 3, 5, 5));
        b.slice_mut(ndarray::s![100..300, ..]).fill(0.0);
        a.invert_axis(Axis(0));
        a.invert_axis(Axis(1));
        let mut c = vec![0.0; 45];
        matmul(a.view(), b.view(), &mut c, Onto::Zero);
        assert_eq!(c, a.dot(&b).into_raw_vec_and_offset().0);
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let value = |(i, j): (usize, usize)| ((i * 7 + j * 3) as f32).sin();
        // As in training, and as a small batch that a predictor gets.
        for [m, k, n] in [[301, 400, 65], [20, 700, 400]] {
            assert!(m * k * n > PARALLEL);
            let a = Array2::from_shape_fn((m, k), value);
            let b = Array2::from_shape_fn((k, n), value);
            let product = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut c = vec![0.0; m * n];
                pool.install(|| matmul(a.view(), b.view(), &mut c, Onto::Zero));
                c
            };
            let one = product(1);
            for threads in [2, 3, 7] {
                assert!(one == product(threads), "{m}, {k}, {n}, {threads}");
            }
        }
    }
}
