//! Storage and sampler put together.

use std::fmt;
use std::sync::Arc;

use rand::{Rng, RngCore};

use crate::ring::Ring;
use crate::rows::Rows;
use crate::{Batch, ColumnInfo, Error, ItemId, ItemIds, Result, Sampler, Schema, Value, memory};

/// A replay buffer: the last `capacity` items, and a [`Sampler`] that says which of them to learn
/// from.
///
/// When it is full, a new item takes the place of the oldest. All memory is taken by
/// [`Buffer::new`]; neither pushing nor, once the largest batch has been seen, sampling allocates.
/// The same pushes and the same seed give the same samples.
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
    ring: Ring,
    rows: Rows,
    sampler: S,
    bytes: u128,
    /// The slots and priorities of the items that are still held, while priorities are set.
    held: (Vec<usize>, Vec<f32>),
}

impl<S: Sampler> Buffer<S> {
    /// A buffer for `capacity` items, with all the memory that it will ever need. The memory is
    /// written to here and now, so a system that promises more than it has cannot go back on it
    /// days later.
    ///
    /// # Errors
    ///
    /// A schema without columns, a capacity of 0, or [`Error::Memory`] where columns and sampler
    /// need more than is available.
    pub fn new(schema: Schema, capacity: usize, mut sampler: S) -> Result<Self> {
        if schema.columns().is_empty() {
            return Err(Error::NoColumns);
        }
        if capacity == 0 {
            return Err(Error::Capacity);
        }
        let bytes = (capacity as u128)
            .saturating_mul(schema.bytes_per_item() as u128)
            .saturating_add(sampler.bytes(capacity));
        let what = || format!("a buffer of {capacity} items");
        memory::check(what, bytes)?;

        let refused = || memory::refused(what(), bytes);
        let rows = Rows::new(&schema, capacity, refused)?;
        sampler.reserve(capacity)?;
        let held = (Vec::new(), Vec::new());
        Ok(Self { schema: Arc::new(schema), ring: Ring::new(capacity), rows, sampler, bytes, held })
    }

