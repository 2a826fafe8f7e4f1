//! The names of items.

use std::fmt;

/// Names one item of one buffer, for as long as that buffer holds it.
///
/// An id is never given out again: when its item has been overwritten or removed, the id is *stale*,
/// and the buffer says so instead of giving another item's data. Ids are ordered by age, older first.
/// They mean nothing to another buffer; those in a batch of a [`Mixture`](crate::Mixture) also say
/// which of its buffers they belong to, and mean something to that mixture alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub(super) u64);

/// Below this bit is the item's number, above it the position of its buffer in a mixture: 2⁴⁸ items
/// are nine years of a million a second.
const SOURCE_BIT: u32 = 48;

impl ItemId {
    /// Fills memory that is about to be overwritten.
    pub(crate) const PLACEHOLDER: Self = Self(u64::MAX);

    /// The largest number that an item can have.
    pub(crate) const LAST: u64 = (1 << SOURCE_BIT) - 1;

    /// The number, outside of mixtures.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number of buffers that a mixture can have, so that an id can say which it is of.
    pub(crate) const SOURCES: usize = 1 << (u64::BITS - SOURCE_BIT);

    /// The id that the buffer at this position gave out, as an id of the mixture.
    pub(crate) fn in_source(self, source: usize) -> Self {
        Self(self.0 | ((source as u64) << SOURCE_BIT))
    }

    /// The position of the buffer in the mixture that gave it out; 0 outside of mixtures.
    pub fn source(self) -> usize {
        (self.0 >> SOURCE_BIT) as usize
    }

    /// The id as the buffer gave it out, before the mixture.
    pub(crate) fn of_buffer(self) -> Self {
        Self(self.0 & ((1 << SOURCE_BIT) - 1))
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source() {
            0 => write!(f, "item {}", self.0),
            source => write!(f, "item {} of buffer {source}", self.of_buffer().0),
        }
    }
}

/// The ids of items that were pushed one after another, older first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemIds(pub(super) std::ops::Range<u64>);

impl Iterator for ItemIds {
    type Item = ItemId;

    fn next(&mut self) -> Option<ItemId> {
        self.0.next().map(ItemId)
    }

    fn nth(&mut self, n: usize) -> Option<ItemId> {
        self.0.nth(n).map(ItemId)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for ItemIds {
    fn next_back(&mut self) -> Option<ItemId> {
        self.0.next_back().map(ItemId)
    }
}

/// A buffer never holds more items than a `usize` counts.
impl ExactSizeIterator for ItemIds {}
