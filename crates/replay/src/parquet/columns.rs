//! Arrow's arrays and our columns: one number an item is a plain array, each dimension of an item
//! a list of fixed size around it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, Int64Type, UInt8Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, OffsetSizeTrait, PrimitiveArray,
};
use arrow_buffer::{BooleanBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

use crate::{ColumnInfo, DType, Value};

/// Arrow's type for one item of a column. A dimension of more than 2³¹ − 1 is a problem.
pub(crate) fn data_type(column: &ColumnInfo) -> Result<DataType, String> {
    let element = match column.dtype() {
        DType::F32 => DataType::Float32,
        DType::F64 => DataType::Float64,
        DType::U8 => DataType::UInt8,
        DType::I32 => DataType::Int32,
        DType::I64 => DataType::Int64,
        DType::Bool => DataType::Boolean,
    };
    column.shape().iter().rev().try_fold(element, |inner, &n| {
        let size = i32::try_from(n).map_err(|_| {
            format!("a dimension of {n} is too large for Parquet, which allows 2^31 - 1")
        })?;
        Ok(DataType::FixedSizeList(Arc::new(Field::new("element", inner, false)), size))
    })
}

/// The element type and shape of a column of this type. Lists without a fixed size have no shape.
pub(crate) fn shape(data_type: &DataType) -> Result<(DType, Vec<usize>), String> {
    let mut shape = Vec::new();
    let mut inner = data_type;
    loop {
        let dtype = match inner {
            DataType::FixedSizeList(field, size) => {
                shape.push(usize::try_from(*size).unwrap_or_default());
                inner = field.data_type();
                continue;
            }
            DataType::Float32 => DType::F32,
            DataType::Float64 => DType::F64,
            DataType::UInt8 => DType::U8,
            DataType::Int32 => DType::I32,
            DataType::Int64 => DType::I64,
            DataType::Boolean => DType::Bool,
            DataType::List(_) | DataType::LargeList(_) => {
                return Err("its lists have no fixed size: declare the column in a schema, with \
                            the shape that all items have, and use read_into"
                    .to_owned());
            }
            other => {
                return Err(format!(
                    "its elements are {other}; a column holds float, double, uint8, int32, int64, \
                     bool or lists of these"
                ));
            }
        };
        return Ok((dtype, shape));
    }
}

/// Checks that a column of this type can hold such items: lists without a fixed size may turn out
/// to have the right one.
pub(crate) fn check(data_type: &DataType, column: &ColumnInfo) -> Result<(), String> {
    let mut inner = data_type;
    for &n in column.shape() {
        inner = match inner {
            DataType::FixedSizeList(_, size) if usize::try_from(*size) != Ok(n) => {
                return Err(other_length(n, usize::try_from(*size).unwrap_or_default()));
            }
            DataType::FixedSizeList(field, _)
            | DataType::List(field)
            | DataType::LargeList(field) => field.data_type(),
            _ => return Err(format!("its items have fewer dimensions than {:?}", column.shape())),
        };
    }
    match shape(inner) {
        Ok((dtype, shape)) if dtype == column.dtype() && shape.is_empty() => Ok(()),
        _ => Err(format!("its elements are {inner}, the column's {}", column.dtype())),
    }
}

/// An array of whole items of a column as Arrow's array.
pub(crate) fn array(value: Value<'_>, column: &ColumnInfo) -> Result<ArrayRef, String> {
    fn primitive<T: ArrowPrimitiveType>(value: &[T::Native]) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(value.to_vec()), None))
    }
    let mut array = match value {
        Value::F32(value) => primitive::<Float32Type>(value),
        Value::F64(value) => primitive::<Float64Type>(value),
        Value::U8(value) => primitive::<UInt8Type>(value),
        Value::I32(value) => primitive::<Int32Type>(value),
        Value::I64(value) => primitive::<Int64Type>(value),
        Value::Bool(value) => Arc::new(BooleanArray::new(BooleanBuffer::from(value), None)),
    };
    let mut data_type = data_type(column)?;
    let mut lists = Vec::new();
    while let DataType::FixedSizeList(field, size) = data_type {
        data_type = field.data_type().clone();
        lists.push((field, size));
    }
    for (field, size) in lists.into_iter().rev() {
        let list = FixedSizeListArray::try_new(field, size, array, None);
        array = Arc::new(list.map_err(|error| error.to_string())?);
    }
    Ok(array)
}

/// The elements of `array`, items of this column. `flags` holds them where they are bool, which
/// Arrow keeps as bits.
pub(crate) fn elements<'a>(
    array: &'a ArrayRef,
    column: &ColumnInfo,
    flags: &'a mut Vec<bool>,
) -> Result<Value<'a>, String> {
    let items = array.len();
    let (mut array, mut range) = (array, 0..items);
    let missing = |array: &ArrayRef| {
        let problem = || "some of its values are missing (null); a column has a value everywhere";
        (array.null_count() > 0).then(problem).map_or(Ok(()), |problem| Err(problem.to_owned()))
    };
    for &n in column.shape() {
        missing(array)?;
        // The lists in `range`, one after another, are a range of the array that they are made of.
        let (inner, of_inner) = match array.data_type() {
            DataType::FixedSizeList(..) => {
                let lists = array.as_fixed_size_list();
                if lists.value_length() as usize != n {
                    return Err(other_length(n, lists.value_length() as usize));
                }
                (lists.values(), range.start * n..range.end * n)
            }
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                (lists.values(), equal_lists(lists.offsets(), range, n)?)
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                (lists.values(), equal_lists(lists.offsets(), range, n)?)
            }
            _ => return Err(format!("its items have fewer dimensions than {:?}", column.shape())),
        };
        (array, range) = (inner, of_inner);
    }
    missing(array)?;
    if range.end > array.len() || range.len() != items * column.width() {
        return Err("its lists reach past their elements".to_owned());
    }
    let misfit =
        || format!("its elements are {}, the column's {}", array.data_type(), column.dtype());
    Ok(match column.dtype() {
        DType::F32 => Value::F32(&values::<Float32Type>(array).ok_or_else(misfit)?[range]),
        DType::F64 => Value::F64(&values::<Float64Type>(array).ok_or_else(misfit)?[range]),
        DType::U8 => Value::U8(&values::<UInt8Type>(array).ok_or_else(misfit)?[range]),
        DType::I32 => Value::I32(&values::<Int32Type>(array).ok_or_else(misfit)?[range]),
        DType::I64 => Value::I64(&values::<Int64Type>(array).ok_or_else(misfit)?[range]),
        DType::Bool => {
            let bits = array.as_boolean_opt().ok_or_else(misfit)?.values();
            flags.clear();
            flags.extend(bits.slice(range.start, range.len()).iter());
            Value::Bool(flags)
        }
    })
}

fn values<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<&[T::Native]> {
    Some(array.as_primitive_opt::<T>()?.values())
}

/// The elements of these lists, if each list has `n` of them.
fn equal_lists<O: OffsetSizeTrait>(
    offsets: &OffsetBuffer<O>,
    lists: std::ops::Range<usize>,
    n: usize,
) -> Result<std::ops::Range<usize>, String> {
    let offsets = &offsets[lists.start..=lists.end];
    for pair in offsets.windows(2) {
        let len = pair[1].as_usize().saturating_sub(pair[0].as_usize());
        if len != n {
            return Err(other_length(n, len));
        }
    }
    Ok(offsets[0].as_usize()..offsets[offsets.len() - 1].as_usize())
}

fn other_length(expected: usize, got: usize) -> String {
    format!("one of its lists has {got} elements, the column's shape says {expected}")
}
