//! What an item is made of: named columns, each with an element type and a shape.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

use crate::{Arrival, DType, Element, Error, Result, Value};

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

/// Columns whose frames are kept once, wherever they occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameGroup {
    /// The elements of one frame.
    pub(crate) width: usize,
    /// The bytes of one frame.
    pub(crate) bytes: usize,
    /// The positions of the columns, and how many frames an item has in each.
    pub(crate) columns: Vec<(usize, usize)>,
}

impl FrameGroup {
    /// How many frames an item has in all columns.
    pub(crate) fn per_item(&self) -> usize {
        self.columns.iter().map(|(_, frames)| frames).sum()
    }
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

    /// Says that an item is the last of its episode where this column is true. Several columns can be
    /// marked, such as *terminated* and *truncated*; any of them ends the episode.
    ///
    /// # Errors
    ///
    /// [`Error::Mark`] for a column that is not a scalar; a handle of another schema.
    pub fn mark_episode_end(&mut self, column: Column<bool>) -> Result<()> {
        let index = self.scalar(column)?;
        if !self.ends.contains(&index) {
            self.ends.push(index);
        }
        Ok(())
    }

    /// Says that this column names the environment that an item comes from, from 0 up to, and not
    /// including, `streams`: items of several environments may then be pushed in any order, as long
    /// as those of one environment are in theirs. Without it, all items are of one stream.
    ///
    /// # Errors
    ///
    /// [`Error::Mark`] for a column that is not a scalar; a handle of another schema;
    /// [`Error::Setting`] for no streams.
    pub fn mark_stream(&mut self, column: Column<i64>, streams: usize) -> Result<()> {
        let index = self.scalar(column)?;
        if streams == 0 {
            return Err(Error::Setting { name: "streams", legal: "at least 1", got: 0.0 });
        }
        self.stream = Some((index, streams));
        Ok(())
    }

    /// Says that these columns are stacks of frames, one on top of the other along the first axis, and
    /// that most frames occur several times: in a stack of the last four images, in the observation
    /// and in the next one, and again in those of the next item. Each is then kept once, with 4 bytes
    /// for each place where it occurs. A buffer of `[4, 84, 84]` observations and next observations
    /// takes an eighth of the bytes, plus one frame or so an episode.
    ///
    /// Nothing changes for who pushes and samples: whole stacks go in and come out. A frame is known
    /// by its content; each item is compared, byte by byte, with the one that came before it in its
    /// stream. So the first and the last item of an episode, and what a truncated one has as its last
    /// observation, are right without a word about them; and frames that do not occur twice are only
    /// kept twice as well.
    ///
    /// # Errors
    ///
    /// [`Error::Frames`] where columns are scalars, have frames of different shapes, or have been
    /// named here before; a handle of another schema.
    pub fn share_frames<T: Element>(&mut self, columns: &[Column<T>]) -> Result<()> {
        self.share(columns, 1)
    }

    /// Says that whole values of these columns occur several times: the next observation of an item
    /// is mostly the observation of the following one. As [`Schema::share_frames`], with one frame a
    /// value. Worth it for more than a dozen numbers or so.
    ///
    /// # Errors
    ///
    /// As for [`Schema::share_frames`].
    pub fn share_values<T: Element>(&mut self, columns: &[Column<T>]) -> Result<()> {
        self.share(columns, 0)
    }

    /// The columns that have their frames in common.
    pub(crate) fn frame_groups(&self) -> &[FrameGroup] {
        &self.groups
    }

    /// The group that a column is in, and how many frames an item has in it.
    pub(crate) fn frames_of(&self, column: usize) -> Option<(usize, usize)> {
        self.groups.iter().enumerate().find_map(|(index, group)| {
            let found = group.columns.iter().find(|(other, _)| *other == column);
            found.map(|&(_, frames)| (index, frames))
        })
    }

    /// The first `axes` axes count frames, the others are the frame.
    fn share<T: Element>(&mut self, columns: &[Column<T>], axes: usize) -> Result<()> {
        let mut group: Option<(FrameGroup, &[usize])> = None;
        for &column in columns {
            let index = self.check(column)?;
            let info = &self.columns[index];
            let refuse = |problem| Err(Error::Frames { name: info.name.clone(), problem });
            if info.shape.len() <= axes {
                return refuse("it has too few dimensions for that");
            }
            let named = group
                .as_ref()
                .is_some_and(|(group, _)| group.columns.iter().any(|(other, _)| *other == index));
            if named || self.frames_of(index).is_some() {
                return refuse("it does so already");
            }
            let (stack, frame) = info.shape.split_at(axes);
            let frames = stack.iter().product();
            let width = frame.iter().product();
            let (group, shape) = group.get_or_insert_with(|| {
                let bytes = width * T::DTYPE.bytes();
                (FrameGroup { width, bytes, columns: Vec::new() }, frame)
            });
            if *shape != frame {
                return refuse("its frames have another shape than those of the first column");
            }
            group.columns.push((index, frames));
        }
        self.groups.extend(group.map(|(group, _)| group));
        Ok(())
    }

