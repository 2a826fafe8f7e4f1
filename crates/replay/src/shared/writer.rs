//! The side of a shared buffer that pushes.

use std::fmt;
use std::sync::Arc;

use super::handover::{Gone, Lane};
use super::staged::Staged;
use crate::{Error, Result, Schema, Value, cells};

/// Pushes items to a [`SharedBuffer`](super::SharedBuffer), from a thread of its own.
///
/// Items are copied into a block of memory that only this writer has. The block is handed over when it
/// is full, by [`Writer::flush`], and when the writer is dropped, also by a panic; until then the
/// learner does not see the items. Handing over is what a lock is taken for: one that this writer
/// shares with the learner alone, and that nobody holds while items are copied or batches drawn.
///
/// While all blocks are on their way, [`Writer::push`] waits and [`Writer::try_push`] says so. All
/// memory is taken when the writer is made; pushing allocates nothing.
///
/// It is a [`Sink`](crate::Sink): [`NStep`](crate::NStep) and [`Hindsight`](crate::Hindsight) push to
/// it as they do to a buffer. Several environments can take turns with one writer.
pub struct Writer {
    pub(super) schema: Schema,
    pub(super) lane: Arc<Lane<Staged>>,
    /// What is being filled: not full, and there from the first item of a block on.
    pub(super) current: Option<Staged>,
    /// The items of a block.
    pub(super) block: usize,
    /// The number of blocks.
    pub(super) blocks: usize,
}

impl Writer {
    /// Adds one item: one value a column, in the order of the schema. Waits while the memory of this
    /// writer is full of items that the learner has not received.
    ///
    /// # Errors
    ///
    /// Values that do not fit the schema, or [`Error::Stream`]; nothing is added then.
    /// [`Error::Gone`] where the shared buffer has been dropped, which is noticed from one block to
    /// the next: what it had not received is lost.
    #[inline]
    pub fn push(&mut self, values: &[Value<'_>]) -> Result<()> {
        self.check(1, values)?;
        if self.current.is_none() {
            self.current = Some(self.lane.wait_for_empty()?);
        }
        self.add(values)
    }

    /// As [`Writer::push`], without waiting.
    ///
    /// # Errors
    ///
    /// As for [`Writer::push`], and [`Error::Full`] where it would have to wait; nothing is added
    /// then.
    pub fn try_push(&mut self, values: &[Value<'_>]) -> Result<()> {
        self.check(1, values)?;
        if self.current.is_none() {
            let items = self.capacity();
            self.current = Some(self.lane.try_empty()?.ok_or(Error::Full { items })?);
        }
        self.add(values)
    }

    /// Adds `rows` items at once: each value holds that many rows of its column, one after another.
    /// It is the same as `rows` times [`Writer::push`], waits included, and faster.
    ///
    /// # Errors
    ///
    /// As for [`Writer::push`]. With [`Error::Gone`] some of the items may have been added.
    pub fn push_batch(&mut self, rows: usize, values: &[Value<'_>]) -> Result<()> {
        self.check(rows, values)?;
        let mut row = 0;
        while row < rows {
            let mut staged = match self.current.take() {
                Some(staged) => staged,
                None => self.lane.wait_for_empty()?,
            };
            let run = (rows - row).min(self.block - staged.len());
            staged.push_rows(row..row + run, values);
            row += run;
            if staged.len() == self.block {
                self.lane.send(staged)?;
            } else {
                self.current = Some(staged);
            }
        }
        Ok(())
    }

    /// Hands over what has been pushed so far, so that the learner's next
    /// [`receive`](super::SharedBuffer::receive) sees it. It never waits. Call it before this thread
    /// waits for something that the learner does: the learner may be waiting for these very items.
    /// A block that is handed over before it is full counts as one all the same: to flush after every
    /// item leaves room for as many items as there are blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] where the shared buffer has been dropped.
    pub fn flush(&mut self) -> Result<()> {
        match self.current.take() {
            Some(staged) => Ok(self.lane.send(staged)?),
            None => Ok(()),
        }
    }

    /// How many items can be pushed, at least, before a push has to wait: for whoever must not, and
    /// has more than one item to push, such as those of an episode that has ended.
    pub fn room(&self) -> usize {
        let begun = self.current.as_ref().map_or(0, |staged| self.block - staged.len());
        begun + self.lane.empty_blocks() * self.block
    }

    /// The number of items that it has memory for.
    pub fn capacity(&self) -> usize {
        self.block * self.blocks
    }

    /// The columns of an item.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    #[inline]
    fn check(&self, rows: usize, values: &[Value<'_>]) -> Result<()> {
        cells::check_rows(self.schema.columns(), None, rows, values)?;
        self.schema.check_streams(rows, values)
    }

    /// Adds an item to the current block, and hands that over if it is full.
    #[inline]
    fn add(&mut self, values: &[Value<'_>]) -> Result<()> {
        if let Some(staged) = &mut self.current {
            staged.push(values);
            if staged.len() == self.block {
                return self.flush();
            }
        }
        Ok(())
    }
}

/// Hands over what it has.
impl Drop for Writer {
    fn drop(&mut self) {
        // An error says that nobody is there to receive it.
        _ = self.flush();
        self.lane.writer_goes();
    }
}

/// Without the data.
impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("schema", &format_args!("{}", self.schema))
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

impl From<Gone> for Error {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}
