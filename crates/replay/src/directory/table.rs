//! Which slot an item is in, where items leave in any order.
//!
//! Items stay in the slots `0..len`: when one is removed, the last one takes its slot. A table holds
//! the number of the item in each slot, an index finds the slot of a number, and a list runs through
//! the slots from the oldest item to the newest. Every operation takes constant time, and none
//! allocates.

use super::id::ItemId;
use crate::{Result, StateReader, StateWriter, memory};

/// No slot.
const NONE: usize = usize::MAX;

#[derive(Debug)]
pub(crate) struct Table {
    /// The number of the item in each slot below `len`.
    numbers: Vec<u64>,
    /// The slots of the next older and the next newer item.
    older: Vec<usize>,
    newer: Vec<usize>,
    oldest: usize,
    newest: usize,
    len: usize,
    /// The number of the item that comes next.
    next: u64,
    index: Index,
}

impl Table {
    /// The bytes that a table of this many slots takes.
    pub(crate) fn bytes(capacity: usize) -> u128 {
        let places = capacity as u128 * 2;
        (3 * capacity as u128 + places.next_power_of_two()) * size_of::<usize>() as u128
    }

    pub(crate) fn new(capacity: usize) -> Result<Self> {
        let refused =
            || memory::refused(format!("a table of {capacity} items"), Self::bytes(capacity));
        let mut numbers = Vec::new();
        let (mut older, mut newer) = (Vec::new(), Vec::new());
        memory::resize(&mut numbers, capacity, 0, refused)?;
        memory::resize(&mut older, capacity, NONE, refused)?;
        memory::resize(&mut newer, capacity, NONE, refused)?;
        let mut places = Vec::new();
        let size = capacity.checked_mul(2).and_then(usize::checked_next_power_of_two);
        memory::resize(&mut places, size.ok_or_else(refused)?, NONE, refused)?;
        let index = Index { places };
        let (oldest, newest) = (NONE, NONE);
        Ok(Self { numbers, older, newer, oldest, newest, len: 0, next: 0, index })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number of the item that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The slot of the oldest item, if there is one.
    pub(crate) fn oldest(&self) -> Option<usize> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// The slot of the newest item, if there is one.
    pub(crate) fn newest(&self) -> Option<usize> {
        (self.newest != NONE).then_some(self.newest)
    }

    /// The slot of the next newer item.
    pub(crate) fn newer(&self, slot: usize) -> Option<usize> {
        (self.newer[slot] != NONE).then_some(self.newer[slot])
    }

    /// The slot of the next older item.
    pub(crate) fn older(&self, slot: usize) -> Option<usize> {
        (self.older[slot] != NONE).then_some(self.older[slot])
    }

    pub(crate) fn id(&self, slot: usize) -> ItemId {
        ItemId(self.numbers[slot])
    }

    pub(crate) fn slot(&self, id: ItemId) -> Option<usize> {
        self.index.find(id.0, &self.numbers).map(|place| self.index.places[place])
    }

    /// An item comes that is not kept: only its number is used up.
    pub(crate) fn pass(&mut self) -> ItemId {
        let id = ItemId(self.next);
        self.next += 1;
        id
    }

    /// The next item is in the first free slot.
    pub(crate) fn append(&mut self) -> ItemId {
        let slot = self.len;
        self.len += 1;
        self.write(slot)
    }

    /// The next item takes the place of the one in `slot`.
    pub(crate) fn replace(&mut self, slot: usize) -> ItemId {
        self.erase(slot);
        self.write(slot)
    }

    /// The item in `slot` is gone, and the last one takes its slot. Returns the slot that the last
    /// one was in.
    pub(crate) fn remove(&mut self, slot: usize) -> usize {
        self.erase(slot);
        let last = self.len - 1;
        self.len = last;
        if slot != last {
            let number = self.numbers[last];
            if let Some(place) = self.index.find(number, &self.numbers) {
                self.index.places[place] = slot;
            }
            self.numbers[slot] = number;
            let (older, newer) = (self.older[last], self.newer[last]);
            (self.older[slot], self.newer[slot]) = (older, newer);
            *self.newer_of(older) = slot;
            *self.older_of(newer) = slot;
        }
        last
    }

    /// Forgets all items, not their numbers.
    pub(crate) fn clear(&mut self) {
        self.index.places.fill(NONE);
        (self.oldest, self.newest, self.len) = (NONE, NONE, 0);
    }

    /// Writes slots and numbers, oldest first.
    pub(crate) fn save(&self, state: &mut StateWriter) -> Result<()> {
        let slots = std::iter::successors(self.oldest(), |&slot| self.newer(slot));
        slots.into_iter().try_for_each(|slot| {
            state.write_slot(slot, self.len)?;
            state.write_u64(self.numbers[slot])
        })
    }

    /// Reads so many items into a table without any. The next one has number `next`.
    pub(crate) fn load(&mut self, len: usize, next: u64, state: &mut StateReader) -> Result<()> {
        const FREE: u64 = u64::MAX;
        self.clear();
        self.numbers.fill(FREE);
        self.next = 0;
        for _ in 0..len {
            let (slot, number) = (state.read_slot(len)?, state.read_u64()?);
            if number < self.next || number >= next || self.numbers[slot] != FREE {
                let problem = format!("item {number} cannot be in slot {slot}: out of order");
                return Err(state.damaged(problem));
            }
            self.next = number;
            self.write(slot);
        }
        (self.len, self.next) = (len, next);
        Ok(())
    }

    fn write(&mut self, slot: usize) -> ItemId {
        let id = self.pass();
        self.numbers[slot] = id.0;
        self.index.insert(id.0, slot);
        (self.older[slot], self.newer[slot]) = (self.newest, NONE);
        let newest = self.newest;
        *self.newer_of(newest) = slot;
        self.newest = slot;
        id
    }

    fn erase(&mut self, slot: usize) {
        self.index.remove(self.numbers[slot], &self.numbers);
        let (older, newer) = (self.older[slot], self.newer[slot]);
        *self.newer_of(older) = newer;
        *self.older_of(newer) = older;
    }

    /// What comes after a slot, or the start of the list.
    fn newer_of(&mut self, slot: usize) -> &mut usize {
        if slot == NONE { &mut self.oldest } else { &mut self.newer[slot] }
    }

    /// What comes before a slot, or the end of the list.
    fn older_of(&mut self, slot: usize) -> &mut usize {
        if slot == NONE { &mut self.newest } else { &mut self.older[slot] }
    }
}

/// A hash table from numbers to slots with linear probing, at most half full. It holds slots alone:
/// the table of numbers says which number a slot is for.
#[derive(Debug)]
struct Index {
    places: Vec<usize>,
}

impl Index {
    /// Where the search for a number begins. Fibonacci hashing: the golden ratio spreads numbers
    /// that follow one another.
    fn home(&self, number: u64) -> usize {
        let bits = self.places.len().trailing_zeros();
        (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits)) as usize
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    fn find(&self, number: u64, numbers: &[u64]) -> Option<usize> {
        let mut place = self.home(number);
        while self.places[place] != NONE {
            if numbers[self.places[place]] == number {
                return Some(place);
            }
            place = self.after(place);
        }
        None
    }