    /// Adds one item: one value a column, in the order in which the columns were declared. Either
    /// all of it is stored, or, on an error, nothing.
    ///
    /// # Errors
    ///
    /// Too few or too many values, or one whose type or length is not its column's.
    pub fn push(&mut self, values: &[Value<'_>]) -> Result<ItemId> {
        self.check(1, values)?;
        let slot = self.ring.head();
        self.rows.write(slot, 0..1, values);
        self.sampler.inserted(slot);
        Ok(self.ring.advance_one())
    }

    /// Adds `rows` items at once: each value holds that many rows of its column, one after another.
    /// It is the same as `rows` times [`Buffer::push`], and faster. Of more rows than the buffer
    /// has room for, the last ones stay.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::push`]; nothing is stored then.
    pub fn push_batch(&mut self, rows: usize, values: &[Value<'_>]) -> Result<ItemIds> {
        self.check(rows, values)?;
        // Of the rows that would be overwritten at once nothing is seen but their ids.
        let mut row = rows.saturating_sub(self.capacity());
        let mut slot = self.ring.head_after(row);
        while row < rows {
            let run = (rows - row).min(self.capacity() - slot);
            self.rows.write(slot, row..row + run, values);
            (slot..slot + run).for_each(|slot| self.sampler.inserted(slot));
            row += run;
            slot = 0;
        }
        Ok(self.ring.advance(rows))
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
        batch.prepare(&self.schema, size)?;
        self.draw(&mut rng, batch).inspect_err(|_| batch.clear())?;
        batch.gather(&self.rows);
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
        if let Some(&stale) = items.iter().find(|&&id| self.ring.slot(id).is_none()) {
            return Err(Error::Stale(stale));
        }
        batch.prepare(&self.schema, items.len())?;
        batch.items.copy_from_slice(items);
        batch.slots.clear();
        batch.slots.extend(items.iter().filter_map(|&id| self.ring.slot(id)));
        batch.gather(&self.rows);
        Ok(())
    }

    /// Tells the sampler how much there is to learn from each item: for prioritized replay, the
    /// magnitude of its temporal-difference error. Items that have been overwritten since they were
    /// sampled are skipped; the result is how many there were. Of several priorities for one item
    /// the last counts. A sampler without priorities ignores them.
    ///
    /// # Errors
    ///
    /// Slices of different lengths, or a priority that is negative, NaN or infinite; no priority
    /// has been changed then.
    pub fn set_priorities(&mut self, items: &[ItemId], priorities: &[f32]) -> Result<usize> {
        if items.len() != priorities.len() {
            let (items, priorities) = (items.len(), priorities.len());
            return Err(Error::PriorityCount { items, priorities });
        }
        let illegal = |&priority: &f32| !(0.0..f32::INFINITY).contains(&priority);
        if let Some(index) = priorities.iter().position(illegal) {
            return Err(Error::Priority { index, value: priorities[index] });
        }
        let (slots, kept) = &mut self.held;
        slots.clear();
        kept.clear();
        for (&id, &priority) in items.iter().zip(priorities) {
            if let Some(slot) = self.ring.slot(id) {
                slots.push(slot);
                kept.push(priority);
            }
        }
        self.sampler.set_priorities(slots, kept)?;
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
        self.ring.clear();
        self.sampler.cleared();
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.ring.len() == 0
    }

    /// The number of items it has room for.
    pub fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    /// The items it holds, oldest first.
    pub fn items(&self) -> ItemIds {
        self.ring.items()
    }

    /// Its columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The bytes that it reserved for its items and their priorities.
    pub fn bytes(&self) -> usize {
        self.bytes as usize
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
        Ok(())
    }

    /// Fills in the slots, ids and weights of a batch.
    fn draw(&mut self, rng: &mut dyn RngCore, batch: &mut Batch) -> Result<()> {
        let len = self.len();
        self.sampler.draw(len, rng, &mut batch.slots, &mut batch.weights)?;
        for (&slot, item) in batch.slots.iter().zip(&mut batch.items) {
            if slot >= len {
                return Err(Error::Slot { slot, len });
            }
            *item = self.ring.id(slot);
        }
        Ok(())
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
            .field("len", &self.ring.len())
            .field("capacity", &self.ring.capacity())
            .field("bytes", &self.bytes)
            .field("sampler", &self.sampler)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::{Column, Prioritized, Uniform};

    /// Rows of a scalar and a pair.
    fn buffer<S: Sampler>(capacity: usize, sampler: S) -> (Buffer<S>, Column<i64>, Column<f32>) {
        let mut schema = Schema::new();
        let scalar = schema.column("scalar", &[]).unwrap();
        let pair = schema.column("pair", &[2]).unwrap();
        (Buffer::new(schema, capacity, sampler).unwrap(), scalar, pair)
    }

    fn push<S: Sampler>(buffer: &mut Buffer<S>, n: i64) -> ItemId {
        buffer.push(&[(&n).into(), (&[n as f32, -n as f32]).into()]).unwrap()
    }

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(5)
    }

    #[test]
    fn the_oldest_items_are_overwritten_first() {
        let (mut buffer, scalar, pair) = buffer(3, Uniform::new());
        let ids: Vec<_> = (0..5).map(|n| push(&mut buffer, n)).collect();
        assert_eq!((buffer.len(), buffer.capacity(), buffer.is_empty()), (3, 3, false));
        assert!(buffer.items().eq(ids[2..].iter().copied()));

        let mut batch = Batch::new();
        buffer.gather(&ids[2..], &mut batch).unwrap();
        assert_eq!(batch.values(scalar).unwrap(), [2, 3, 4]);
        assert_eq!(batch.values(pair).unwrap(), [2.0, -2.0, 3.0, -3.0, 4.0, -4.0]);
        assert_eq!(batch.matrix(pair).unwrap()[[1, 1]], -3.0);
        assert_eq!(batch.matrix(scalar).unwrap().dim(), (3, 1));
        assert_eq!(batch.array(scalar).unwrap().shape(), [3]);
        assert_eq!((batch.items(), batch.weights()), (&ids[2..], &[1.0; 3][..]));

        assert!(matches!(buffer.gather(&ids, &mut batch), Err(Error::Stale(id)) if id == ids[0]));
        assert_eq!(batch.len(), 3, "an error leaves the batch alone");
    }

    #[test]
    fn a_column_comes_back_in_its_shape() {
        let mut schema = Schema::new();
        let image = schema.column::<u8>("image", &[2, 3]).unwrap();
        let mut buffer = Buffer::new(schema, 4, Uniform::new()).unwrap();
        let id = buffer.push(&[(&[0_u8, 1, 2, 3, 4, 5]).into()]).unwrap();
        let mut batch = Batch::new();
        buffer.gather(&[id, id], &mut batch).unwrap();
        let array = batch.array(image).unwrap();
        assert_eq!(array.shape(), [2, 2, 3]);
        assert_eq!(array[[1, 1, 2]], 5);
        assert_eq!(batch.matrix(image).unwrap().dim(), (2, 6));
    }

    #[test]
    fn one_batch_serves_buffers_of_different_columns() {
        let (mut one, scalar, _) = buffer(3, Uniform::new());
        push(&mut one, 7);
        let mut schema = Schema::new();
        let flag = schema.column::<bool>("flag", &[]).unwrap();
        let mut two = Buffer::new(schema, 3, Uniform::new()).unwrap();
        two.push(&[(&true).into()]).unwrap();

        let mut batch = Batch::new();
        assert!(matches!(batch.values(scalar), Err(Error::ForeignColumn { .. })));
        one.sample(4, &mut rng(), &mut batch).unwrap();
        assert_eq!(batch.values(scalar).unwrap(), [7; 4]);
        two.sample(2, &mut rng(), &mut batch).unwrap();
        assert_eq!(batch.values(flag).unwrap(), [true; 2]);
        assert!(matches!(batch.matrix(scalar), Err(Error::ForeignColumn { .. })));
        assert!(matches!(batch.array(scalar), Err(Error::ForeignColumn { .. })));
    }

    #[test]
    fn a_push_that_fails_stores_nothing() {
        let (mut buffer, ..) = buffer(3, Uniform::new());
        let good = Value::from(&1_i64);
        let message = |result: Result<ItemId>| result.unwrap_err().to_string();
        assert_eq!(message(buffer.push(&[good])), "one value a column is needed, 2 in all, got 1");
        assert_eq!(
            message(buffer.push(&[good, (&[1.0_f64, 2.0]).into()])),
            r#"column "pair" holds f32, got f64"#
        );
        assert_eq!(
            message(buffer.push(&[good, (&[1.0_f32]).into()])),
            r#"column "pair" needs 2 elements for 1 rows, got 1"#
        );
        let pairs = [0.0_f32; 4];
        let result = buffer.push_batch(3, &[(&[1_i64, 2, 3]).into(), (&pairs).into()]);
        assert_eq!(
            result.unwrap_err().to_string(),
            r#"column "pair" needs 6 elements for 3 rows, got 4"#
        );
        assert!(buffer.push_batch(usize::MAX, &[good, (&pairs).into()]).is_err());
        assert!(buffer.is_empty());
    }

    #[test]
    fn priorities_are_set_all_or_none() {
        let (mut buffer, ..) = buffer(3, Prioritized::new().with_epsilon(0.0).unwrap());
        let ids: Vec<_> = (0..3).map(|n| push(&mut buffer, n)).collect();
        buffer.set_priorities(&ids, &[0.0, 5.0, 0.0]).unwrap();
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            let result = buffer.set_priorities(&ids, &[1.0, 1.0, bad]);
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Priority { index: 2, .. }));
            let expected = format!("priorities must be finite and >= 0, got {bad} at index 2");
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(
            buffer.set_priorities(&ids, &[1.0]).unwrap_err().to_string(),
            "one priority an item is needed, got 1 for 3 items"
        );
        let mut batch = Batch::new();
        buffer.sample(20, &mut rng(), &mut batch).unwrap();
        assert_eq!(batch.items(), [ids[1]; 20]);
        buffer.set_priorities(&ids, &[0.0; 3]).unwrap();
        let result = buffer.sample(20, &mut rng(), &mut batch);
        assert!(matches!(result, Err(Error::AllZero)));
        assert!(batch.is_empty());
    }

