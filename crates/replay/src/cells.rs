//! Rows of columns outside of a buffer: steps that wait for their episode to go on, or a piece of a
//! file on its way in. What a buffer is for, mixing columns in one row and reading rows at random,
//! is not needed here: each column is a plain vector.

use std::ops::Range;

use crate::{ColumnInfo, DType, Error, Result, Value, memory};

/// Rows of one column.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    width: usize,
    elements: Elements,
}

macro_rules! elements {
    ($($variant:ident($type:ty)),* $(,)?) => {
        #[derive(Debug, Clone)]
        enum Elements {
            $($variant(Vec<$type>),)*
        }

        impl Cells {
            /// No rows yet of a column like this one.
            pub(crate) fn new(column: &ColumnInfo) -> Self {
                let elements = match column.dtype() {
                    $(DType::$variant => Elements::$variant(Vec::new()),)*
                };
                Self { width: column.width(), elements }
            }

            /// Sets the number of rows, new ones filled with zeros. Where the allocator refuses,
            /// `refused` makes the error.
            pub(crate) fn resize(&mut self, rows: usize, refused: impl Fn() -> Error) -> Result<()> {
                let len = rows.checked_mul(self.width).ok_or_else(&refused)?;
                match &mut self.elements {
                    $(Elements::$variant(all) => {
                        memory::resize(all, len, <$type>::default(), refused)
                    })*
                }
            }

            /// Writes one row over an earlier one. The value's type and length have been checked.
            #[inline]
            pub(crate) fn set(&mut self, row: usize, value: Value<'_>) {
                let range = row * self.width..(row + 1) * self.width;
                match (&mut self.elements, value) {
                    $((Elements::$variant(all), Value::$variant(value)) => {
                        // The usual widths are a move in line instead of a call.
                        match (&mut all[range], value) {
                            ([out], [scalar]) => *out = *scalar,
                            ([a, b, c, d], [e, f, g, h]) => {
                                (*a, *b, *c, *d) = (*e, *f, *g, *h);
                            }
                            (out, value) => out.copy_from_slice(value),
                        }
                    })*
                    _ => unreachable!("the types have been compared"),
                }
            }

            /// Writes rows `from` of `value` over the rows from `row` on. Its type and length have
            /// been checked.
            pub(crate) fn set_rows(&mut self, row: usize, from: Range<usize>, value: Value<'_>) {
                let range = row * self.width..(row + from.len()) * self.width;
                let from = from.start * self.width..from.end * self.width;
                match (&mut self.elements, value) {
                    $((Elements::$variant(all), Value::$variant(value)) => {
                        all[range].copy_from_slice(&value[from]);
                    })*
                    _ => unreachable!("the types have been compared"),
                }
            }

            /// These rows, one after another.
            pub(crate) fn rows(&self, rows: Range<usize>) -> Value<'_> {
                let range = rows.start * self.width..rows.end * self.width;
                match &self.elements {
                    $(Elements::$variant(all) => Value::$variant(&all[range]),)*
                }
            }

            /// Becomes as many rows as these bytes are, which must be whole rows.
            pub(crate) fn fill(&mut self, bytes: &[u8], endian: Endian) -> Result<()> {
                match &mut self.elements {
                    $(Elements::$variant(all) => {
                        const SIZE: usize = size_of::<$type>();
                        let (bytes, _) = bytes.as_chunks::<SIZE>();
                        let len = bytes.len();
                        let refused = || memory::refused(
                            format!("{len} elements of an array"), (len * SIZE) as u128);
                        memory::resize(all, len, <$type>::default(), refused)?;
                        for (out, &bytes) in all.iter_mut().zip(bytes) {
                            *out = match endian {
                                Endian::Little => <$type as Portable<SIZE>>::from_le(bytes),
                                #[cfg(feature = "npz")]
                                Endian::Big => <$type as Portable<SIZE>>::from_be(bytes),
                            };
                        }
                    })*
                }
                Ok(())
            }

            /// One row.
            pub(crate) fn row(&self, row: usize) -> Value<'_> {
                self.rows(row..row + 1)
            }
        }

        /// Adds the bytes of the elements, little-endian.
        pub(crate) fn to_bytes(value: Value<'_>, bytes: &mut Vec<u8>) {
            match value {
                $(Value::$variant(value) => {
                    bytes.extend(value.iter().flat_map(|element| element.to_le()));
                })*
            }
        }
    };
}

