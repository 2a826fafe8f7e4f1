//! What an item is made of: named columns, each with an element type and a shape.

mod roles;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

pub(crate) use roles::FrameGroup;

use crate::{DType, Element, Error, Result};

/// The columns of a buffer, in the order in which their values are pushed.
///
/// # Example
///
/// ```
/// use reflux_replay::Schema;
///
/// let mut schema = Schema::new();
/// let observation = schema.column::<u8>("observation", &[4, 84, 84])?;
/// let action = schema.column::<i64>("action", &[])?; // shape [] is one scalar an item
/// assert_eq!(schema.bytes_per_item(), 4 * 84 * 84 + 8);
/// assert_eq!(schema.to_string(), "observation: u8[4, 84, 84], action: i64[]");
/// assert_eq!(schema.find::<i64>("action")?, action);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    columns: Vec<ColumnInfo>,
    bytes_per_item: usize,
    /// The columns that end an episode where they are true.
    ends: Vec<usize>,
    /// The column that names the stream, and how many streams there are.
    stream: Option<(usize, usize)>,
    /// The columns that have their frames in common.
    groups: Vec<FrameGroup>,
}

impl Schema {
    /// A schema without columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares the next column: a name, the shape that one item has in it, and, as the type
    /// parameter, the type of its elements. The handle reads it from a [`Batch`](crate::Batch).
    ///
    /// # Errors
    ///
    /// A name that is taken; a shape with a 0 in it or with more bytes than can be addressed.
    pub fn column<T: Element>(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
    ) -> Result<Column<T>> {
        let name = name.into();
        if self.position(&name).is_some() {
            return Err(Error::DuplicateColumn(name));
        }
        let refuse =
            |problem| Err(Error::Shape { name: name.clone(), shape: shape.to_vec(), problem });
        if shape.contains(&0) {
            return refuse("every dimension must be at least 1");
        }
        let Some(width) = shape.iter().try_fold(1_usize, |width, &n| width.checked_mul(n)) else {
            return refuse("an item has more elements than can be addressed");
        };
        let bytes = width
            .checked_mul(T::DTYPE.bytes())
            .and_then(|bytes| bytes.checked_add(self.bytes_per_item))
            .filter(|&bytes| isize::try_from(bytes).is_ok());
        let Some(bytes) = bytes else {
            return refuse("an item has more bytes than can be addressed");
        };
        self.bytes_per_item = bytes;
        let index = self.columns.len();
        self.columns.push(ColumnInfo::new(index, name, T::DTYPE, shape, width));
        Ok(self.handle(index))
    }

    /// Declares the next column, of a type that is known only when the program runs: for whoever
    /// reads schemas from somewhere. [`Schema::find`] gives the handle.
    ///
    /// # Errors
    ///
    /// As for [`Schema::column`].
    pub fn column_of(
        &mut self,
        name: impl Into<String>,
        dtype: DType,
        shape: &[usize],
    ) -> Result<()> {
        match dtype {
            DType::F32 => self.column::<f32>(name, shape).map(drop),
            DType::F64 => self.column::<f64>(name, shape).map(drop),
            DType::U8 => self.column::<u8>(name, shape).map(drop),
            DType::I32 => self.column::<i32>(name, shape).map(drop),
            DType::I64 => self.column::<i64>(name, shape).map(drop),
            DType::Bool => self.column::<bool>(name, shape).map(drop),
        }
    }

    /// The handle of the column of this name, for whoever did not declare it.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`], or [`Error::DType`] where it holds another type than `T`.
    pub fn find<T: Element>(&self, name: &str) -> Result<Column<T>> {
        let index = self.position(name).ok_or_else(|| Error::UnknownColumn {
            name: name.to_owned(),
            columns: self.to_string(),
        })?;
        match self.columns[index].dtype {
            dtype if dtype == T::DTYPE => Ok(self.handle(index)),
            expected => Err(Error::DType { name: name.to_owned(), expected, got: T::DTYPE }),
        }
    }

