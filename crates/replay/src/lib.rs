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
//! - [`Error`]: everything that can go wrong.

mod batch;
mod block;
mod buffer;
mod directory;
mod element;
mod error;
mod eviction;
mod frames;
mod heap;
mod huge_pages;
#[cfg(feature = "mmap")]
mod mapped;
mod memory;
mod mixture;
mod rows;
mod sampler;
mod schema;

pub use batch::Batch;
pub use buffer::{Account, Buffer, BufferBuilder};
pub use directory::{ItemId, ItemIds, Items};
pub use element::{DType, Element, Value};
pub use error::{Error, Result};
pub use eviction::{Eviction, FirstInFirstOut, LowestPriority, Reservoir};
pub use mixture::Mixture;
pub use sampler::{
    Arrival, Normalization, Prioritized, RankBased, Sampler, Sequences, Uniform, WithoutReplacement,
};
pub use schema::{Column, ColumnInfo, Schema};
