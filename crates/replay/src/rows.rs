//! Where items are kept: one block of bytes, one row an item, the columns side by side in each row.
//!
//! ```text
//! slot 0 | observation | action | reward |
//! slot 1 | observation | action | reward |
//! ```
//!
//! A sample jumps to random rows. Were each column an array of its own, each jump would miss the
//! cache once a column; so it misses once or twice a row, which is what the time of a sample
//! consists of in a buffer that is larger than the cache.
//!
//! A column that shares its frames has only their numbers in the row, 4 bytes each.

use std::ops::Range;
use std::path::Path;

use crate::block::Block;
use crate::element::{Data, Place};
use crate::frames::Pool;
use crate::{Error, Result, Schema, Value, prefetch};

/// How many rows are fetched before they are copied: few enough to stay in the cache, enough to
/// make up for the wait at the end of each block.
const BLOCK: usize = 256;

/// The same where columns share frames, which are large: few enough that the frames that one column
/// has copied are still in the cache when the next column comes for them.
const SHARED_BLOCK: usize = 8;

/// The rows of a buffer, one a slot, and the frames that they share.
pub(crate) struct Rows {
    bytes: Block,
    /// The bytes from one row to the next.
    stride: usize,
    columns: Vec<Stored>,
    pools: Vec<Pool>,
}

/// How a column is kept.
#[derive(Debug, Clone, Copy)]
enum Stored {
    /// Its elements are in the row.
    Here(Place),
    /// Its frames are in a pool, `frames` of them an item, and their numbers are in the row.
    Shared { offset: usize, frames: usize, pool: usize },
}

/// The number of a frame, as it is kept.
const FRAME_BYTES: usize = size_of::<u32>();

impl Rows {
    /// The bytes that so many rows take, without the frames that they share.
    pub(crate) fn bytes(schema: &Schema, capacity: usize) -> u128 {
        capacity as u128 * layout(schema).1 as u128
    }

    /// Room for `capacity` rows and, for each group of columns that share frames, this many of them.
    /// The memory is written to, not just promised, so that it is truly there.
    pub(crate) fn new(
        schema: &Schema,
        capacity: usize,
        frames: &[usize],
        folder: Option<&Path>,
        refused: impl Fn() -> Error,
    ) -> Result<Self> {
        let (columns, stride) = layout(schema);
        let size = capacity.checked_mul(stride).ok_or_else(&refused)?;
        let bytes = Block::new(size, folder, &refused)?;
        let groups = schema.frame_groups().iter().zip(frames);
        let pools = groups.map(|(group, &frames)| Pool::new(group, frames, folder, &refused));
        let pools = pools.collect::<Result<_>>()?;
        Ok(Self { bytes, stride, columns, pools })
    }

