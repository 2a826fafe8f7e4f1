//! B in panels: the columns of a panel lie side by side, row after row, filled up with zeros.

use ndarray::{ArrayView2, Axis};
use reflux_softmax::Real;
use reflux_softmax::simd::{Simd, WithSimd};

/// How many numbers a panel's row has: two vectors, or one where that is enough.
#[inline(always)]
pub(crate) fn panel_width<S: Simd, F: Real>(columns: usize) -> usize {
    let lanes = F::lanes::<S>();
    if columns <= lanes { lanes } else { 2 * lanes }
}

/// How many panels there are.
#[inline(always)]
pub(super) fn panels<S: Simd, F: Real>(columns: usize) -> usize {
    columns.div_ceil(panel_width::<S, F>(columns))
}

/// Gives `from` `[k, n]` in panels: as it is, where it already is one, or copied to the start of
/// `memory`.
pub(super) struct Pack<'a, F> {
    pub(super) from: ArrayView2<'a, F>,
    pub(super) memory: &'a mut [F],
}

impl<'a, F: Real> WithSimd for Pack<'a, F> {
    type Output = &'a [F];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> &'a [F] {
        let Self { from, memory } = self;
        let (depth, columns) = from.dim();
        let width = panel_width::<S, F>(columns);
        if columns == width
            && let Some(panel) = from.to_slice()
        {
            return panel;
        }
        let panels = from.axis_chunks_iter(Axis(1), width);
        for (from, to) in panels.zip(memory.chunks_exact_mut((depth * width).max(1))) {
            if from.ncols() < width {
                to.fill(F::zero());
            }
            if from.strides()[1] == 1 {
                copy_rows::<S, F>(from, to, width);
            } else {
                copy_columns(from, to, width);
            }
        }
        &memory[..columns.div_ceil(width) * width * depth]
    }
}

/// Of a panel whose rows are contiguous.
#[inline(always)]
fn copy_rows<S: Simd, F: Real>(from: ArrayView2<'_, F>, to: &mut [F], width: usize) {
    for (from, to) in from.rows().into_iter().zip(to.chunks_exact_mut(width)) {
        // A row with a stride of 1 is a slice.
        let from = from.to_slice().unwrap_or_default();
        if from.len() == width {
            let (from, to) = (F::vectors::<S>(from).0, F::vectors_mut::<S>(to).0);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        } else {
            to[..from.len()].copy_from_slice(from);
        }
    }
}

/// Columns that are copied side by side: one store writes them all.
const ABREAST: usize = 8;

/// Of a panel whose columns are contiguous, or neither.
#[inline(always)]
fn copy_columns<F: Real>(from: ArrayView2<'_, F>, to: &mut [F], width: usize) {
    for (block, from) in from.axis_chunks_iter(Axis(1), ABREAST).enumerate() {
        let to = to.chunks_exact_mut(width).map(|row| &mut row[block * ABREAST..]);
        let mut columns = [&[][..]; ABREAST];
        for (slot, column) in columns.iter_mut().zip(from.columns()) {
            *slot = column.to_slice().unwrap_or_default();
        }
        if columns.iter().all(|column| column.len() == from.nrows()) {
            for (k, to) in to.enumerate() {
                to[..ABREAST].copy_from_slice(&columns.map(|column| column[k]));
            }
        } else {
            for (from, to) in from.rows().into_iter().zip(to) {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
            }
        }
    }
}
