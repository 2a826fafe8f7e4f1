//! The types that a column can hold. Everything that has to be said once for each of them is made
//! by one macro at the end of the file.

use std::fmt;
use std::ops::Range;

use crate::{Error, Result, memory};

/// A type that a column can hold: `f32`, `f64`, `u8`, `i32`, `i64` or `bool`.
///
/// The list is closed, so that files and other languages can be sure of what they will meet.
pub trait Element: sealed::Stored + Copy + Default + fmt::Debug + PartialEq + 'static {
    /// The type as a value.
    const DTYPE: DType;
}

pub(crate) mod sealed {
    use super::{Data, Value};

    /// Finds the vector of this type in [`Data`], makes a [`Value`] of a slice, and finds it again.
    pub trait Stored: Sized {
        fn slice(data: &Data) -> Option<&[Self]>;
        fn value(slice: &[Self]) -> Value<'_>;
        fn of(value: Value<'_>) -> Option<&[Self]>;
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An element as the bytes that it is stored as.
trait Bytes<const SIZE: usize>: Copy {
    fn to_bytes(self) -> [u8; SIZE];
    fn from_bytes(bytes: [u8; SIZE]) -> Self;
}

/// Where the elements of one column are: `width` of them from `offset` on in every row, and rows
/// `stride` bytes apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    pub(crate) width: usize,
    pub(crate) stride: usize,
}

/// Copies the column of the row that begins at byte `starts[i]` to row `i` of `out`.
fn gather<T: Bytes<SIZE>, const SIZE: usize>(
    bytes: &[u8],
    place: Place,
    starts: &[usize],
    out: &mut [T],
) {
    let bytes = &bytes[place.offset..];
    // The loop over rows is compiled for each usual width, so that a row is a few moves in line
    // and the processor overlaps the cache misses of many rows.
    match place.width {
        1 => gather_fixed::<T, SIZE, 1>(bytes, starts, out),
        2 => gather_fixed::<T, SIZE, 2>(bytes, starts, out),
        3 => gather_fixed::<T, SIZE, 3>(bytes, starts, out),
        4 => gather_fixed::<T, SIZE, 4>(bytes, starts, out),
        6 => gather_fixed::<T, SIZE, 6>(bytes, starts, out),
        8 => gather_fixed::<T, SIZE, 8>(bytes, starts, out),
        width => {
            for (&start, row) in starts.iter().zip(out.chunks_exact_mut(width)) {
                read(&bytes[start..][..width * SIZE], row);
            }
        }
    }
}

fn gather_fixed<T: Bytes<SIZE>, const SIZE: usize, const WIDTH: usize>(
    bytes: &[u8],
    starts: &[usize],
    out: &mut [T],
) {
    let (out, _) = out.as_chunks_mut::<WIDTH>();
    for (&start, row) in starts.iter().zip(out) {
        read(&bytes[start..][..WIDTH * SIZE], row);
    }
}

#[inline]
fn read<T: Bytes<SIZE>, const SIZE: usize>(bytes: &[u8], out: &mut [T]) {
    let (bytes, _) = bytes.as_chunks::<SIZE>();
    for (out, &bytes) in out.iter_mut().zip(bytes) {
        *out = T::from_bytes(bytes);
    }
}

/// Copies the rows of `value` to the column's place in the rows from `slot` on.
#[inline]
fn scatter<T: Bytes<SIZE>, const SIZE: usize>(
    bytes: &mut [u8],
    place: Place,
    slot: usize,
    value: &[T],
) {
    let mut at = slot * place.stride + place.offset;
    let mut rest = value;
    // `chunks_exact` would divide first, which takes as long as all the rest of a push.
    while let Some((row, after)) = rest.split_at_checked(place.width) {
        put(&mut bytes[at..], row);
        if after.is_empty() {
            break;
        }
        rest = after;
        at += place.stride;
    }
}

/// Copies one row to the front of `bytes`. The usual widths are a move or two in line.
#[inline]
fn put<T: Bytes<SIZE>, const SIZE: usize>(bytes: &mut [u8], row: &[T]) {
    match row {
        [scalar] => bytes[..SIZE].copy_from_slice(&scalar.to_bytes()),
        [a, b, c, d] => write(&mut bytes[..4 * SIZE], &[*a, *b, *c, *d]),
        _ => write(&mut bytes[..size_of_val(row)], row),
    }
}

#[inline]
fn write<T: Bytes<SIZE>, const SIZE: usize>(bytes: &mut [u8], row: &[T]) {
    let (bytes, _) = bytes.as_chunks_mut::<SIZE>();
    for (bytes, &element) in bytes.iter_mut().zip(row) {
        *bytes = element.to_bytes();
    }
}

/// Whether the elements are stored as these bytes. Blocks are compared without a branch inside, so
/// that many bytes are compared at a time.
fn equals<T: Bytes<SIZE>, const SIZE: usize>(bytes: &[u8], elements: &[T]) -> bool {
    let (bytes, _) = bytes.as_chunks::<SIZE>();
    let mut blocks = elements.chunks(64).zip(bytes.chunks(64));
    blocks.all(|(elements, bytes)| {
        let pairs = elements.iter().zip(bytes);
        pairs.fold(true, |equal, (element, bytes)| equal & (element.to_bytes() == *bytes))
    })
}

macro_rules! elements {
    ($($variant:ident($type:ident, $to:expr, $from:expr)),* $(,)?) => {
        /// The element type of a column, as a value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DType {
            $(#[doc = concat!("`", stringify!($type), "`")] $variant,)*
        }

        impl DType {
            /// The name of the Rust type.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($type),)*
                }
            }

            /// The bytes that one element takes.
            pub fn bytes(self) -> usize {
                match self {
                    $(Self::$variant => size_of::<$type>(),)*
                }
            }

            /// Storage for elements of this type, still empty.
            pub(crate) fn data(self) -> Data {
                match self {
                    $(Self::$variant => Data::$variant(Vec::new()),)*
                }
            }
        }

