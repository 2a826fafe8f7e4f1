//! How often each item has been sampled.

use crate::{ItemId, Result, StateReader, StateWriter, memory};

/// A count for each slot, and what happens when it is reached.
#[derive(Debug)]
pub(super) struct Uses {
    counts: Vec<u32>,
    /// After how many uses an item is spent.
    limit: Option<u32>,
    /// The items that have become spent and are still to be removed.
    spent: Vec<ItemId>,
}

impl Uses {
    pub(super) fn bytes(capacity: usize) -> u128 {
        capacity as u128 * size_of::<u32>() as u128
    }

    pub(super) fn new(capacity: usize, limit: Option<u32>) -> Result<Self> {
        let refused = || memory::refused(format!("{capacity} counts"), Self::bytes(capacity));
        let mut counts = Vec::new();
        memory::resize(&mut counts, capacity, 0, refused)?;
        Ok(Self { counts, limit, spent: Vec::new() })
    }

    pub(super) fn save(&self, len: usize, state: &mut StateWriter) -> Result<()> {
        self.counts[..len].iter().try_for_each(|count| state.write_bytes(&count.to_le_bytes()))
    }

    pub(super) fn load(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        for count in &mut self.counts[..len] {
            let mut bytes = [0; 4];
            state.read_bytes(&mut bytes)?;
            *count = u32::from_le_bytes(bytes);
            if self.limit.is_some_and(|limit| *count >= limit) {
                return Err(
                    state.damaged(format!("an item that was sampled {count} times is spent"))
                );
            }
        }
        Ok(())
    }

    pub(super) fn count(&self, slot: usize) -> u32 {
        self.counts[slot]
    }

    pub(super) fn inserted(&mut self, slot: usize) {
        self.counts[slot] = 0;
    }

    pub(super) fn removed(&mut self, slot: usize, last: usize) {
        self.counts[slot] = self.counts[last];
    }

    /// Counts one use for each slot, and remembers the items that are spent now.
    pub(super) fn count_all(&mut self, slots: &[usize], id: impl Fn(usize) -> ItemId) {
        self.spent.reserve(slots.len()); // once, for the largest batch
        for &slot in slots {
            let count = &mut self.counts[slot];
            *count = count.saturating_add(1);
            if Some(*count) == self.limit {
                self.spent.push(id(slot));
            }
        }
    }

    pub(super) fn next_spent(&mut self) -> Option<ItemId> {
        self.spent.pop()
    }
}
