//! Which slot an item is in: the first free one, and when there is none, that of the oldest item.
//!
//! Items are numbered as they come, and no number is given out twice. Item `n` is in slot
//! `n % capacity`, and is still there while fewer than `capacity` items came after it. So the number
//! alone tells both where an item is and whether it is.

use super::id::{ItemId, ItemIds};
use crate::{Result, StateReader};

/// First in, first out.
#[derive(Debug)]
pub(crate) struct Ring {
    capacity: usize,
    len: usize,
    /// The slot of the item that comes next.
    head: usize,
    /// The number of the item that comes next.
    next: u64,
}

impl Ring {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, len: 0, head: 0, next: 0 }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The slot of the next item.
    pub(crate) fn head(&self) -> usize {
        self.head
    }

    /// The slot of the item that comes after `rows` more.
    fn head_after(&self, rows: usize) -> usize {
        let (ahead, to_the_end) = (rows % self.capacity, self.capacity - self.head);
        if ahead < to_the_end { self.head + ahead } else { ahead - to_the_end }
    }

    /// Takes the next `rows` slots, as often around as it takes.
    pub(crate) fn advance(&mut self, rows: usize) -> ItemIds {
        let first = self.next;
        self.next += rows as u64;
        self.len = self.capacity.min(self.len.saturating_add(rows));
        self.head = self.head_after(rows);
        ItemIds(first..self.next)
    }

    /// Takes the next slot: `advance(1)` without the division.
    pub(crate) fn advance_one(&mut self) -> ItemId {
        let id = ItemId(self.next);
        self.next += 1;
        self.len += usize::from(self.len < self.capacity);
        self.head += 1;
        if self.head == self.capacity {
            self.head = 0;
        }
        id
    }

    /// Becomes a ring of so many items, before the one with number `next`.
    pub(crate) fn load(&mut self, len: usize, next: u64, state: &StateReader) -> Result<()> {
        let head = (next % self.capacity as u64) as usize;
        if len < self.capacity && head != len {
            let problem = format!("{len} items before item {next} do not begin in the first slot");
            return Err(state.damaged(problem));
        }
        (self.len, self.head, self.next) = (len, head, next);
        Ok(())
    }

    /// The number of the item that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Where the item is, or `None` when the id is stale or was never given out.
    pub(crate) fn slot(&self, id: ItemId) -> Option<usize> {
        // How many items ago, from 1 for the newest. An id from the future wraps to a huge age.
        let age = self.next.wrapping_sub(id.0);
        if age == 0 || age > self.len as u64 {
            return None;
        }
        let age = age as usize;
        Some(self.head + self.capacity_if(age > self.head) - age)
    }

    /// The item in a slot below `len`.
    pub(crate) fn id(&self, slot: usize) -> ItemId {
        let age = self.head + self.capacity_if(slot >= self.head) - slot;
        ItemId(self.next - age as u64)
    }

    /// Once around the ring, if so. Not a branch: on which side of the head a random slot lies
    /// cannot be guessed.
    fn capacity_if(&self, around: bool) -> usize {
        usize::from(around) * self.capacity
    }

    pub(crate) fn items(&self) -> ItemIds {
        ItemIds(self.next - self.len as u64..self.next)
    }

    /// Forgets all items. The next number is one whose slot is 0, so that slots fill from the start
    /// again.
    pub(crate) fn clear(&mut self) {
        if self.head > 0 {
            self.next += (self.capacity - self.head) as u64;
        }
        self.head = 0;
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_in_the_slot_of_its_number_until_it_is_overwritten() {
        let mut ring = Ring::new(3);
        for n in 0..10_u64 {
            assert_eq!(ring.slot(ItemId(n)), None, "not yet pushed");
            assert_eq!(ring.head(), (n % 3) as usize);
            assert_eq!(ring.advance_one(), ItemId(n));
            for m in 0..=n {
                let held = n - m < 3;
                assert_eq!(ring.slot(ItemId(m)), held.then_some((m % 3) as usize));
                if held {
                    assert_eq!(ring.id((m % 3) as usize), ItemId(m));
                }
            }
            assert_eq!(ring.items().next_back(), Some(ItemId(n)));
            assert_eq!(ring.items().len(), ring.len());
        }
    }

    #[test]
    fn many_at_once_is_the_same_as_one_by_one() {
        let (mut many, mut one) = (Ring::new(4), Ring::new(4));
        for rows in [1, 0, 3, 4, 2, 9, 8, 5] {
            let ids: Vec<_> = (0..rows).map(|_| one.advance_one()).collect();
            assert!(many.advance(rows).eq(ids));
            assert_eq!((many.head, many.len, many.next), (one.head, one.len, one.next));
        }
    }

    #[test]
    fn no_number_comes_twice_after_clear() {
        let mut ring = Ring::new(4);
        ring.advance(6);
        ring.clear();
        assert_eq!((ring.len(), ring.head()), (0, 0));
        assert!((0..8).all(|n| ring.slot(ItemId(n)).is_none()));
        assert_eq!(ring.advance_one(), ItemId(8));
        assert_eq!(ring.slot(ItemId(8)), Some(0));
    }
}