        /// What is pushed into one column: a row of it, or the rows of a batch one after another.
        ///
        /// It borrows, and is made with `into()` from `&[T]`, `&[T; N]`, `&Vec<T>` or, for a
        /// scalar, `&T`.
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[non_exhaustive]
        pub enum Value<'a> {
            $(#[doc = concat!("Elements of type `", stringify!($type), "`.")]
            $variant(&'a [$type]),)*
        }

        impl<'a> Value<'a> {
            /// The type of its elements.
            pub fn dtype(&self) -> DType {
                match self {
                    $(Self::$variant(_) => DType::$variant,)*
                }
            }

            /// The number of elements.
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$variant(value) => value.len(),)*
                }
            }

            /// Whether it has no elements.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Stores one row of elements, at the place of the column in these bytes of a row.
            #[inline]
            pub(crate) fn put(&self, row: usize, bytes: &mut [u8], place: Place) {
                match *self {
                    $(Self::$variant(value) => {
                        put(&mut bytes[place.offset..], &value[row * place.width..][..place.width]);
                    })*
                }
            }

            /// Whether elements `range` are, bit by bit, those stored as `bytes`.
            pub(crate) fn equals(&self, range: Range<usize>, bytes: &[u8]) -> bool {
                match *self {
                    $(Self::$variant(value) => equals(bytes, &value[range]),)*
                }
            }

