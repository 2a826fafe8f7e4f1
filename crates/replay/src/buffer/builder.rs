//! The settings of a buffer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::uses::Uses;
use super::{Account, Buffer};
use crate::checkpoint::Description;
use crate::directory::Directory;
use crate::frames::Pool;
use crate::rows::Rows;
use crate::{Error, Eviction, FirstInFirstOut, ItemId, Result, Sampler, Schema, memory};

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
    frames_per_item: f64,
    /// Where rows and frames are kept in files, if they are.
    folder: Option<PathBuf>,
}

/// The number of the next buffer of this process.
static INSTANCES: AtomicU64 = AtomicU64::new(0);

/// One for each item, and a tenth for the episodes' beginnings and ends.
const FRAMES_PER_ITEM: f64 = 1.1;

impl BufferBuilder {
    pub(super) fn new(schema: Schema, capacity: usize) -> Self {
        Self {
            schema,
            capacity,
            eviction: Box::new(FirstInFirstOut),
            counts_uses: false,
            max_times_sampled: None,
            frames_per_item: FRAMES_PER_ITEM,
            folder: None,
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

    /// Sets how many frames there is room for, for each item and each group of columns that
    /// [share](Schema::share_frames) them: 1.1 when nothing is said. An item adds one frame, and an
    /// episode one more, or, where the first stack is not one frame repeated, as many as a stack has:
    /// so 1.1 is enough for episodes that last 10 items or 40. Where frames run out, items make room
    /// before the buffer is full.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] unless it is finite and at least 0.
    pub fn with_frames_per_item(self, frames_per_item: f64) -> Result<Self> {
        if !(0.0..f64::INFINITY).contains(&frames_per_item) {
            let (name, legal) = ("frames per item", "finite and >= 0");
            return Err(Error::Setting { name, legal, got: frames_per_item });
        }
        Ok(Self { frames_per_item, ..self })
    }

    /// Keeps rows and frames in files in this folder that are mapped into memory, so that a buffer can
    /// be larger than memory: the system keeps what was used lately and reads the rest when it is
    /// sampled, which costs an access to the disk for each item that is not there. What samplers know
    /// stays in memory.
    ///
    /// The files are written when the buffer is built, so that a disk that is too small is an error
    /// then. They have no name and go with the buffer, or with the process: this is a place to work
    /// in, not a way to save.
    #[cfg(feature = "mmap")]
    pub fn with_files_in(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// The buffer, with all the memory that it will ever need.
    ///
    /// # Errors
    ///
    /// A schema without columns, a capacity of 0, or [`Error::Memory`] where all together needs more
    /// than is available.
    #[cfg_attr(feature = "mmap", doc = "[`Error::Mapped`] where a file cannot be made.")]
    pub fn build<S: Sampler>(self, mut sampler: S) -> Result<Buffer<S>> {
        let (frames, description) = (self.frames(), self.own_description());
        let (ring, counts_uses) = (self.is_ring(), self.counts_uses());
        let Self { schema, capacity, mut eviction, folder, .. } = self;
        if schema.columns().is_empty() {
            return Err(Error::NoColumns);
        }
        if capacity == 0 {
            return Err(Error::Capacity);
        }
        let (groups, streams) = (schema.frame_groups(), schema.streams());
        let pools = groups.iter().zip(&frames).map(|(group, &frames)| Pool::bytes(group, frames));
        let (row_bytes, frame_bytes) =
            (Rows::bytes(&schema, capacity), pools.fold(0, u128::saturating_add));
        let in_files = if folder.is_some() { row_bytes.saturating_add(frame_bytes) } else { 0 };
        let parts = [
            ("rows", row_bytes),
            ("frames", frame_bytes),
            ("frame counts", frames.iter().copied().map(Pool::count_bytes).sum()),
            ("table", Directory::bytes(capacity, ring)),
            ("sampler", sampler.bytes(capacity, streams)),
            ("eviction", if ring { 0 } else { eviction.bytes(capacity) }),
            ("use counts", if counts_uses { Uses::bytes(capacity) } else { 0 }),
        ];
        let account = Account::new(capacity, &parts, in_files);
        let what = || format!("a buffer of {capacity} items");
        memory::check(what, account.needed())?;

        let refused = || memory::refused(what(), account.needed());
        let rows = Rows::new(&schema, capacity, &frames, folder.as_deref(), refused)?;
        let directory = Directory::new(capacity, ring)?;
        sampler.reserve(capacity, streams)?;
        if !ring {
            eviction.reserve(capacity)?;
        }
        let uses = counts_uses.then(|| Uses::new(capacity, self.max_times_sampled)).transpose()?;
        let mut latest = Vec::new();
        if rows.shares_frames() {
            memory::resize(&mut latest, streams, ItemId::PLACEHOLDER, refused)?;
        }
        Ok(Buffer {
            schema: Arc::new(schema),
            directory,
            rows,
            sampler,
            eviction,
            uses,
            latest,
            account,
            description,
            instance: INSTANCES.fetch_add(1, Ordering::Relaxed),
            held: (Vec::new(), Vec::new()),
        })
    }

    /// Whether items leave in the order in which they came.
    fn is_ring(&self) -> bool {
        self.eviction.is_first_in_first_out()
            && self.max_times_sampled.is_none()
            && self.schema.frame_groups().is_empty()
    }

    fn counts_uses(&self) -> bool {
        self.counts_uses || self.max_times_sampled.is_some()
    }

    /// What must be the same in a buffer that goes on from where another was, with this sampler.
    pub(crate) fn description(&self, sampler: &str) -> Description {
        let mut description = self.own_description();
        description.push(("sampler", sampler.to_owned()));
        description
    }

    fn own_description(&self) -> Description {
        let uses = match self.max_times_sampled {
            Some(times) => format!("at most {times}"),
            None if self.counts_uses => "counted".to_owned(),
            None => "not counted".to_owned(),
        };
        let order = if self.is_ring() { "first in, first out" } else { "any" };
        let bytes = if cfg!(target_endian = "little") { "little" } else { "big" };
        vec![
            ("order of bytes", bytes.to_owned()),
            ("columns", self.schema.to_string()),
            ("marks", self.schema.marks()),
            ("capacity", self.capacity.to_string()),
            ("eviction", self.eviction.kind().to_owned()),
            ("order in which items leave", order.to_owned()),
            ("uses", uses),
            ("room for frames", format!("{:?}", self.frames())),
        ]
    }

    /// How many frames of each group there is room for. Beside what was asked for: what the item that
    /// comes can add, and what the latest item of each stream holds.
    fn frames(&self) -> Vec<usize> {
        let asked = (self.capacity as f64 * self.frames_per_item).ceil() as usize;
        let latest = self.schema.streams().saturating_add(1);
        let groups = self.schema.frame_groups().iter();
        groups.map(|group| asked.saturating_add(latest.saturating_mul(group.per_item()))).collect()
    }
}