    /// The number of streams that items come from.
    pub fn streams(&self) -> usize {
        self.stream.map_or(1, |(_, streams)| streams)
    }

    /// The columns, in the order in which they were declared.
    pub fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    /// The bytes that the columns of one item take when nothing is shared.
    pub fn bytes_per_item(&self) -> usize {
        self.bytes_per_item
    }

    /// Whether all `rows` of `values`, whose types and lengths have been checked, are of streams that
    /// there are.
    #[inline]
    pub(crate) fn check_streams(&self, rows: usize, values: &[Value<'_>]) -> Result<()> {
        let Some((index, streams)) = self.stream else { return Ok(()) };
        let Value::I64(named) = values[index] else { return Ok(()) };
        let legal = |&stream: &i64| usize::try_from(stream).is_ok_and(|stream| stream < streams);
        match named[..rows].iter().find(|stream| !legal(stream)) {
            Some(&got) => {
                Err(Error::Stream { name: self.columns[index].name.clone(), streams, got })
            }
            None => Ok(()),
        }
    }

    /// How the item in this row of `values`, which have been checked, comes.
    #[inline]
    pub(crate) fn arrival(&self, row: usize, values: &[Value<'_>]) -> Arrival {
        if self.stream.is_none() && self.ends.is_empty() {
            return Arrival::default();
        }
        self.marked_arrival(row, values)
    }

    fn marked_arrival(&self, row: usize, values: &[Value<'_>]) -> Arrival {
        let true_at = |&index: &usize| matches!(values[index], Value::Bool(ends) if ends[row]);
        let stream = match self.stream.map(|(index, _)| values[index]) {
            Some(Value::I64(stream)) => stream[row] as usize,
            _ => 0,
        };
        Arrival { stream, ends_episode: self.ends.iter().any(true_at) }
    }

    /// The position of a column with one element an item.
    fn scalar<T: Element>(&self, column: Column<T>) -> Result<usize> {
        let index = self.check(column)?;
        let info = &self.columns[index];
        if info.width != 1 {
            return Err(Error::Mark { name: info.name.clone(), shape: info.shape.clone() });
        }
        Ok(index)
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
    fn marks_say_how_an_item_comes() {
        let mut schema = Schema::new();
        let environment = schema.column::<i64>("environment", &[]).unwrap();
        let terminated = schema.column::<bool>("terminated", &[]).unwrap();
        let truncated = schema.column::<bool>("truncated", &[1]).unwrap();
        let pair = schema.column::<bool>("pair", &[2]).unwrap();
        let values: [Value<'_>; 4] = [
            (&[2_i64, 1, 0]).into(),
            (&[false, true, false]).into(),
            (&[true, false, false]).into(),
            (&[true; 6]).into(),
        ];
        assert_eq!(schema.arrival(0, &values), Arrival::default());
        schema.mark_episode_end(terminated).unwrap();
        schema.mark_episode_end(truncated).unwrap();
        schema.mark_stream(environment, 3).unwrap();
        assert_eq!(schema.streams(), 3);
        let first = Arrival { stream: 2, ends_episode: true };
        assert_eq!(schema.arrival(0, &values), first);
        assert!(schema.check_streams(1, &values).is_ok());
        for got in [3, -1] {
            let streams = [2_i64, got];
            let values = [(&streams).into(), values[1], values[2], values[3]];
            let message = schema.check_streams(2, &values).unwrap_err().to_string();
            let start = r#"column "environment" names the stream of an item: it must be in 0..3"#;
            assert_eq!(message, format!("{start}, got {got}"));
        }
        let message = schema.mark_episode_end(pair).unwrap_err().to_string();
        assert!(message.ends_with("one number an item, got shape [2]"), "{message}");
        assert!(schema.mark_stream(environment, 0).is_err());
    }

    #[test]
    fn columns_that_share_have_frames_of_one_shape() {
        let mut schema = Schema::new();
        let stack = schema.column::<u8>("stack", &[4, 2, 3]).unwrap();
        let single = schema.column::<u8>("single", &[1, 2, 3]).unwrap();
        let other = schema.column::<u8>("other", &[4, 3, 2]).unwrap();
        let scalar = schema.column::<u8>("scalar", &[]).unwrap();
        let before = schema.clone();
        let mut refused = |columns: &[Column<u8>], problem: &str| {
            let message = schema.share_frames(columns).unwrap_err().to_string();
            assert!(message.ends_with(problem), "{message}");
            assert_eq!(schema, before);
        };
        refused(&[stack, other], "another shape than those of the first column");
        refused(&[scalar], "too few dimensions for that");
        refused(&[stack, stack], "it does so already");
        schema.share_frames(&[stack, single]).unwrap();
        assert!(schema.share_values(&[stack]).is_err());
        schema.share_values(&[other]).unwrap();
        assert_eq!(schema.frames_of(1), Some((0, 1)));
        assert_eq!(schema.frames_of(2), Some((1, 1)));
        assert_eq!(schema.frames_of(3), None);
        assert_eq!(schema.frame_groups().iter().map(FrameGroup::per_item).sum::<usize>(), 6);
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