elements!(F32(f32), F64(f64), U8(u8), I32(i32), I64(i64), Bool(bool));

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    /// As numpy's files may have it.
    #[cfg(feature = "npz")]
    Big,
}

/// An element in bytes that mean the same on every machine.
trait Portable<const SIZE: usize>: Sized {
    fn to_le(&self) -> [u8; SIZE];
    fn from_le(bytes: [u8; SIZE]) -> Self;
    #[cfg(feature = "npz")]
    fn from_be(bytes: [u8; SIZE]) -> Self;
}

macro_rules! portable {
    ($($type:ty),*) => {$(
        impl Portable<{ size_of::<$type>() }> for $type {
            fn to_le(&self) -> [u8; size_of::<$type>()] {
                self.to_le_bytes()
            }

            fn from_le(bytes: [u8; size_of::<$type>()]) -> Self {
                Self::from_le_bytes(bytes)
            }

    #[cfg(feature = "npz")]
    fn from_be(bytes: [u8; size_of::<$type>()]) -> Self {
                Self::from_be_bytes(bytes)
            }
        }
    )*};
}

portable!(f32, f64, u8, i32, i64);

impl Portable<1> for bool {
    fn to_le(&self) -> [u8; 1] {
        [u8::from(*self)]
    }

    fn from_le([byte]: [u8; 1]) -> Self {
        byte != 0
    }

    #[cfg(feature = "npz")]
    fn from_be(bytes: [u8; 1]) -> Self {
        Self::from_le(bytes)
    }
}

/// Whether each value is one row of its column. No value is given for the column `without`.
pub(crate) fn check(
    columns: &[ColumnInfo],
    without: Option<usize>,
    values: &[Value<'_>],
) -> Result<()> {
    check_rows(columns, without, 1, values)
}

/// Whether each value is `rows` rows of its column. No value is given for the column `without`.
#[inline]
pub(crate) fn check_rows(
    columns: &[ColumnInfo],
    without: Option<usize>,
    rows: usize,
    values: &[Value<'_>],
) -> Result<()> {
    let expected = columns.len() - usize::from(without.is_some());
    if values.len() != expected {
        return Err(Error::ColumnCount { expected, got: values.len() });
    }
    let columns = columns.iter().enumerate().filter(|&(index, _)| Some(index) != without);
    for ((_, column), value) in columns.zip(values) {
        let name = || column.name().to_owned();
        if value.dtype() != column.dtype() {
            let (expected, got) = (column.dtype(), value.dtype());
            return Err(Error::DType { name: name(), expected, got });
        }
        if Some(value.len()) != rows.checked_mul(column.width()) {
            let (expected, got) = (rows as u128 * column.width() as u128, value.len());
            return Err(Error::Length { name: name(), rows, expected, got });
        }
    }
    Ok(())
}

/// An empty vector, in the memory of one whose values borrowed from something that is gone. The
/// standard library collects a vector's iterator into the memory that it came from.
pub(crate) fn recycle<'a>(mut values: Vec<Value<'_>>) -> Vec<Value<'a>> {
    values.clear();
    values.into_iter().map(|_| unreachable!("it is empty")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schema;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let mut schema = Schema::new();
        schema.column::<i32>("pair", &[2]).unwrap();
        let mut cells = Cells::new(&schema.columns()[0]);
        cells.resize(3, || unreachable!()).unwrap();
        cells.set(2, (&[5, 6]).into());
        cells.set(1, (&[3, 4]).into());
        assert_eq!(cells.row(1), Value::I32(&[3, 4]));
        assert_eq!(cells.rows(0..3), Value::I32(&[0, 0, 3, 4, 5, 6]));
        cells.set_rows(1, 1..3, (&[1, 1, 7, 8, 9, 9]).into());
        assert_eq!(cells.rows(0..3), Value::I32(&[0, 0, 7, 8, 9, 9]));
        let refused = || Error::Capacity;
        assert!(matches!(cells.resize(usize::MAX, refused), Err(Error::Capacity)));
    }

    #[test]
    fn a_recycled_vector_keeps_its_memory() {
        let values: Vec<Value<'_>> = vec![(&[1.0_f32]).into(), (&true).into()];
        let (memory, capacity) = (values.as_ptr().addr(), values.capacity());
        let recycled: Vec<Value<'static>> = recycle(values);
        assert_eq!((recycled.as_ptr().addr(), recycled.capacity()), (memory, capacity));
        assert!(recycled.is_empty());
    }
}