    #[test]
    fn stale_ids_are_skipped_and_counted() {
        let (mut buffer, ..) = buffer(3, Prioritized::new().with_epsilon(0.0).unwrap());
        let ids: Vec<_> = (0..5).map(|n| push(&mut buffer, n)).collect();
        // 0 and 1 are gone; their slots are those of 3 and 4 now.
        assert_eq!(buffer.set_priorities(&ids, &[9.0, 9.0, 0.0, 2.0, 0.0]).unwrap(), 2);
        let mut batch = Batch::new();
        buffer.sample(20, &mut rng(), &mut batch).unwrap();
        assert_eq!(batch.items(), [ids[3]; 20]);
    }

    #[test]
    fn nothing_can_be_sampled_from_nothing() {
        let (mut buffer, ..) = buffer(3, Uniform::new());
        let mut batch = Batch::new();
        let result = buffer.sample(1, &mut rng(), &mut batch);
        assert_eq!(result.unwrap_err().to_string(), "the buffer is empty: push before sampling");
        push(&mut buffer, 0);
        let result = buffer.sample(0, &mut rng(), &mut batch);
        assert_eq!(result.unwrap_err().to_string(), "batch size must be at least 1, got 0");
        buffer.clear();
        assert!(matches!(buffer.sample(1, &mut rng(), &mut batch), Err(Error::Empty)));
    }