    /// The columns, in the order in which they were declared.
    pub fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    /// The bytes that the columns of one item take when nothing is shared.
    pub fn bytes_per_item(&self) -> usize {
        self.bytes_per_item
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    fn handle<T: Element>(&self, index: usize) -> Column<T> {
        let fingerprint = self.columns[index].fingerprint;
        Column { index, fingerprint, element: PhantomData }
    }

    /// The position of the handle's column, if it is one of this schema's.
    pub(crate) fn check<T: Element>(&self, handle: Column<T>) -> Result<usize> {
        match self.columns.get(handle.index) {
            Some(column) if column.fingerprint == handle.fingerprint => Ok(handle.index),
            _ => Err(Error::ForeignColumn {
                index: handle.index,
                dtype: T::DTYPE,
                columns: self.to_string(),
            }),
        }
    }
}

/// `observation: f32[4], action: i64[]`
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.columns.is_empty() {
            return f.write_str("none");
        }
        for (index, column) in self.columns.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}{:?}", column.name, column.dtype, column.shape)?;
        }
        Ok(())
    }
}

/// Name, element type and shape of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    width: usize,
    fingerprint: u64,
}

impl ColumnInfo {
    fn new(index: usize, name: String, dtype: DType, shape: &[usize], width: usize) -> Self {
        let mut hasher = DefaultHasher::new();
        (index, &name, dtype, shape).hash(&mut hasher);
        Self { name, dtype, shape: shape.to_vec(), width, fingerprint: hasher.finish() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape of one item; `[]` for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements of one item: the product of the shape.
    pub fn width(&self) -> usize {
        self.width
    }
}

/// A handle that names a column and knows the type of its elements, so that reading it needs
/// neither a look-up by name nor a cast.
///
/// It fits every schema that has a column of the same name, type and shape at the same place; any
/// other refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Column<T> {
    index: usize,
    fingerprint: u64,
    element: PhantomData<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_fits_an_equal_schema_and_no_other() {
        let mut schema = Schema::new();
        schema.column::<f32>("a", &[2]).unwrap();
        let b = schema.column::<f32>("b", &[2]).unwrap();
        assert_eq!(schema.clone().check(b).unwrap(), 1);

        let mut other = Schema::new();
        assert!(matches!(other.check(b), Err(Error::ForeignColumn { index: 1, .. })));
        other.column::<f32>("b", &[2]).unwrap(); // the same column at another place
        other.column::<f32>("c", &[2]).unwrap(); // another column at the same place
        let error = other.check(b).unwrap_err().to_string();
        assert!(error.ends_with("the columns here are b: f32[2], c: f32[2]"), "{error}");
    }

    #[test]
    fn a_bad_column_is_refused_and_leaves_the_schema_as_it_was() {
        let mut schema = Schema::new();
        schema.column::<f32>("reward", &[]).unwrap();
        let before = schema.clone();
        let error = schema.column::<bool>("reward", &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the schema already has a column named "reward": names must differ"#
        );
        for shape in [&[3, 0][..], &[usize::MAX, 2], &[usize::MAX / 4], &[1 << 61]] {
            assert!(matches!(schema.column::<f64>("x", shape), Err(Error::Shape { .. })));
        }
        assert_eq!(schema, before);
    }

    #[test]
    fn find_checks_name_and_type() {
        let mut schema = Schema::new();
        let reward = schema.column::<f32>("reward", &[]).unwrap();
        assert_eq!(schema.find("reward").unwrap(), reward);
        assert_eq!(
            schema.find::<f32>("rewards").unwrap_err().to_string(),
            r#"there is no column named "rewards"; the columns are reward: f32[]"#
        );
        assert_eq!(
            schema.find::<f64>("reward").unwrap_err().to_string(),
            r#"column "reward" holds f32, got f64"#
        );
    }
}