            /// Stores elements `range`, whole rows, in the rows from `slot` on.
            #[inline]
            pub(crate) fn scatter(
                &self,
                range: Range<usize>,
                bytes: &mut [u8],
                place: Place,
                slot: usize,
            ) {
                match *self {
                    $(Self::$variant(value) => scatter(bytes, place, slot, &value[range]),)*
                }
            }
        }

        /// All elements of a column, in one vector.
        #[derive(Clone)]
        pub enum Data {
            $($variant(Vec<$type>),)*
        }

        impl Data {
            /// Sets the number of elements, as [`memory::resize`] does; new ones are zero.
            pub(crate) fn resize(&mut self, len: usize, refused: impl Fn() -> Error) -> Result<()> {
                match self {
                    $(Self::$variant(data) => {
                        memory::resize(data, len, <$type>::default(), refused)
                    })*
                }
            }

            /// Removes all elements; the memory stays.
            pub(crate) fn clear(&mut self) {
                match self {
                    $(Self::$variant(data) => data.clear(),)*
                }
            }

            /// The number of elements that fit without growing.
            pub(crate) fn capacity(&self) -> usize {
                match self {
                    $(Self::$variant(data) => data.capacity(),)*
                }
            }

            /// Copies a column of the rows that begin at the bytes `starts`, in this order, out of
            /// stored `bytes` to the rows from `row` on.
            pub(crate) fn gather(
                &mut self,
                row: usize,
                bytes: &[u8],
                place: Place,
                starts: &[usize],
            ) {
                let first = row * place.width;
                let elements = first..first + starts.len() * place.width;
                match self {
                    $(Self::$variant(out) => gather(bytes, place, starts, &mut out[elements]),)*
                }
            }
        }

        $(
            impl Bytes<{ size_of::<$type>() }> for $type {
                #[inline]
                fn to_bytes(self) -> [u8; size_of::<$type>()] {
                    $to(self)
                }

                #[inline]
                fn from_bytes(bytes: [u8; size_of::<$type>()]) -> Self {
                    $from(bytes)
                }
            }

            impl Element for $type {
                const DTYPE: DType = DType::$variant;
            }

            impl sealed::Stored for $type {
                fn slice(data: &Data) -> Option<&[Self]> {
                    if let Data::$variant(data) = data { Some(data) } else { None }
                }

                fn value(slice: &[Self]) -> Value<'_> {
                    Value::$variant(slice)
                }

                fn of(value: Value<'_>) -> Option<&[Self]> {
                    if let Value::$variant(slice) = value { Some(slice) } else { None }
                }
            }

            impl<'a> From<&'a [$type]> for Value<'a> {
                fn from(value: &'a [$type]) -> Self {
                    Self::$variant(value)
                }
            }

            impl<'a, const N: usize> From<&'a [$type; N]> for Value<'a> {
                fn from(value: &'a [$type; N]) -> Self {
                    Self::$variant(value)
                }
            }

            impl<'a> From<&'a Vec<$type>> for Value<'a> {
                fn from(value: &'a Vec<$type>) -> Self {
                    Self::$variant(value)
                }
            }

            impl<'a> From<&'a $type> for Value<'a> {
                fn from(value: &'a $type) -> Self {
                    Self::$variant(std::slice::from_ref(value))
                }
            }
        )*
    };
}

elements!(
    F32(f32, f32::to_ne_bytes, f32::from_ne_bytes),
    F64(f64, f64::to_ne_bytes, f64::from_ne_bytes),
    U8(u8, u8::to_ne_bytes, u8::from_ne_bytes),
    I32(i32, i32::to_ne_bytes, i32::from_ne_bytes),
    I64(i64, i64::to_ne_bytes, i64::from_ne_bytes),
    Bool(bool, |x| [u8::from(x)], |[x]: [u8; 1]| x != 0),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_bit_by_bit() {
        for len in [1, 63, 64, 65, 200] {
            let mut numbers: Vec<f32> = (0..len).map(|n| n as f32).collect();
            numbers[len / 2] = f32::NAN;
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_ne_bytes()).collect();
            assert!(Value::from(&numbers).equals(0..len, &bytes));
            for at in [0, len - 1] {
                let mut other = numbers.clone();
                other[at] = -7.5;
                assert!(!Value::from(&other).equals(0..len, &bytes));
            }
        }
        assert!(!Value::from(&[0.0_f32]).equals(0..1, &(-0.0_f32).to_ne_bytes()));
        assert!(Value::from(&[9_u8, 1, 2]).equals(1..3, &[1, 2]));
    }

    #[test]
    fn a_value_is_made_from_whatever_is_contiguous() {
        let vector = vec![1_u8, 2];
        assert_eq!(Value::from(&vector), Value::U8(&[1, 2]));
        assert_eq!(Value::from(&vector[..1]), Value::U8(&[1]));
        assert_eq!(Value::from(&[1.0_f64, 2.0]), Value::F64(&[1.0, 2.0]));
        assert_eq!(Value::from(&true), Value::Bool(&[true]));
        assert_eq!(Value::from(&7_i64).dtype().to_string(), "i64");
    }
}
