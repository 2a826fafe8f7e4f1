#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`Schema`], [`Column`]: what an item is made of, and the handles to read it with.
//! - [`Buffer`]: push, sample, priorities; the memory it takes.
//! - [`Account`]: what the memory of a buffer is for.
//! - [`Batch`]: what a sample is copied into, as slices and as ndarray views.
//! - [`ItemId`]: names an item, and knows when it has been overwritten.
//! - [`Uniform`], [`WithoutReplacement`], [`Prioritized`], [`RankBased`], [`Sequences`]: which items
//!   are drawn; [`Sampler`] to write your own.
//! - [`FirstInFirstOut`], [`Reservoir`], [`LowestPriority`]: which item makes room for a new one;
//!   [`Eviction`] to write your own. [`BufferBuilder`] takes them, and other rare settings.
//! - [`Mixture`]: several buffers, drawn from as one.
//! - [`Element`], [`DType`], [`Value`]: the types that a column can hold.
//! - [`NStep`]: turns single steps into items of n steps, on their way into a buffer.
//! - [`Hindsight`]: remembers episodes with the goals that they achieved, too.
//! - [`Sink`]: where they push to.
//! - [`SharedBuffer`], [`Writer`]: a learner, and writers in other threads.
//! - [`RateLimiter`]: keeps writers and the learner in step.
//! - `NpzReader`, `NpzWriter` (feature `npz`): numpy's files.
//! - `ParquetReader`, `ParquetWriter` (feature `parquet`): tables of offline data sets.
//! - [`Checkpoint`]: a buffer on disk, to go on with exactly; [`StateWriter`] and [`StateReader`] for
//!   samplers and evictions of your own.
//! - [`Error`]: everything that can go wrong.
// docs.rs says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod block;
mod buffer;
mod cells;
mod checkpoint;
mod directory;
mod element;
mod episode;
mod error;
mod eviction;
#[cfg(any(feature = "npz", feature = "parquet"))]
mod files;
mod frames;
mod heap;
mod hindsight;
mod huge_pages;
#[cfg(feature = "mmap")]
mod mapped;
mod memory;
mod mixture;
mod n_step;
#[cfg(feature = "npz")]
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod prefetch;
mod rate_limiter;
mod rows;
mod sampler;
mod schema;
mod shared;
mod sink;

pub use batch::Batch;
pub use buffer::{Account, Buffer, BufferBuilder};
pub use checkpoint::{Checkpoint, Saved, StateReader, StateWriter};
pub use directory::{ItemId, ItemIds, Items};
pub use element::{DType, Element, Value};
pub use episode::{Episode, Real};
pub use error::{Error, Result};
pub use eviction::{Eviction, FirstInFirstOut, LowestPriority, Reservoir};
pub use hindsight::{GoalStrategy, Hindsight};
pub use mixture::Mixture;
pub use n_step::NStep;
#[cfg(feature = "npz")]
pub use npz::{NpzReader, NpzWriter};
#[cfg(feature = "parquet")]
pub use parquet::{ParquetReader, ParquetWriter};
pub use rate_limiter::{RateCounts, RateLimiter};
pub use sampler::{
    Arrival, Normalization, Prioritized, RankBased, Sampler, Sequences, Uniform, WithoutReplacement,
};
pub use schema::{Column, ColumnInfo, Schema};
pub use shared::{SharedBuffer, Writer};
pub use sink::Sink;
