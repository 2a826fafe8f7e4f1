//! B in panels: the columns of a panel lie side by side, row after row, filled up with zeros.

use std::marker::PhantomData;

use ndarray::{ArrayView2, Axis};
use reflux_softmax::Real;
use reflux_softmax::simd::{Simd, WithSimd};

/// How many numbers a panel's row has: two vectors, or one where that is enough.
#[inline(always)]
pub(crate) fn panel_width<S: Simd, F: Real>(columns: usize) -> usize {
    let lanes = F::lanes::<S>();
    if columns <= lanes { lanes } else { 2 * lanes }
}

/// [`panel_width`] of the instructions at hand.
pub(super) struct PanelWidth<F>(pub(super) usize, pub(super) PhantomData<F>);

impl<F: Real> WithSimd for PanelWidth<F> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        panel_width::<S, F>(self.0)
    }
}

/// Panels of B that lie one after the other, each as long as if no row had been left out.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a, F> {
    pub(super) numbers: &'a [F],
    /// For each panel, from [`list`], which rows of B it holds, or one list for all.
    lists: &'a [u32],
    /// From one list to the next; 0 if there is one.
    stride: usize,
}

impl<'a, F> Panels<'a, F> {
    /// With all rows of B, of which `list` is the list.
    pub(super) fn whole(numbers: &'a [F], list: &'a [u32]) -> Self {
        Self { numbers, lists: list, stride: 0 }
    }

    /// The rows of B `[depth, n]` in a panel of this width, and where they were in B, in order and below
    /// `depth`.
    pub(super) fn panel(&self, index: usize, depth: usize, width: usize) -> (&'a [F], &'a [u32]) {
        let list = &self.lists[index * self.stride..];
        let rows = &list[1..=list[0] as usize];
        let start = index * depth * width;
        (&self.numbers[start..start + rows.len() * width], rows)
    }
}

/// Room for a list of rows, of which there are at most `depth`.
pub(super) const fn list_len(depth: usize) -> usize {
    1 + depth
}

/// Lists all rows: first how many.
pub(super) fn list_all(depth: usize, list: &mut [u32]) {
    list[0] = depth as u32;
    list[1..].iter_mut().zip(0..).for_each(|(slot, row)| *slot = row);
}

/// Gives `from` `[k, n]` in panels: as it is, where it already is one, or copied to the start of
/// `memory` without what is zero, with a list for each panel in `lists`.
pub(super) struct Pack<'a, F> {
    pub(super) from: ArrayView2<'a, F>,
    pub(super) memory: &'a mut [F],
    pub(super) lists: &'a mut [u32],
}

impl<'a, F: Real> WithSimd for Pack<'a, F> {
    type Output = Panels<'a, F>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> Panels<'a, F> {
        let Self { from, memory, lists } = self;
        let (depth, columns) = from.dim();
        let width = panel_width::<S, F>(columns);
        if columns == width
            && let Some(panel) = from.to_slice()
        {
            list_all(depth, &mut lists[..list_len(depth)]);
            return Panels::whole(panel, lists);
        }
        CopyPanels { from, memory }.with_simd(s);
        for (index, list) in lists.chunks_exact_mut(list_len(depth)).enumerate() {
            let start = index * depth * width;
            let panel = &mut memory[start..start + depth * width];
            if width > F::lanes::<S>() {
                leave_out_zeros::<S, F, 2>(panel, list);
            } else {
                leave_out_zeros::<S, F, 1>(panel, list);
            }
        }
        Panels { numbers: memory, lists, stride: list_len(depth) }
    }
}

/// Moves a panel's rows, of so many vectors, to its start, but for those that are zero throughout.
#[inline(always)]
fn leave_out_zeros<S: Simd, F: Real, const VECTORS: usize>(panel: &mut [F], list: &mut [u32]) {
    let (rows, _) = F::vectors_mut::<S>(panel).0.as_chunks_mut::<VECTORS>();
    let mut kept = 0;
    for k in 0..rows.len() {
        let row = rows[k];
        list[1 + kept] = k as u32;
        rows[kept] = row;
        // Without a branch for each number. NaN is not zero.
        let any = |any, vector| {
            F::lanes_of::<S>(vector).iter().fold(any, |any, &x| any | (x != F::zero()))
        };
        kept += usize::from(row.iter().fold(false, any));
    }
    list[0] = kept as u32;
}

/// Copies `from` `[k, n]` to panels at the start of `memory`.
pub(super) struct CopyPanels<'a, F> {
    pub(super) from: ArrayView2<'a, F>,
    pub(super) memory: &'a mut [F],
}

impl<F: Real> WithSimd for CopyPanels<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { from, memory } = self;
        let (depth, columns) = from.dim();
        let width = panel_width::<S, F>(columns);
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
