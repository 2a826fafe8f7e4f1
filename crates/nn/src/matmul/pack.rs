//! B in panels: the columns of a panel lie side by side, row after row, filled up with zeros.

use ndarray::{ArrayView2, Axis};
use reflux_softmax::Real;
use reflux_softmax::simd::{Simd, WithSimd};

/// How many numbers a panel's row has: two vectors, or one where that is enough.
#[inline(always)]
pub(super) fn panel_width<S: Simd, F: Real>(columns: usize) -> usize {
    let lanes = size_of::<F::V<S>>() / size_of::<F>();
    if columns <= lanes { lanes } else { 2 * lanes }
}

/// How many panels there are.
#[inline(always)]
pub(super) fn panels<S: Simd, F: Real>(columns: usize) -> usize {
    columns.div_ceil(panel_width::<S, F>(columns))
}

/// Copies `from` `[k, n]` into panels at the start of `memory`.
pub(super) struct Pack<'a, F> {
    pub(super) from: ArrayView2<'a, F>,
    pub(super) memory: &'a mut [F],
}

impl<F: Real> WithSimd for Pack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (depth, columns) = self.from.dim();
        let width = panel_width::<S, F>(columns);
        if depth == 0 {
            return;
        }
        let panels = self.from.axis_chunks_iter(Axis(1), width);
        for (from, to) in panels.zip(self.memory.chunks_exact_mut(depth * width)) {
            if from.ncols() < width {
                to.fill(F::zero());
            }
            if from.strides()[1] == 1 {
                for (from, to) in from.rows().into_iter().zip(to.chunks_exact_mut(width)) {
                    // A row with a stride of 1 is a slice.
                    to[..from.len()].copy_from_slice(from.as_slice().unwrap_or_default());
                }
            } else {
                for (column, from) in from.columns().into_iter().enumerate() {
                    let to = to[column..].iter_mut().step_by(width);
                    to.zip(from).for_each(|(to, &from)| *to = from);
                }
            }
        }
    }
}
