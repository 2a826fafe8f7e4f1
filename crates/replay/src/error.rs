//! The one error type of the crate.

use crate::{DType, ItemId};

/// What can go wrong in `reflux-replay`, with the value that was wrong and the values that are
/// legal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A buffer for no items.
    #[error("capacity must be at least 1, got 0")]
    Capacity,
    /// A schema without columns.
    #[error("a buffer needs at least one column: declare it with Schema::column")]
    NoColumns,
    /// Two columns of one name.
    #[error("the schema already has a column named {0:?}: names must differ")]
    DuplicateColumn(String),
    /// The shape of a column has no elements, or too many to be addressed.
    #[error("column {name:?} cannot have shape {shape:?}: {problem}")]
    Shape {
        /// The column.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What is wrong with it and what would be right.
        problem: &'static str,
    },
    /// No column has this name.
    #[error("there is no column named {name:?}; the columns are {columns}")]
    UnknownColumn {
        /// The name that was looked for.
        name: String,
        /// Those that exist.
        columns: String,
    },
    /// A column's elements are of another type than was asked for or given.
    #[error("column {name:?} holds {expected}, got {got}")]
    DType {
        /// The column.
        name: String,
        /// What it holds.
        expected: DType,
        /// What came.
        got: DType,
    },
    /// A column handle was made by a schema that has other columns than this one.
    #[error(
        "this handle, of column {index} with elements {dtype}, comes from another schema; \
         the columns here are {columns}"
    )]
    ForeignColumn {
        /// The position of the column in the schema that the handle comes from.
        index: usize,
        /// The element type of the handle.
        dtype: DType,
        /// The columns that exist here.
        columns: String,
    },
    /// The number of values is not the number of columns.
    #[error("one value a column is needed, {expected} in all, got {got}")]
    ColumnCount {
        /// The number of columns.
        expected: usize,
        /// The number of values.
        got: usize,
    },
    /// A value has the wrong number of elements.
    #[error("column {name:?} needs {expected} elements for {rows} rows, got {got}")]
    Length {
        /// The column.
        name: String,
        /// The number of rows that are pushed.
        rows: usize,
        /// The number of elements that fits: rows times the column's width.
        expected: u128,
        /// The number that came.
        got: usize,
    },
    /// There is not enough memory.
    #[error(
        "{what} needs {needed} bytes of memory, and {available} bytes are available: \
         fewer items or smaller columns will fit"
    )]
    Memory {
        /// What was to be reserved.
        what: String,
        /// The bytes it needs.
        needed: u128,
        /// The bytes that the machine, or the container, had to give.
        available: u64,
    },
    /// The file for the items could not be made.
    #[cfg(feature = "mmap")]
    #[error("a file of {bytes} bytes in {} could not be made and mapped: {source}", folder.display())]
    Mapped {
        /// Where it was to be.
        folder: std::path::PathBuf,
        /// How large.
        bytes: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// The buffer has no items to draw from.
    #[error("the buffer is empty: push before sampling")]
    Empty,
    /// A batch of no items.
    #[error("batch size must be at least 1, got 0")]
    BatchSize,
    /// The item has been overwritten, or the buffer cleared, since the id was given out.
    #[error("{0} is no longer in the buffer: it has been overwritten or cleared")]
    Stale(ItemId),
    /// There must be one priority an item.
    #[error("one priority an item is needed, got {priorities} for {items} items")]
    PriorityCount {
        /// The number of items.
        items: usize,
        /// The number of priorities.
        priorities: usize,
    },
    /// A priority is negative, NaN or infinite.
    #[error("priorities must be finite and >= 0, got {value} at index {index}")]
    Priority {
        /// Its place in the slice.
        index: usize,
        /// The value.
        value: f32,
    },
    /// Every item has priority 0, so that none can be drawn.
    #[error(
        "the priority of every item is 0, so none can be drawn: \
         set one above 0, or use an epsilon above 0"
    )]
    AllZero,
    /// No episode in the buffer is long enough for a sequence.
    #[error(
        "the buffer holds no sequence of {length} items of one episode: \
         push more, or draw shorter sequences"
    )]
    NoSequence {
        /// The number of items in a sequence.
        length: usize,
    },
    /// A column that says where an item comes from, or where an episode ends, must be a scalar.
    #[error(
        "column {name:?} cannot be marked: it must hold one number an item, got shape {shape:?}"
    )]
    Mark {
        /// The column.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A column cannot share its frames with others.
    #[error("column {name:?} cannot share its frames: {problem}")]
    Frames {
        /// The column.
        name: String,
        /// What stands in the way.
        problem: &'static str,
    },
    /// An item comes from a stream that was not announced.
    #[error("column {name:?} names the stream of an item: it must be in 0..{streams}, got {got}")]
    Stream {
        /// The column.
        name: String,
        /// The number of streams that there are.
        streams: usize,
        /// What came.
        got: i64,
    },
    /// The buffers of a mixture do not fit together.
    #[error(
        "the buffers of a mixture must hold the same columns and be drawn from in the same lengths: \
         {expected}; got {got}"
    )]
    Mixture {
        /// The columns of the first buffer, and how many items it draws at a time.
        expected: String,
        /// Those of the other.
        got: String,
    },
    /// The mixture has no such buffer.
    #[error("the mixture has {buffers} buffers, 0 to {}: there is no buffer {position}", buffers - 1)]
    Source {
        /// The position that was asked for.
        position: usize,
        /// The number of buffers.
        buffers: usize,
    },
    /// A setting is outside its legal range.
    #[error("{name} must be {legal}, got {got}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it may be.
        legal: &'static str,
        /// What it was.
        got: f64,
    },
    /// A sampler drew a slot that holds nothing.
    #[error("the sampler drew slot {slot}, but only slots below {len} hold an item")]
    Slot {
        /// The slot.
        slot: usize,
        /// The number of items.
        len: usize,
    },
    /// The sampler was put in place of another, after items had come.
    #[error(
        "the sampler knows {known} of the {len} items: it was put in after they came; \
         make the buffer with it"
    )]
    ForeignSampler {
        /// The number of items that it has heard of.
        known: usize,
        /// The number of items.
        len: usize,
    },
    /// A sampler written outside this crate failed.
    #[error("the sampler failed: {0}")]
    Sampler(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A column cannot do what it was chosen for.
    #[error("column {name:?} of shape {shape:?} {problem}")]
    Role {
        /// The column.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What is wrong or would be right.
        problem: &'static str,
    },
    /// There is no environment of this number.
    #[error("environments are numbered from 0 to {}, got {environment}", environments - 1)]
    Environment {
        /// The number that was given.
        environment: usize,
        /// How many environments there are.
        environments: usize,
    },
    /// A rate limiter was asked for more at once than it could ever allow.
    #[error(
        "{items} items to {what} at once count {cost} samples, and the error buffer is \
         {error_buffer}: use fewer items at once, or a larger error buffer"
    )]
    Request {
        /// `"insert"` or `"sample"`.
        what: &'static str,
        /// The number of items.
        items: usize,
        /// What they count, in samples.
        cost: f64,
        /// The limiter's error buffer.
        error_buffer: f64,
    },
    /// A rate limiter did not allow it in time.
    #[error("the rate limiter did not allow to {what} within {timeout:?}")]
    Timeout {
        /// `"insert"` or `"sample"`.
        what: &'static str,
        /// The time that there was.
        timeout: std::time::Duration,
    },
    /// The rate limiter has been closed: there is nothing more to wait for.
    #[error("the rate limiter has been closed")]
    Closed,
    /// The memory of a writer is full of items that the learner has not received.
    #[error(
        "the writer has room for {items} items that have not been received: \
         receive, wait, or make it with more blocks"
    )]
    Full {
        /// The number of items that it has room for.
        items: usize,
    },
    /// The shared buffer that a writer pushes to has been dropped.
    #[error("the shared buffer has been dropped: there is nobody to push to")]
    Gone,
    /// There is nothing to load.
    #[error("{} holds no checkpoint that could be loaded", folder.display())]
    NoCheckpoint {
        /// Where it was looked for.
        folder: std::path::PathBuf,
    },
    /// A checkpoint is of another version of the format.
    #[error("{what} is of version {found} of the format; this program reads version {supported}")]
    CheckpointVersion {
        /// The file.
        what: String,
        /// Its version.
        found: u32,
        /// The version that can be read.
        supported: u32,
    },
    /// A checkpoint is of a buffer that was made differently.
    #[error(
        "the checkpoint is of another buffer: {what} was {saved:?}, and is {here:?} here; \
         load it with what it was saved with"
    )]
    ForeignCheckpoint {
        /// What is different.
        what: &'static str,
        /// What it was when it was saved.
        saved: String,
        /// What it is now.
        here: String,
    },
    /// A file cannot be read or written, whatever it holds.
    #[error("{what}: {source}")]
    Io {
        /// The file.
        what: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file does not hold what it should, or is damaged.
    #[error("{what}: {problem}")]
    Format {
        /// The file, and which part of it.
        what: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
