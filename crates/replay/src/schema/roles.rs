//! What columns mean to the buffer: where an item comes from, where an episode ends, and what occurs
//! several times.

use super::{Column, Schema};
use crate::{Arrival, Element, Error, Result, Value};

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

    /// What the columns are marked with, in words.
    pub(crate) fn marks(&self) -> String {
        let name = |&index: &usize| self.columns[index].name.as_str();
        let ends: Vec<_> = self.ends.iter().map(name).collect();
        let stream = self.stream.map(|(index, streams)| (name(&index), streams));
        let groups = self.groups.iter();
        let groups =
            groups.map(|group| group.columns.iter().map(|(index, _)| name(index)).collect());
        let groups: Vec<Vec<_>> = groups.collect();
        format!("ends {ends:?}, stream {stream:?}, frames in common {groups:?}")
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
