//! Rows that do not lie contiguous in memory, sixty-four at a time.
//!
//! Neighbouring rows share cache lines. One at a time they would be fetched again and again, and rows
//! whose elements are a power of two apart would throw each other out of the cache on the way.

use ndarray::{ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Ix2};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::Real;
#[cfg(feature = "rayon")]
use crate::lanes::parallel;

/// Rows in a tile.
const ROWS: usize = 64;

/// Between the rows of a tile in memory, so that their elements do not all fall into one part of the
/// cache.
const GAP: usize = 16;

/// Calls `f` with a contiguous copy of each row of `from` along the axis, and with memory for the row
/// of `to` in its place; `to` may be of another length along the axis. Without `from`, the rows are
/// those of `to`.
pub(crate) fn for_each_row<F: Real>(
    from: Option<ArrayViewD<'_, F>>,
    to: ArrayViewMutD<'_, F>,
    axis: Axis,
    f: &(impl Fn(&[F], &mut [F]) + Sync),
) {
    // The last axis of a plane is the one along which neighbours are nearest.
    let strides = from.as_ref().map_or(to.strides(), |from| from.strides());
    let others = (0..to.ndim()).filter(|&other| other != axis.index());
    let Some(near) = others.min_by_key(|&other| strides[other].unsigned_abs()) else {
        let from = from.map(|from| from.insert_axis(Axis(1)));
        return planes(from, to.insert_axis(Axis(1)), f);
    };
    // The row's axis becomes the last but one, the near one the last.
    let last = to.ndim() - 1;
    let axis = if axis.index() == last { near } else { axis.index() };
    let (mut from, mut to) = (from, to);
    if let Some(from) = &mut from {
        from.swap_axes(near, last);
        from.swap_axes(axis, last - 1);
    }
    to.swap_axes(near, last);
    to.swap_axes(axis, last - 1);
    planes(from, to, f);
}

/// Takes the leading axes off, one after the other.
fn planes<F: Real>(
    from: Option<ArrayViewD<'_, F>>,
    mut to: ArrayViewMutD<'_, F>,
    f: &(impl Fn(&[F], &mut [F]) + Sync),
) {
    if to.ndim() > 2 {
        for (index, to) in to.outer_iter_mut().enumerate() {
            let from = from.as_ref().map(|from| from.index_axis(Axis(0), index));
            planes(from, to, f);
        }
        return;
    }
    let from = match from.map(ArrayViewD::into_dimensionality::<Ix2>) {
        Some(Ok(from)) => Some(from),
        None => None,
        Some(Err(_)) => return, // it has as many axes as `to`
    };
    let Ok(mut to) = to.view_mut().into_dimensionality::<Ix2>() else {
        return; // it has two axes: a 1-dimensional array has been given one more
    };
    match from {
        Some(from) => {
            let chunks = from.axis_chunks_iter(Axis(1), ROWS);
            let places = to.axis_chunks_iter_mut(Axis(1), ROWS);
            #[cfg(feature = "rayon")]
            if parallel(from.len()) {
                let pairs = chunks.into_par_iter().zip(places.into_par_iter());
                return pairs.for_each(|(from, to)| tile(Some(from), to, f));
            }
            chunks.zip(places).for_each(|(from, to)| tile(Some(from), to, f));
        }
        None => {
            #[cfg(feature = "rayon")]
            if parallel(to.len()) {
                let places = to.axis_chunks_iter_mut(Axis(1), ROWS).into_par_iter();
                return places.for_each(|to| tile(None, to, f));
            }
            to.axis_chunks_iter_mut(Axis(1), ROWS).for_each(|to| tile(None, to, f));
        }
    }
}

/// A few rows: they are the columns of both arrays.
fn tile<F: Real>(
    from: Option<ArrayView2<'_, F>>,
    mut to: ArrayViewMut2<'_, F>,
    f: &(impl Fn(&[F], &mut [F]) + Sync),
) {
    let length = from.as_ref().map_or(to.nrows(), |from| from.len_of(Axis(0)));
    let (stride, places) = (length + GAP, to.nrows());
    F::with_scratch(2 * ROWS * stride, |memory| {
        let (rows, results) = memory.split_at_mut(ROWS * stride);
        let source = from.unwrap_or_else(|| to.view());
        if along(source.strides()) {
            for (row, column) in rows.chunks_exact_mut(stride).zip(source.columns()) {
                row.iter_mut().zip(column).for_each(|(place, &x)| *place = x);
            }
        } else {
            for (i, across) in source.rows().into_iter().enumerate() {
                let places = rows.chunks_exact_mut(stride).map(|row| &mut row[i]);
                places.zip(across).for_each(|(place, &x)| *place = x);
            }
        }
        for row in 0..to.ncols() {
            let start = row * stride;
            f(&rows[start..start + length], &mut results[start..start + places]);
        }
        if along(to.strides()) {
            for (row, column) in results.chunks_exact(stride).zip(to.columns_mut()) {
                column.into_iter().zip(row).for_each(|(place, &x)| *place = x);
            }
        } else {
            for (i, across) in to.rows_mut().into_iter().enumerate() {
                let found = results.chunks_exact(stride).map(|row| row[i]);
                across.into_iter().zip(found).for_each(|(place, x)| *place = x);
            }
        }
    });
}

/// Whether neighbours along a column are nearer in memory than those along a row.
fn along(strides: &[isize]) -> bool {
    strides[0].unsigned_abs() < strides[1].unsigned_abs()
}
