//! Which slot an item is in, and which item is in a slot.

mod id;
mod ring;
mod table;

pub use id::{ItemId, ItemIds};
use ring::Ring;
use table::Table;

use crate::{Result, StateReader, StateWriter};

/// Items are in the slots `0..len`, and every item ever pushed has a number of its own.
#[derive(Debug)]
pub(crate) enum Directory {
    /// First in, first out: the number alone says where an item is.
    Ring(Ring),
    /// Items leave in any order: a table says where each is.
    Table(Table),
}

impl Directory {
    /// The bytes that it takes.
    pub(crate) fn bytes(capacity: usize, ring: bool) -> u128 {
        if ring { 0 } else { Table::bytes(capacity) }
    }

    pub(crate) fn new(capacity: usize, ring: bool) -> Result<Self> {
        Ok(if ring { Self::Ring(Ring::new(capacity)) } else { Self::Table(Table::new(capacity)?) })
    }

    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Ring(ring) => ring.capacity(),
            Self::Table(table) => table.capacity(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ring(ring) => ring.len(),
            Self::Table(table) => table.len(),
        }
    }

    /// Where the item is, or `None` when the id is stale or was never given out.
    #[inline]
    pub(crate) fn slot(&self, id: ItemId) -> Option<usize> {
        match self {
            Self::Ring(ring) => ring.slot(id),
            Self::Table(table) => table.slot(id),
        }
    }

    /// The item in a slot below `len`.
    #[inline]
    pub(crate) fn id(&self, slot: usize) -> ItemId {
        match self {
            Self::Ring(ring) => ring.id(slot),
            Self::Table(table) => table.id(slot),
        }
    }

    /// The ids that were given out last.
    pub(crate) fn latest(&self, rows: usize) -> ItemIds {
        let next = self.next();
        ItemIds(next - rows as u64..next)
    }

    /// The number of the item that comes next.
    pub(crate) fn next(&self) -> u64 {
        match self {
            Self::Ring(ring) => ring.next(),
            Self::Table(table) => table.next(),
        }
    }

    /// Writes all but the number of the next item.
    pub(crate) fn save(&self, state: &mut StateWriter) -> Result<()> {
        state.write_u64(self.len() as u64)?;
        match self {
            Self::Ring(_) => Ok(()),
            Self::Table(table) => table.save(state),
        }
    }

    /// Reads what was saved into a new directory of the same kind.
    pub(crate) fn load(&mut self, next: u64, state: &mut StateReader) -> Result<()> {
        let most = next.min(self.capacity() as u64);
        let len = state.read_at_most(most, "the number of items")? as usize;
        match self {
            Self::Ring(ring) => ring.load(len, next, state),
            Self::Table(table) => table.load(len, next, state),
        }
    }

    pub(crate) fn items(&self) -> Items<'_> {
        let inside = match self {
            Self::Ring(ring) => Inside::Ring(ring.items()),
            Self::Table(table) => {
                Inside::Table { table, ends: table.oldest().zip(table.newest()), left: table.len() }
            }
        };
        Items { inside }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Ring(ring) => ring.clear(),
            Self::Table(table) => table.clear(),
        }
    }
}

/// The ids of the items that a buffer holds, older first.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    inside: Inside<'a>,
}

#[derive(Debug, Clone)]
enum Inside<'a> {
    Ring(ItemIds),
    Table {
        table: &'a Table,
        /// The slots of the next item from each end.
        ends: Option<(usize, usize)>,
        left: usize,
    },
}

impl Iterator for Items<'_> {
    type Item = ItemId;

    fn next(&mut self) -> Option<ItemId> {
        match &mut self.inside {
            Inside::Ring(ids) => ids.next(),
            Inside::Table { table, ends, left } => {
                let (oldest, newest) = (*ends)?;
                *left -= 1;
                *ends = table.newer(oldest).filter(|_| *left > 0).map(|next| (next, newest));
                Some(table.id(oldest))
            }
        }
    }

    fn nth(&mut self, n: usize) -> Option<ItemId> {
        match &mut self.inside {
            Inside::Ring(ids) => ids.nth(n),
            Inside::Table { .. } => {
                self.by_ref().take(n).for_each(drop);
                self.next()
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.inside {
            Inside::Ring(ids) => ids.size_hint(),
            Inside::Table { left, .. } => (*left, Some(*left)),
        }
    }
}

impl DoubleEndedIterator for Items<'_> {
    fn next_back(&mut self) -> Option<ItemId> {
        match &mut self.inside {
            Inside::Ring(ids) => ids.next_back(),
            Inside::Table { table, ends, left } => {
                let (oldest, newest) = (*ends)?;
                *left -= 1;
                *ends = table.older(newest).filter(|_| *left > 0).map(|next| (oldest, next));
                Some(table.id(newest))
            }
        }
    }
}

impl ExactSizeIterator for Items<'_> {}