    #[test]
    fn memory_that_is_not_there_is_an_error_with_the_figure() {
        let mut schema = Schema::new();
        schema.column::<f32>("x", &[4]).unwrap();
        let new = |capacity| Buffer::new(schema.clone(), capacity, Prioritized::new());
        for capacity in [1 << 50, usize::MAX] {
            let Err(Error::Memory { needed, available, .. }) = new(capacity) else {
                panic!("{capacity} items fit")
            };
            assert!(needed >= capacity as u128 * (16 + 8) && available > 0);
        }
        let message = new(1 << 50).unwrap_err().to_string();
        let start = "a buffer of 1125899906842624 items needs ";
        assert!(
            message.starts_with(start) && message.contains(" bytes are available"),
            "{message}"
        );

        let mut buffer = new(1).unwrap();
        buffer.push(&[(&[0.0_f32; 4]).into()]).unwrap();
        let mut batch = Batch::new();
        for size in [1 << 50, usize::MAX] {
            let result = buffer.sample(size, &mut rng(), &mut batch);
            assert!(matches!(result, Err(Error::Memory { .. })));
            assert!(batch.is_empty());
        }
        buffer.sample(3, &mut rng(), &mut batch).unwrap();
    }

    #[test]
    fn a_buffer_needs_room_and_columns() {
        let error = Buffer::new(Schema::new(), 3, Uniform::new()).unwrap_err();
        assert!(error.to_string().starts_with("a buffer needs at least one column"));
        let mut schema = Schema::new();
        schema.column::<f32>("x", &[]).unwrap();
        let error = Buffer::new(schema, 0, Uniform::new()).unwrap_err();
        assert_eq!(error.to_string(), "capacity must be at least 1, got 0");
    }

    #[test]
    fn it_knows_its_bytes() {
        let (uniform, ..) = buffer(1000, Uniform::new());
        assert_eq!(uniform.bytes(), 1000 * (8 + 2 * 4));
        let (prioritized, ..) = buffer(1000, Prioritized::new());
        assert!(prioritized.bytes() > uniform.bytes() + 1000 * 8);
        assert_eq!(prioritized.schema().bytes_per_item(), 16);
    }

    #[test]
    fn progress_is_a_fraction_and_reaches_the_sampler() {
        let (mut buffer, ..) = buffer(1, Prioritized::new());
        buffer.set_progress(1.0).unwrap();
        assert_eq!(buffer.sampler().beta(), 1.0);
        for bad in [-0.5, 1.5, f64::NAN] {
            assert!(matches!(
                buffer.set_progress(bad),
                Err(Error::Setting { name: "progress", .. })
            ));
        }
        assert_eq!(buffer.sampler().beta(), 1.0);
    }

    /// Draws one slot after another, whether there is an item or not.
    struct Blind;

    impl Sampler for Blind {
        fn draw(
            &mut self,
            _len: usize,
            _rng: &mut dyn RngCore,
            slots: &mut [usize],
            _weights: &mut [f32],
        ) -> Result<()> {
            slots.iter_mut().enumerate().for_each(|(i, slot)| *slot = i);
            Ok(())
        }
    }

    #[test]
    fn a_sampler_that_draws_what_is_not_there_is_an_error() {
        let (mut buffer, ..) = buffer(5, Blind);
        push(&mut buffer, 0);
        push(&mut buffer, 1);
        let mut batch = Batch::new();
        buffer.sample(2, &mut rng(), &mut batch).unwrap();
        let error = buffer.sample(3, &mut rng(), &mut batch).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the sampler drew slot 2, but only slots below 2 hold an item"
        );
        assert!(batch.is_empty());
    }

    #[test]
    fn a_sampler_put_in_later_is_an_error_not_a_panic() {
        let (mut buffer, ..) = buffer(2, Prioritized::new());
        let id = push(&mut buffer, 0);
        *buffer.sampler_mut() = Prioritized::new();
        buffer.set_priorities(&[id], &[1.0]).unwrap();
        push(&mut buffer, 1);
        let result = buffer.sample(1, &mut rng(), &mut Batch::new());
        assert!(matches!(result, Err(Error::AllZero)));
    }

    #[test]
    fn the_same_seed_gives_the_same_batch() {
        let run = || {
            let (mut buffer, scalar, _) = buffer(50, Prioritized::new());
            (0..80).for_each(|n| _ = push(&mut buffer, n));
            let (mut batch, mut seen, mut rng) = (Batch::new(), Vec::new(), rng());
            for _ in 0..10 {
                buffer.sample(8, &mut rng, &mut batch).unwrap();
                let errors: Vec<f32> = (0..8).map(|_| rng.random()).collect();
                buffer.set_priorities(batch.items(), &errors).unwrap();
                seen.extend_from_slice(batch.values(scalar).unwrap());
            }
            seen
        };
        assert_eq!(run(), run());
    }
}