    /// Writes these of the rows of `values`, whose types and lengths have been checked, to the
    /// slots from `slot` on; not the frames that they share.
    #[inline]
    pub(crate) fn write(&mut self, slot: usize, rows: Range<usize>, values: &[Value<'_>]) {
        for (value, column) in values.iter().zip(&self.columns) {
            if let Stored::Here(place) = *column {
                let elements = rows.start * place.width..rows.end * place.width;
                value.scatter(elements, &mut self.bytes, place, slot);
            }
        }
    }

    /// As [`Rows::write`], for one row.
    #[inline]
    pub(crate) fn write_one(&mut self, slot: usize, row: usize, values: &[Value<'_>]) {
        let bytes = &mut self.bytes[slot * self.stride..][..self.stride];
        for (value, column) in values.iter().zip(&self.columns) {
            if let Stored::Here(place) = *column {
                value.put(row, bytes, place);
            }
        }
    }

    /// Whether any columns share frames: then rows are written one by one, and what a slot held is
    /// [removed](Rows::remove) before.
    pub(crate) fn shares_frames(&self) -> bool {
        !self.pools.is_empty()
    }

    /// Whether there are frames for one more item, whatever it is.
    pub(crate) fn has_room(&self) -> bool {
        self.pools.iter().all(Pool::has_room)
    }

    /// Writes the frames of one row of `values` to `slot`. Those that occur in the row in slot
    /// `previous` are not kept again.
    pub(crate) fn write_frames(
        &mut self,
        slot: usize,
        row: usize,
        values: &[Value<'_>],
        previous: Option<usize>,
    ) {
        self.pools.iter_mut().for_each(Pool::forget_candidates);
        if let Some(previous) = previous {
            self.for_frames(previous, Pool::add_candidate);
        }
        let Self { bytes, columns, pools, stride } = self;
        for (value, column) in values.iter().zip(columns) {
            if let Stored::Shared { offset, frames, pool } = *column {
                let width = pools[pool].frame_width();
                let start = slot * *stride + offset;
                let (numbers, _) = bytes[start..][..frames * FRAME_BYTES].as_chunks_mut();
                for (frame, number) in numbers.iter_mut().enumerate() {
                    let first = (row * frames + frame) * width;
                    *number = pools[pool].keep(first..first + width, value).to_ne_bytes();
                }
            }
        }
    }

    /// Puts the row in slot `last` into `slot`, whose frames lose their place there.
    pub(crate) fn remove(&mut self, slot: usize, last: usize) {
        self.for_frames(slot, Pool::release);
        let last = last * self.stride;
        self.bytes.copy_within(last..last + self.stride, slot * self.stride);
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.pools.iter_mut().for_each(Pool::clear);
    }

    /// The frames in use, and the bytes of their contents.
    pub(crate) fn frames_used(&self) -> usize {
        self.pools.iter().map(Pool::used).sum()
    }

    /// The bytes of a row.
    pub(crate) fn bytes_per_row(&self) -> usize {
        self.stride
    }

    /// The bytes of a row and of the frames that an item can add.
    pub(crate) fn bytes_per_item(&self) -> usize {
        self.pools.iter().fold(self.stride, |sum, pool| sum.saturating_add(pool.bytes_per_item()))
    }

    pub(crate) fn row(&self, slot: usize) -> &[u8] {
        &self.bytes[slot * self.stride..][..self.stride]
    }

    pub(crate) fn row_mut(&mut self, slot: usize) -> &mut [u8] {
        &mut self.bytes[slot * self.stride..][..self.stride]
    }

    pub(crate) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    pub(crate) fn pools_mut(&mut self) -> &mut [Pool] {
        &mut self.pools
    }

    /// Calls `each` with the position of a pool and the number of a frame, for every frame of an item.
    pub(crate) fn for_each_frame(&self, slot: usize, mut each: impl FnMut(usize, u32)) {
        for column in &self.columns {
            if let Stored::Shared { offset, frames, pool } = *column {
                let numbers = &self.row(slot)[offset..][..frames * FRAME_BYTES];
                numbers
                    .as_chunks()
                    .0
                    .iter()
                    .for_each(|&frame| each(pool, u32::from_ne_bytes(frame)));
            }
        }
    }

    /// The frames of a row that has been put into this slot have a place there. The pools must have
    /// them.
    pub(crate) fn hold_frames(&mut self, slot: usize) {
        self.for_frames(slot, Pool::hold);
    }

    /// After [`hold_frames`](Rows::hold_frames) for all rows: the other frames are free.
    pub(crate) fn free_frames(&mut self) {
        self.pools.iter_mut().for_each(Pool::free_others);
    }

    /// Copies the rows in `slots`, in this order, to the rows from `row` on of columns that are long
    /// enough. `frames` is memory to work with.
    pub(crate) fn gather(
        &self,
        row: usize,
        slots: &[usize],
        columns: &mut [Data],
        frames: &mut Vec<u32>,
    ) {
        let mut starts = [0; BLOCK];
        let block = if self.shares_frames() { SHARED_BLOCK } else { BLOCK };
        for (slots, row) in slots.chunks(block).zip((row..).step_by(block)) {
            let starts = &mut starts[..slots.len()];
            self.prefetch(slots, starts);
            for (out, column) in columns.iter_mut().zip(&self.columns) {
                match *column {
                    Stored::Here(place) => out.gather(row, &self.bytes, place, starts),
                    Stored::Shared { offset, frames: each, pool } => {
                        frames.clear();
                        for &start in &*starts {
                            let numbers = &self.bytes[start + offset..][..each * FRAME_BYTES];
                            let numbers = numbers.as_chunks().0.iter();
                            frames.extend(numbers.map(|&number| u32::from_ne_bytes(number)));
                        }
                        self.pools[pool].gather(row * each, frames, out);
                    }
                }
            }
        }
    }

    /// Does something for every frame of an item and its pool.
    fn for_frames(&mut self, slot: usize, mut each: impl FnMut(&mut Pool, u32)) {
        let Self { bytes, columns, pools, stride } = self;
        for column in columns {
            if let Stored::Shared { offset, frames, pool } = *column {
                let numbers = &bytes[slot * *stride + offset..][..frames * FRAME_BYTES];
                for &number in numbers.as_chunks().0 {
                    each(&mut pools[pool], u32::from_ne_bytes(number));
                }
            }
        }
    }

    /// Says at which byte each row begins, and asks for both its ends, to have it in the cache when its
    /// columns are copied. (What lies between the ends of a long row, the processor fetches by itself.)
    #[inline]
    fn prefetch(&self, slots: &[usize], starts: &mut [usize]) {
        let bytes: &[u8] = &self.bytes;
        for (&slot, start) in slots.iter().zip(starts) {
            *start = slot * self.stride;
            let row = &bytes[*start..][..self.stride];
            prefetch::line(&row[0]);
            prefetch::line(&row[self.stride - 1]);
        }
    }
}

/// How each column is kept, and the bytes of a row.
fn layout(schema: &Schema) -> (Vec<Stored>, usize) {
    let mut stride = 0;
    let mut columns: Vec<Stored> = Vec::with_capacity(schema.columns().len());
    for (index, column) in schema.columns().iter().enumerate() {
        let offset = stride;
        columns.push(match schema.frames_of(index) {
            Some((pool, frames)) => {
                stride += frames * FRAME_BYTES;
                Stored::Shared { offset, frames, pool }
            }
            None => {
                stride += column.width() * column.dtype().bytes();
                Stored::Here(Place { offset, width: column.width(), stride: 0 })
            }
        });
    }
    for column in &mut columns {
        if let Stored::Here(place) = column {
            place.stride = stride;
        }
    }
    (columns, stride)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Element};

    #[test]
    fn columns_of_any_width_are_written_and_read_back() {
        for width in 1..=17 {
            let mut schema = Schema::new();
            schema.column::<bool>("odd", &[]).unwrap();
            schema.column::<f64>("number", &[width]).unwrap();
            let mut rows = Rows::new(&schema, 5, &[], None, || unreachable!()).unwrap();

            let odd = [false, true, false, true, false];
            let numbers: Vec<f64> = (0..5 * width).map(|n| n as f64 + 0.5).collect();
            rows.write(0, 2..5, &[(&odd).into(), (&numbers).into()]);
            rows.write(3, 0..2, &[(&odd).into(), (&numbers).into()]);

            let slots = [4, 0, 2, 2];
            let mut columns = vec![DType::Bool.data(), DType::F64.data()];
            columns[0].resize(4, || unreachable!()).unwrap();
            columns[1].resize(4 * width, || unreachable!()).unwrap();
            rows.gather(0, &slots, &mut columns, &mut Vec::new());

            let sources = [1, 2, 4, 4];
            assert_eq!(slice::<bool>(&columns[0]), sources.map(|row| odd[row]));
            let expected = sources.map(|row| &numbers[row * width..][..width]).concat();
            assert_eq!(slice::<f64>(&columns[1]), expected, "width {width}");
        }
    }

    fn slice<T: Element>(data: &Data) -> &[T] {
        T::slice(data).unwrap()
    }
}
