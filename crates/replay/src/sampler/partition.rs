//! The slots `0..len` in two parts, so that one can be drawn from either part in constant time.

use std::fmt;

use crate::{Result, StateReader, StateWriter, memory};

/// A list of all slots: those of the front part first, in any order, then those of the back part.
#[derive(Clone, Default)]
pub(super) struct Partition {
    order: Vec<usize>,
    /// Where in the order each slot is.
    positions: Vec<usize>,
    /// The length of the front part.
    boundary: usize,
}

impl Partition {
    pub(super) fn bytes(capacity: usize) -> u128 {
        capacity as u128 * 2 * size_of::<usize>() as u128
    }

    pub(super) fn new(capacity: usize) -> Result<Self> {
        let refused =
            || memory::refused(format!("a list of {capacity} slots"), Self::bytes(capacity));
        let mut partition = Self::default();
        memory::reserve(&mut partition.order, capacity, refused)?;
        memory::reserve(&mut partition.positions, capacity, refused)?;
        Ok(partition)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn front(&self) -> &[usize] {
        &self.order[..self.boundary]
    }

    pub(super) fn back(&self) -> &[usize] {
        &self.order[self.boundary..]
    }

    /// Puts a slot to the back: one that is there or the next free one. Any other is ignored, as what
    /// a list that was not there from the start does not know.
    pub(super) fn insert(&mut self, slot: usize) {
        if slot == self.len() {
            self.order.push(slot);
            self.positions.push(slot);
        } else if slot < self.len() {
            self.move_to_back(slot);
        }
    }

    pub(super) fn is_in_front(&self, slot: usize) -> bool {
        self.positions[slot] < self.boundary
    }

    pub(super) fn move_to_front(&mut self, slot: usize) {
        if self.positions[slot] >= self.boundary {
            self.swap(self.positions[slot], self.boundary);
            self.boundary += 1;
        }
    }

    pub(super) fn move_to_back(&mut self, slot: usize) {
        if self.positions[slot] < self.boundary {
            self.boundary -= 1;
            self.swap(self.positions[slot], self.boundary);
        }
    }

    pub(super) fn move_all_to_back(&mut self) {
        self.boundary = 0;
    }

    /// Takes `slot` out and gives its name to `last`, the highest slot, whose part stays the same.
    /// What it does not know is ignored.
    pub(super) fn remove(&mut self, slot: usize, last: usize) {
        if slot > last || last + 1 != self.len() {
            return;
        }
        self.move_to_back(slot);
        self.swap(self.positions[slot], last);
        self.order.pop();
        if slot != last {
            let position = self.positions[last];
            self.positions[slot] = position;
            self.order[position] = slot;
        }
        self.positions.pop();
    }

    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.positions.clear();
        self.boundary = 0;
    }

    pub(super) fn save(&self, state: &mut StateWriter) -> Result<()> {
        state.write_u64(self.boundary as u64)?;
        state.write_order(&self.order)
    }

    /// Reads a list of so many slots into one that has room for them.
    pub(super) fn load(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        self.boundary = state.read_at_most(len as u64, "the length of a part")? as usize;
        state.read_order(len, &mut self.order, &mut self.positions)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.order.swap(a, b);
        self.positions[self.order[a]] = a;
        self.positions[self.order[b]] = b;
    }
}

/// Without the slots.
impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (front, back) = (self.front().len(), self.back().len());
        f.debug_struct("Partition").field("front", &front).field("back", &back).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_plain_vector_does(
            operations in prop::collection::vec((0_u8..6, any::<usize>()), 1..200),
        ) {
            let mut partition = Partition::new(200).unwrap();
            let mut model: Vec<bool> = Vec::new(); // whether each slot is in front
            for (kind, n) in operations {
                let slot = n % model.len().max(1);
                match kind {
                    0 | 1 => {
                        partition.insert(model.len());
                        model.push(false);
                    }
                    _ if model.is_empty() => {}
                    2 => {
                        partition.move_to_front(slot);
                        model[slot] = true;
                    }
                    3 => {
                        partition.move_to_back(slot);
                        model[slot] = false;
                    }
                    4 => {
                        partition.remove(slot, model.len() - 1);
                        model.swap_remove(slot);
                    }
                    _ if n % 10 == 0 => {
                        partition.move_all_to_back();
                        model.fill(false);
                    }
                    _ => {}
                }
                let part = |front: bool| {
                    (0..model.len()).filter(|&slot| model[slot] == front).collect::<Vec<_>>()
                };
                let sorted = |slots: &[usize]| {
                    let mut slots = slots.to_vec();
                    slots.sort_unstable();
                    slots
                };
                prop_assert_eq!(sorted(partition.front()), part(true));
                prop_assert_eq!(sorted(partition.back()), part(false));
            }
        }
    }
}
