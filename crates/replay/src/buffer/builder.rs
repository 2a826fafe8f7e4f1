//! The settings of a buffer.

use std::sync::Arc;

use super::Buffer;
use super::uses::Uses;
use crate::directory::Directory;
use crate::rows::Rows;
use crate::{Error, Eviction, FirstInFirstOut, Result, Sampler, Schema, memory};

/// The settings of a [`Buffer`] beyond schema, capacity and sampler. Made by [`Buffer::builder`].
///
/// # Example
///
/// ```
/// use reflux_replay::{Buffer, Prioritized, Reservoir, Sampler, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// schema.column::<f32>("reward", &[])?;
/// let buffer = Buffer::builder(schema, 1000)
///     .with_eviction(Reservoir::new(7))
///     .with_max_times_sampled(8)?
///     .build(Uniform::new())?;
/// assert_eq!(buffer.capacity(), 1000);
///
/// // A sampler that is chosen while running:
/// let prioritized = true;
/// let sampler: Box<dyn Sampler> =
///     if prioritized { Box::new(Prioritized::new()) } else { Box::new(Uniform::new()) };
/// let buffer = Buffer::new(buffer.schema().clone(), 1000, sampler)?;
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug)]
pub struct BufferBuilder {
    schema: Schema,
    capacity: usize,
    eviction: Box<dyn Eviction>,
    counts_uses: bool,
    max_times_sampled: Option<u32>,
}

impl BufferBuilder {
    pub(super) fn new(schema: Schema, capacity: usize) -> Self {
        Self {
            schema,
            capacity,
            eviction: Box::new(FirstInFirstOut),
            counts_uses: false,
            max_times_sampled: None,
        }
    }

    /// Sets which item makes room for a new one: [`FirstInFirstOut`] when nothing is said,
    /// [`Reservoir`](crate::Reservoir), [`LowestPriority`](crate::LowestPriority), or one of your
    /// own. Anything but first in, first out needs a table of what is where, of 40 to 56 bytes an
    /// item.
    pub fn with_eviction(self, eviction: impl Eviction + 'static) -> Self {
        Self { eviction: Box::new(eviction), ..self }
    }

    /// Removes an item once it has been sampled this often. It is in the batch that it is sampled
    /// into for the last time, and its id is stale when that batch comes back. Within one batch, an
    /// item can come up more often where the sampler draws with replacement. It needs the table of
    /// [`with_eviction`](Self::with_eviction), and counts.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for 0.
    pub fn with_max_times_sampled(self, times: u32) -> Result<Self> {
        if times == 0 {
            let (name, legal) = ("max times sampled", "at least 1");
            return Err(Error::Setting { name, legal, got: 0.0 });
        }
        Ok(Self { max_times_sampled: Some(times), ..self })
    }

    /// Counts how often each item is sampled, for [`Buffer::times_sampled`]: 4 bytes an item, and a
    /// cache miss more for each item of a batch.
    pub fn with_use_counts(self) -> Self {
        Self { counts_uses: true, ..self }
    }

    /// The buffer, with all the memory that it will ever need.
    ///
    /// # Errors
    ///
    /// A schema without columns, a capacity of 0, or [`Error::Memory`] where all together needs more
    /// than is available.
    pub fn build<S: Sampler>(self, mut sampler: S) -> Result<Buffer<S>> {
        let Self { schema, capacity, mut eviction, .. } = self;
        if schema.columns().is_empty() {
            return Err(Error::NoColumns);
        }
        if capacity == 0 {
            return Err(Error::Capacity);
        }
        let ring = eviction.is_first_in_first_out() && self.max_times_sampled.is_none();
        let counts_uses = self.counts_uses || self.max_times_sampled.is_some();
        let parts = [
            Rows::bytes(&schema, capacity),
            Directory::bytes(capacity, ring),
            sampler.bytes(capacity, schema.streams()),
            if ring { 0 } else { eviction.bytes(capacity) },
            if counts_uses { Uses::bytes(capacity) } else { 0 },
        ];
        let bytes = parts.into_iter().fold(0, u128::saturating_add);
        let what = || format!("a buffer of {capacity} items");
        memory::check(what, bytes)?;

        let refused = || memory::refused(what(), bytes);
        let rows = Rows::new(&schema, capacity, refused)?;
        let directory = Directory::new(capacity, ring)?;
        sampler.reserve(capacity, schema.streams())?;
        if !ring {
            eviction.reserve(capacity)?;
        }
        let uses = counts_uses.then(|| Uses::new(capacity, self.max_times_sampled)).transpose()?;
        let (schema, held) = (Arc::new(schema), (Vec::new(), Vec::new()));
        Ok(Buffer { schema, directory, rows, sampler, eviction, uses, bytes, held })
    }
}
