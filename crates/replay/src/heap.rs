//! Slots in the order of their priorities, roughly: a binary heap that can be asked where a slot is.
//!
//! The slot at position `i` comes no later than those at `2i + 1` and `2i + 2`. So the first is truly
//! the first, and a sorted heap is a sorted list. A change costs `O(log n)`.

use std::fmt;

use crate::{Result, StateReader, StateWriter, memory};

/// Which end of the order comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum First {
    #[default]
    Lowest,
    Highest,
}

/// A heap of the slots `0..len`. Of equal priorities, the one that was inserted first comes first.
#[derive(Clone, Default)]
pub(crate) struct Heap {
    first: First,
    /// The slots, in the order of the heap.
    order: Vec<usize>,
    /// Where in the order each slot is.
    positions: Vec<usize>,
    keys: Vec<Key>,
    inserted: u64,
}

/// What slots are ordered by, the smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Key {
    /// The bits of a priority, which are ordered as the number is, since none is negative.
    priority: u32,
    inserted: u64,
}

impl Heap {
    /// The bytes that a heap of so many slots takes.
    pub(crate) fn bytes(capacity: usize) -> u128 {
        capacity as u128 * (2 * size_of::<usize>() + size_of::<Key>()) as u128
    }

    /// An empty heap with room for so many slots.
    pub(crate) fn new(capacity: usize, first: First) -> Result<Self> {
        let refused =
            || memory::refused(format!("an order of {capacity} priorities"), Self::bytes(capacity));
        let mut heap = Self { first, ..Self::default() };
        memory::reserve(&mut heap.order, capacity, refused)?;
        memory::reserve(&mut heap.positions, capacity, refused)?;
        memory::reserve(&mut heap.keys, capacity, refused)?;
        Ok(heap)
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The slots: the first one first, the others roughly in order.
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    /// A new item is in this slot, which is occupied or the next free one. Any other is ignored, as
    /// what a heap that was not there from the start does not know.
    pub(crate) fn insert(&mut self, slot: usize, priority: f32) {
        if slot > self.len() {
            return;
        }
        if slot == self.len() {
            self.order.push(slot);
            self.positions.push(slot);
            self.keys.push(Key::default());
        }
        self.inserted += 1;
        let inserted = self.inserted;
        self.change(slot, |key| key.inserted = inserted, priority);
    }

    /// The item in this slot has this priority now. A slot that is not occupied is ignored.
    pub(crate) fn set(&mut self, slot: usize, priority: f32) {
        if slot < self.len() {
            self.change(slot, |_| (), priority);
        }
    }

    /// The item in `slot` is gone, and the one in `last`, the highest slot, has moved there.
    /// What it does not know is ignored.
    pub(crate) fn remove(&mut self, slot: usize, last: usize) {
        if slot > last || last + 1 != self.len() {
            return;
        }
        let position = self.positions[slot];
        let end = self.len() - 1;
        self.swap(position, end);
        self.order.pop();
        if position < end {
            self.settle(position);
        }
        if slot != last {
            self.keys[slot] = self.keys[last];
            let position = self.positions[last];
            self.positions[slot] = position;
            self.order[position] = slot;
        }
        self.keys.pop();
        self.positions.pop();
    }

    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.positions.clear();
        self.keys.clear();
    }

    pub(crate) fn save(&self, state: &mut StateWriter) -> Result<()> {
        state.write_u64(self.inserted)?;
        for key in &self.keys {
            state.write_bytes(&key.priority.to_le_bytes())?;
            state.write_u64(key.inserted)?;
        }
        state.write_order(&self.order)
    }

    /// Reads a heap of so many slots into one that has room for them.
    pub(crate) fn load(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        self.inserted = state.read_at_most(u64::MAX / 2, "the number of insertions")?;
        self.keys.clear();
        for _ in 0..len {
            let mut priority = [0; 4];
            state.read_bytes(&mut priority)?;
            let priority = u32::from_le_bytes(priority);
            let bits = if self.first == First::Lowest { priority } else { !priority };
            if !(0.0..f32::INFINITY).contains(&f32::from_bits(bits)) {
                return Err(state.damaged("a priority is not finite, or below 0"));
            }
            let inserted = state.read_at_most(self.inserted, "when a slot was inserted")?;
            self.keys.push(Key { priority, inserted });
        }
        state.read_order(len, &mut self.order, &mut self.positions)?;
        if (1..len).any(|position| self.key(position) < self.key((position - 1) / 2)) {
            return Err(state.damaged("an order of priorities is out of order"));
        }
        Ok(())
    }

