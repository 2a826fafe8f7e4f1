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

use std::ops::Range;

use crate::element::{Data, Place};
use crate::{Error, Result, Schema, Value, memory};

/// How many rows are fetched before they are copied: few enough to stay in the cache, enough to
/// make up for the wait at the end of each block.
const BLOCK: usize = 256;

/// The rows of a buffer, one a slot.
pub(crate) struct Rows {
    bytes: Vec<u8>,
    /// The bytes from one row to the next.
    stride: usize,
    /// Where each column is.
    places: Vec<Place>,
}

impl Rows {
    /// The bytes that so many rows take.
    pub(crate) fn bytes(schema: &Schema, capacity: usize) -> u128 {
        capacity as u128 * schema.bytes_per_item() as u128
    }

    /// Room for `capacity` rows. The memory is written to, not just promised, so that it is truly
    /// there.
    pub(crate) fn new(
        schema: &Schema,
        capacity: usize,
        refused: impl Fn() -> Error,
    ) -> Result<Self> {
        let stride = schema.bytes_per_item();
        let mut bytes = Vec::new();
        memory::resize(&mut bytes, capacity.checked_mul(stride).ok_or_else(&refused)?, 0, refused)?;
        let mut offset = 0;
        let places = schema.columns().iter().map(|column| {
            let place = Place { offset, width: column.width(), stride };
            offset += column.width() * column.dtype().bytes();
            place
        });
        let places = places.collect();
        Ok(Self { bytes, stride, places })
    }

    /// Writes these of the rows of `values`, whose types and lengths have been checked, to the
    /// slots from `slot` on.
    #[inline]
    pub(crate) fn write(&mut self, slot: usize, rows: Range<usize>, values: &[Value<'_>]) {
        for (value, &place) in values.iter().zip(&self.places) {
            let elements = rows.start * place.width..rows.end * place.width;
            value.scatter(elements, &mut self.bytes, place, slot);
        }
    }

    /// Puts the row in slot `last` into `slot`.
    pub(crate) fn remove(&mut self, slot: usize, last: usize) {
        let last = last * self.stride;
        self.bytes.copy_within(last..last + self.stride, slot * self.stride);
    }

    /// Copies the rows in `slots`, in this order, to the rows from `row` on of columns that are long
    /// enough.
    pub(crate) fn gather(&self, row: usize, slots: &[usize], columns: &mut [Data]) {
        for (block, slots) in slots.chunks(BLOCK).enumerate() {
            self.touch(slots);
            for (column, &place) in columns.iter_mut().zip(&self.places) {
                column.gather(row + block * BLOCK, &self.bytes, place, slots);
            }
        }
    }

    /// Reads both ends of each row, to have it in the cache when its columns are copied. A loop
    /// that does nothing else keeps more cache misses under way at a time than one that copies,
    /// which would have to wait for each row that lies across two lines.
    fn touch(&self, slots: &[usize]) {
        let mut touched = 0;
        for &slot in slots {
            let row = &self.bytes[slot * self.stride..][..self.stride];
            touched ^= row[0] ^ row[self.stride - 1];
        }
        std::hint::black_box(touched);
    }
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
            let mut rows = Rows::new(&schema, 5, || unreachable!()).unwrap();

            let odd = [false, true, false, true, false];
            let numbers: Vec<f64> = (0..5 * width).map(|n| n as f64 + 0.5).collect();
            rows.write(0, 2..5, &[(&odd).into(), (&numbers).into()]);
            rows.write(3, 0..2, &[(&odd).into(), (&numbers).into()]);

            let slots = [4, 0, 2, 2];
            let mut columns = vec![DType::Bool.data(), DType::F64.data()];
            columns[0].resize(4, || unreachable!()).unwrap();
            columns[1].resize(4 * width, || unreachable!()).unwrap();
            rows.gather(0, &slots, &mut columns);

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
