//! What there is least left to learn from makes room.

use super::Eviction;
use crate::heap::{First, Heap};
use crate::{Result, StateReader, StateWriter};

/// The item of lowest priority makes room; of equal ones, the oldest.
///
/// Priorities are those of [`Buffer::set_priorities`](crate::Buffer::set_priorities), whatever the
/// sampler makes of them. A new item has the largest priority seen so far, 1 at the start, so it is
/// not the first to go. It works with every sampler, and keeps its own 32 bytes an item.
///
/// # Example
///
/// ```
/// use reflux_replay::{Buffer, LowestPriority, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// schema.column::<i64>("number", &[])?;
/// let mut buffer =
///     Buffer::builder(schema, 3).with_eviction(LowestPriority::new()).build(Uniform::new())?;
/// let ids: Vec<_> = buffer.push_batch(3, &[(&[0_i64, 1, 2]).into()])?.collect();
/// buffer.set_priorities(&ids, &[2.0, 0.1, 0.5])?;
/// buffer.push(&[(&3_i64).into()])?;
/// assert!(!buffer.contains(ids[1]));
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LowestPriority {
    heap: Heap,
    /// The largest priority seen so far, which new items get.
    largest: f32,
}

impl LowestPriority {
    /// It has no settings.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Default for LowestPriority {
    fn default() -> Self {
        Self { heap: Heap::default(), largest: 1.0 }
    }
}

impl Eviction for LowestPriority {
    fn bytes(&self, capacity: usize) -> u128 {
        Heap::bytes(capacity)
    }

    fn reserve(&mut self, capacity: usize) -> Result<()> {
        self.heap = Heap::new(capacity, First::Lowest)?;
        self.largest = 1.0;
        Ok(())
    }

    fn victim(&mut self, _len: usize, _oldest: usize) -> Option<usize> {
        self.heap.order().first().copied()
    }

    fn inserted(&mut self, slot: usize) {
        self.heap.insert(slot, self.largest);
    }

    fn removed(&mut self, slot: usize, last: usize) {
        self.heap.remove(slot, last);
    }

    fn cleared(&mut self) {
        self.heap.clear();
        self.largest = 1.0;
    }

    fn set_priorities(&mut self, slots: &[usize], priorities: &[f32]) {
        for (&slot, &priority) in slots.iter().zip(priorities) {
            self.largest = self.largest.max(priority);
            self.heap.set(slot, priority);
        }
    }

    fn kind(&self) -> &'static str {
        "reflux lowest priority"
    }

    fn save_state(&self, _len: usize, state: &mut StateWriter) -> Result<()> {
        state.write_f64(self.largest.into())?;
        self.heap.save(state)
    }

    fn load_state(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        self.largest = state.read_magnitude("the largest priority")? as f32;
        self.heap.load(len, state)
    }
}