    fn insert(&mut self, number: u64, slot: usize) {
        let mut place = self.home(number);
        while self.places[place] != NONE {
            place = self.after(place);
        }
        self.places[place] = slot;
    }

    /// Closes the gap that the number leaves, so that every search still finds what it looks for:
    /// whatever lies behind the gap and could not be at home moves up.
    fn remove(&mut self, number: u64, numbers: &[u64]) {
        let Some(mut gap) = self.find(number, numbers) else { return };
        let mask = self.places.len() - 1;
        let mut place = self.after(gap);
        while self.places[place] != NONE {
            let home = self.home(numbers[self.places[place]]);
            let (from_home, from_gap) =
                (place.wrapping_sub(home) & mask, place.wrapping_sub(gap) & mask);
            if from_home >= from_gap {
                self.places[gap] = self.places[place];
                gap = place;
            }
            place = self.after(place);
        }
        self.places[gap] = NONE;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_plain_vector_does(
            capacity in 1_usize..40,
            operations in prop::collection::vec((0_u8..4, any::<usize>()), 1..300),
        ) {
            let mut table = Table::new(capacity).unwrap();
            let mut slots: Vec<u64> = Vec::new();
            let mut next = 0;
            for (kind, n) in operations {
                let id = match kind {
                    0 if slots.len() < capacity => {
                        slots.push(next);
                        Some(table.append())
                    }
                    1 if !slots.is_empty() => {
                        let slot = n % slots.len();
                        slots[slot] = next;
                        Some(table.replace(slot))
                    }
                    2 if !slots.is_empty() => {
                        let slot = n % slots.len();
                        slots.swap_remove(slot);
                        prop_assert_eq!(table.remove(slot), slots.len());
                        None
                    }
                    3 if n % 50 == 0 => {
                        slots.clear();
                        table.clear();
                        None
                    }
                    _ => Some(table.pass()),
                };
                if let Some(id) = id {
                    prop_assert_eq!(id, ItemId(next));
                    next += 1;
                }

                prop_assert_eq!(table.len(), slots.len());
                for number in 0..next + 2 {
                    let slot = slots.iter().position(|&held| held == number);
                    prop_assert_eq!(table.slot(ItemId(number)), slot);
                    prop_assert!(slot.is_none_or(|slot| table.id(slot) == ItemId(number)));
                }
                let mut ordered = slots.clone();
                ordered.sort_unstable();
                let forward = std::iter::successors(table.oldest(), |&slot| table.newer(slot));
                prop_assert!(forward.map(|slot| table.id(slot).0).eq(ordered.iter().copied()));
                let backward = std::iter::successors(table.newest(), |&slot| table.older(slot));
                prop_assert!(backward.map(|slot| table.id(slot).0).eq(ordered.into_iter().rev()));
            }
        }
    }

    #[test]
    fn its_bytes_are_those_it_reserves() {
        for capacity in [1, 3, 8, 100] {
            let table = Table::new(capacity).unwrap();
            let words = 3 * capacity + table.index.places.len();
            assert_eq!(Table::bytes(capacity), words as u128 * 8);
        }
    }
}