    /// Puts all slots in their true order.
    pub(crate) fn sort(&mut self) {
        let keys = &self.keys;
        self.order.sort_unstable_by_key(|&slot| keys[slot]);
        for (position, &slot) in self.order.iter().enumerate() {
            self.positions[slot] = position;
        }
    }

    fn change(&mut self, slot: usize, edit: impl FnOnce(&mut Key), priority: f32) {
        let key = &mut self.keys[slot];
        edit(key);
        // Adding 0 turns a negative zero, which is legal, into the positive one.
        let bits = (priority + 0.0).to_bits();
        key.priority = if self.first == First::Lowest { bits } else { !bits };
        self.settle(self.positions[slot]);
    }

    /// Moves the slot at this position up or down to where it belongs.
    fn settle(&mut self, mut position: usize) {
        while position > 0 && self.key(position) < self.key((position - 1) / 2) {
            self.swap(position, (position - 1) / 2);
            position = (position - 1) / 2;
        }
        loop {
            let (left, right) = (2 * position + 1, 2 * position + 2);
            let mut least = position;
            for child in [left, right] {
                if child < self.len() && self.key(child) < self.key(least) {
                    least = child;
                }
            }
            if least == position {
                return;
            }
            self.swap(position, least);
            position = least;
        }
    }

    fn key(&self, position: usize) -> Key {
        self.keys[self.order[position]]
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.order.swap(a, b);
        self.positions[self.order[a]] = a;
        self.positions[self.order[b]] = b;
    }
}

/// Without the slots.
impl fmt::Debug for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heap").field("first", &self.first).field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_heap_whose_sort_is_the_order_of_a_plain_vector(
            highest in any::<bool>(),
            operations in prop::collection::vec((0_u8..5, any::<usize>(), 0_u8..6), 1..200),
        ) {
            let capacity = 20;
            let first = if highest { First::Highest } else { First::Lowest };
            let mut heap = Heap::new(capacity, first).unwrap();
            let mut model: Vec<(f32, usize)> = Vec::new(); // priority and age, by slot
            for (age, (kind, n, priority)) in operations.into_iter().enumerate() {
                let priority = f32::from(priority) / 2.0;
                match kind {
                    0 | 1 if model.len() < capacity => {
                        heap.insert(model.len(), priority);
                        model.push((priority, age));
                    }
                    2 if !model.is_empty() => {
                        heap.insert(n % model.len(), priority);
                        let slot = n % model.len();
                        model[slot] = (priority, age);
                    }
                    3 if !model.is_empty() => {
                        heap.set(n % model.len(), priority);
                        let slot = n % model.len();
                        model[slot].0 = priority;
                    }
                    4 if !model.is_empty() => {
                        heap.remove(n % model.len(), model.len() - 1);
                        model.swap_remove(n % model.len());
                    }
                    _ => {}
                }
                let mut expected: Vec<usize> = (0..model.len()).collect();
                let sign = if highest { -1.0 } else { 1.0 };
                expected.sort_by(|&a, &b| {
                    let key = |slot: usize| (sign * model[slot].0, model[slot].1);
                    key(a).partial_cmp(&key(b)).unwrap()
                });
                prop_assert_eq!(heap.order().first(), expected.first());
                for position in 1..heap.len() {
                    prop_assert!(heap.key((position - 1) / 2) < heap.key(position));
                    prop_assert_eq!(heap.positions[heap.order[position]], position);
                }
                let mut sorted = heap.clone();
                sorted.sort();
                prop_assert_eq!(sorted.order(), expected);
            }
        }
    }

    #[test]
    fn its_bytes_are_those_it_reserves() {
        let heap = Heap::new(100, First::Lowest).unwrap();
        let words = heap.order.capacity() + heap.positions.capacity() + 2 * heap.keys.capacity();
        assert_eq!(Heap::bytes(100), words as u128 * 8);
    }
}
