//! Items that come and go.

use super::Buffer;
use super::uses::Uses;
use crate::directory::Directory;
use crate::{Arrival, ItemId, Sampler, Value};

impl<S: Sampler> Buffer<S> {
    /// Puts the row of `values`, which have been checked, where the directory or the eviction says.
    #[inline]
    pub(super) fn insert(&mut self, row: usize, values: &[Value<'_>]) -> ItemId {
        let arrival = self.schema.arrival(row, values);
        let Directory::Ring(ring) = &mut self.directory else {
            return self.insert_in_table(row, values, arrival);
        };
        let slot = ring.head();
        self.rows.write_one(slot, row, values);
        self.sampler.inserted(slot, arrival);
        if let Some(uses) = &mut self.uses {
            uses.inserted(slot);
        }
        ring.advance_one()
    }

    fn insert_in_table(&mut self, row: usize, values: &[Value<'_>], arrival: Arrival) -> ItemId {
        let room = self.make_room();
        let Directory::Table(table) = &mut self.directory else { return ItemId::PLACEHOLDER };
        let Some(slot) = room else {
            self.sampler.passed(arrival);
            return table.pass();
        };
        let id = if slot == table.len() { table.append() } else { table.replace(slot) };
        self.rows.write_one(slot, row, values);
        if let Some(latest) = self.latest.get_mut(arrival.stream) {
            self.rows.write_frames(slot, row, values, table.slot(*latest));
            *latest = id;
        }
        self.sampler.inserted(slot, arrival);
        self.eviction.inserted(slot);
        if let Some(uses) = &mut self.uses {
            uses.inserted(slot);
        }
        id
    }

    /// The slot for one more item: the next free one, or that of the item it replaces. `None` where
    /// the eviction does not want it. Where frames are shared, as many items go as it takes until
    /// there are frames enough, and the slot is a free one.
    fn make_room(&mut self) -> Option<usize> {
        let mut admitted = false;
        loop {
            let Directory::Table(table) = &self.directory else { return None };
            let len = table.len();
            let Some(oldest) = table.oldest() else { return Some(len) };
            if len < table.capacity() && self.rows.has_room() {
                return Some(len);
            }
            let victim = if admitted {
                let victim = self.eviction.another_victim(len, oldest);
                if victim < len { victim } else { oldest }
            } else {
                self.eviction.victim(len, oldest).filter(|&slot| slot < len)?
            };
            if !self.rows.shares_frames() {
                return Some(victim);
            }
            self.remove(victim);
            admitted = true;
        }
    }

    /// Takes the item in this slot out; the last one takes its slot.
    fn remove(&mut self, slot: usize) {
        let Directory::Table(table) = &mut self.directory else { return };
        let last = table.remove(slot);
        self.rows.remove(slot, last);
        self.sampler.removed(slot, last);
        self.eviction.removed(slot, last);
        if let Some(uses) = &mut self.uses {
            uses.removed(slot, last);
        }
    }

    /// Counts that the items in these slots have been sampled, and removes those for which it was
    /// the last time.
    pub(super) fn count_uses(&mut self, slots: &[usize]) {
        let Some(uses) = &mut self.uses else { return };
        uses.count_all(slots, |slot| self.directory.id(slot));
        while let Some(id) = self.uses.as_mut().and_then(Uses::next_spent) {
            if let Some(slot) = self.directory.slot(id) {
                self.remove(slot);
            }
        }
    }
}
