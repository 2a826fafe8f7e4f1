//! Storage, sampler and eviction put together.

mod account;
mod builder;
mod slots;
mod state;
#[cfg(test)]
mod tests;
mod uses;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use rand::{Rng, RngCore};

pub use account::Account;
pub use builder::BufferBuilder;
use uses::Uses;

use crate::checkpoint::Description;
use crate::directory::{Directory, Items};
use crate::rows::Rows;
use crate::{Batch, ColumnInfo, Error, Eviction, ItemId, ItemIds, Result, Sampler, Schema, Value};

/// A replay buffer: up to `capacity` items, and a [`Sampler`] that says which of them to learn from.
///
/// When it is full, a new item takes the place of the oldest, or of the one that an [`Eviction`]
/// chooses. All memory is taken when it is made; neither pushing nor, once the largest batch has been
/// seen, sampling allocates. The same pushes and the same seed give the same samples.
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_replay::{Batch, Buffer, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// let state = schema.column::<f32>("state", &[2])?;
/// let reward = schema.column::<f32>("reward", &[])?;
/// let mut buffer = Buffer::new(schema, 1000, Uniform::new())?;
///
/// let first = buffer.push(&[(&[0.0_f32, 1.0]).into(), (&0.5_f32).into()])?;
/// buffer.push_batch(2, &[(&[2.0_f32, 3.0, 4.0, 5.0]).into(), (&[0.0_f32, 1.0]).into()])?;
///
/// let mut batch = Batch::new();
/// buffer.sample(64, &mut Xoshiro256PlusPlus::seed_from_u64(0), &mut batch)?;
/// assert_eq!(batch.matrix(state)?.dim(), (64, 2));
///
/// buffer.gather(&[first], &mut batch)?;
/// assert_eq!(batch.values(reward)?, [0.5]);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
pub struct Buffer<S> {
    schema: Arc<Schema>,
    directory: Directory,
    rows: Rows,
    sampler: S,
    eviction: Box<dyn Eviction>,
    uses: Option<Uses>,
    /// The latest item of each stream, where its frames are shared with the next one's.
    latest: Vec<ItemId>,
    account: Account,
    description: Description,
    instance: u64,
    /// The slots and priorities of the items that are still held, while priorities are set.
    held: (Vec<usize>, Vec<f32>),
}

impl Buffer<()> {
    /// Settings for a buffer, to be [built](BufferBuilder::build) with a sampler.
    pub fn builder(schema: Schema, capacity: usize) -> BufferBuilder {
        BufferBuilder::new(schema, capacity)
    }
}

impl<S: Sampler> Buffer<S> {
    /// A buffer for `capacity` items, with all the memory that it will ever need. The memory is
    /// written to here and now, so a system that promises more than it has cannot go back on it
    /// days later. [`Buffer::builder`] makes those with other settings.
    ///
    /// # Errors
    ///
    /// A schema without columns, a capacity of 0, or [`Error::Memory`] where columns and sampler
    /// need more than is available.
    pub fn new(schema: Schema, capacity: usize, sampler: S) -> Result<Self> {
        BufferBuilder::new(schema, capacity).build(sampler)
    }

    /// Adds one item: one value a column, in the order in which the columns were declared. Either
    /// all of it is stored, or, on an error, nothing. The id is stale from the start where the
    /// eviction does not keep the item.
    ///
    /// # Errors
    ///
    /// Too few or too many values, one whose type or length is not its column's, or
    /// [`Error::Stream`].
    pub fn push(&mut self, values: &[Value<'_>]) -> Result<ItemId> {
        self.check(1, values)?;
        Ok(self.insert(0, values))
    }

    /// Adds `rows` items at once: each value holds that many rows of its column, one after another.
    /// It is the same as `rows` times [`Buffer::push`], and faster. Of more rows than the buffer
    /// has room for, the last ones stay, unless an eviction chooses otherwise.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::push`]; nothing is stored then.
    pub fn push_batch(&mut self, rows: usize, values: &[Value<'_>]) -> Result<ItemIds> {
        self.check(rows, values)?;
        let Directory::Ring(ring) = &mut self.directory else {
            (0..rows).for_each(|row| _ = self.insert(row, values));
            return Ok(self.directory.latest(rows));
        };
        let (mut row, mut slot) = (0, ring.head());
        while row < rows {
            let run = (rows - row).min(ring.capacity() - slot);
            self.rows.write(slot, row..row + run, values);
            for (row, slot) in (row..row + run).zip(slot..) {
                self.sampler.inserted(slot, self.schema.arrival(row, values));
                if let Some(uses) = &mut self.uses {
                    uses.inserted(slot);
                }
            }
            row += run;
            slot = 0;
        }
        Ok(ring.advance(rows))
    }

    /// Copies `size` items, drawn by the sampler, into `batch`.
    ///
    /// # Errors
    ///
    /// An empty buffer, a `size` of 0, too little memory for the batch, or what the sampler
    /// refuses. The batch is then either as it was or empty.
    pub fn sample<R: Rng + ?Sized>(
        &mut self,
        size: usize,
        mut rng: &mut R,
        batch: &mut Batch,
    ) -> Result<()> {
        if size == 0 {
            return Err(Error::BatchSize);
        }
        if self.is_empty() {
            return Err(Error::Empty);
        }
        self.prepare(size, batch)?;
        let items = batch.len();
        self.sample_rows(0..items, &mut rng, batch).inspect_err(|_| batch.clear())
    }

    /// Makes `batch` one of this buffer's, with room for `size` draws.
    pub(crate) fn prepare(&self, size: usize, batch: &mut Batch) -> Result<()> {
        let length = self.sampler.sequence_length();
        let items = size.saturating_mul(length);
        batch.prepare(&self.schema, items, length)
    }

    /// Fills in these rows of a batch, as many as the sampler draws at a time or a multiple of it.
    pub(crate) fn sample_rows(
        &mut self,
        rows: Range<usize>,
        rng: &mut dyn RngCore,
        batch: &mut Batch,
    ) -> Result<()> {
        let len = self.len();
        let (slots, items) = (&mut batch.slots[rows.clone()], &mut batch.items[rows.clone()]);
        self.sampler.draw(len, rng, slots, &mut batch.weights[rows.clone()])?;
        if let Some(&slot) = slots.iter().find(|&&slot| slot >= len) {
            return Err(Error::Slot { slot, len });
        }
        for (&slot, item) in slots.iter().zip(items) {
            *item = self.directory.id(slot);
        }
        batch.gather(rows.clone(), &self.rows);
        self.count_uses(&batch.slots[rows]);
        Ok(())
    }

    /// Copies the named items, in this order, into `batch`, with weight 1: for evaluation, or to
    /// look at what was learnt from.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`] names the first item that is no longer held; too little memory for the
    /// batch. The batch is then either as it was or empty.
    pub fn gather(&self, items: &[ItemId], batch: &mut Batch) -> Result<()> {
        if let Some(&stale) = items.iter().find(|&&id| self.directory.slot(id).is_none()) {
            return Err(Error::Stale(stale));
        }
        batch.prepare(&self.schema, items.len(), 1)?;
        batch.items.copy_from_slice(items);
        batch.slots.clear();
        batch.slots.extend(items.iter().filter_map(|&id| self.directory.slot(id)));
        batch.gather(0..items.len(), &self.rows);
        Ok(())
    }

    /// Tells sampler and eviction how much there is to learn from each item: for prioritized replay, the
    /// magnitude of its temporal-difference error. Items that have gone since they were sampled
    /// are skipped; the result is how many there were. Of several priorities for one item
    /// the last counts. A sampler without priorities ignores them.
    ///
    /// # Errors
    ///
    /// Slices of different lengths, or a priority that is negative, NaN or infinite; no priority
    /// has been changed then.
    pub fn set_priorities(&mut self, items: &[ItemId], priorities: &[f32]) -> Result<usize> {
        check_priorities(items.len(), priorities)?;
        let (slots, kept) = &mut self.held;
        slots.clear();
        kept.clear();
        for (&id, &priority) in items.iter().zip(priorities) {
            if let Some(slot) = self.directory.slot(id) {
                slots.push(slot);
                kept.push(priority);
            }
        }
        self.sampler.set_priorities(slots, kept)?;
        self.eviction.set_priorities(slots, kept);
        Ok(items.len() - slots.len())
    }

    /// Tells the sampler which fraction of the training is done, from 0 to 1: what annealed
    /// settings follow, such as [`Prioritized`](crate::Prioritized)'s beta.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] outside `[0, 1]`.
    pub fn set_progress(&mut self, progress: f64) -> Result<()> {
        if !(0.0..=1.0).contains(&progress) {
            let legal = "between 0 and 1";
            return Err(Error::Setting { name: "progress", legal, got: progress });
        }
        self.sampler.set_progress(progress);
        Ok(())
    }

    /// Removes all items. Memory and settings stay; ids given out so far are stale.
    pub fn clear(&mut self) {
        self.directory.clear();
        self.rows.clear();
        self.sampler.cleared();
        self.eviction.cleared();
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.directory.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of items it has room for.
    pub fn capacity(&self) -> usize {
        self.directory.capacity()
    }

    /// The items it holds, oldest first.
    pub fn items(&self) -> Items<'_> {
        self.directory.items()
    }

    /// Whether it still holds this item.
    pub fn contains(&self, id: ItemId) -> bool {
        self.directory.slot(id).is_some()
    }

    /// How often the item has been sampled since it was pushed; `None` where it is no longer held, or
    /// where the buffer does not count ([`BufferBuilder::with_use_counts`]).
    pub fn times_sampled(&self, id: ItemId) -> Option<u32> {
        let slot = self.directory.slot(id)?;
        self.uses.as_ref().map(|uses| uses.count(slot))
    }

    /// Its columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The bytes that it reserved, for items and for all that it knows about them.
    pub fn bytes(&self) -> usize {
        self.account.total()
    }

    /// What the bytes are for.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// How many shared frames it holds, of all columns that share them: see
    /// [`Schema::share_frames`].
    pub fn frames(&self) -> usize {
        self.rows.frames_used()
    }

    /// The sampler.
    pub fn sampler(&self) -> &S {
        &self.sampler
    }

    /// The sampler, to change its settings. One put in its place would know nothing of the items
    /// that are already here.
    pub fn sampler_mut(&mut self) -> &mut S {
        &mut self.sampler
    }

    /// Whether `values` are `rows` rows of each column.
    #[inline]
    fn check(&self, rows: usize, values: &[Value<'_>]) -> Result<()> {
        let columns = self.schema.columns();
        if values.len() != columns.len() {
            return Err(Error::ColumnCount { expected: columns.len(), got: values.len() });
        }
        for (column, value) in columns.iter().zip(values) {
            let expected = rows.checked_mul(column.width());
            if value.dtype() != column.dtype() || Some(value.len()) != expected {
                return Err(misfit(column, rows, value));
            }
        }
        self.schema.check_streams(rows, values)
    }
}

/// Whether these are priorities, and as many as there are items.
pub(crate) fn check_priorities(items: usize, priorities: &[f32]) -> Result<()> {
    if items != priorities.len() {
        return Err(Error::PriorityCount { items, priorities: priorities.len() });
    }
    let illegal = |&priority: &f32| !(0.0..f32::INFINITY).contains(&priority);
    match priorities.iter().position(illegal) {
        Some(index) => Err(Error::Priority { index, value: priorities[index] }),
        None => Ok(()),
    }
}

/// What is wrong with a value that is not `rows` rows of the column.
#[cold]
fn misfit(column: &ColumnInfo, rows: usize, value: &Value<'_>) -> Error {
    let name = column.name().to_owned();
    let (expected, got) = (column.dtype(), value.dtype());
    if got != expected {
        return Error::DType { name, expected, got };
    }
    let expected = rows as u128 * column.width() as u128;
    Error::Length { name, rows, expected, got: value.len() }
}

/// Without the data.
impl<S: fmt::Debug> fmt::Debug for Buffer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("schema", &format_args!("{}", self.schema))
            .field("len", &self.directory.len())
            .field("capacity", &self.directory.capacity())
            .field("bytes", &self.account.total())
            .field("sampler", &self.sampler)
            .field("eviction", &self.eviction)
            .finish()
    }
}
