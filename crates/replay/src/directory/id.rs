//! The names of items.

use std::fmt;

/// Names one item of one buffer, for as long as that buffer holds it.
///
/// An id is never given out again: when its item has been overwritten or removed, the id is *stale*,
/// and the buffer says so instead of giving another item's data. Ids are ordered by age, older first.
/// They mean nothing to another buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub(super) u64);

impl ItemId {
    /// Fills memory that is about to be overwritten.
    pub(crate) const PLACEHOLDER: Self = Self(u64::MAX);
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}", self.0)
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
