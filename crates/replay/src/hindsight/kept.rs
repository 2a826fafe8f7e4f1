//! What waits until an episode is over: its steps, and the goals of those before it.

use rand::Rng;

use crate::cells::Cells;
use crate::{Element, Result, Schema, Value, memory};

/// The steps of an episode so far.
pub(super) struct Trajectory<G> {
    pub(super) len: usize,
    /// The number of steps that there is room for.
    room: usize,
    pub(super) columns: Vec<Cells>,
    /// The goal that each step achieved, one after another.
    pub(super) achieved: Vec<G>,
}

impl<G: Element> Trajectory<G> {
    pub(super) fn new(schema: &Schema) -> Self {
        let columns = schema.columns().iter().map(Cells::new).collect();
        Self { len: 0, room: 0, columns, achieved: Vec::new() }
    }

    pub(super) fn push(
        &mut self,
        schema: &Schema,
        values: &[Value<'_>],
        achieved: &[G],
    ) -> Result<()> {
        if self.len == self.room {
            self.grow(schema, achieved.len())?;
        }
        for (column, &value) in self.columns.iter_mut().zip(values) {
            column.set(self.len, value);
        }
        self.achieved[self.len * achieved.len()..][..achieved.len()].copy_from_slice(achieved);
        self.len += 1;
        Ok(())
    }

    /// Makes room for twice as many steps.
    fn grow(&mut self, schema: &Schema, width: usize) -> Result<()> {
        let room = (2 * self.room).max(64);
        let per_step = schema.bytes_per_item() as u128 + (width * G::DTYPE.bytes()) as u128;
        let what = || format!("an episode of {room} steps");
        let needed = per_step * room as u128;
        memory::check(what, needed)?;
        let refused = || memory::refused(what(), needed);
        for column in &mut self.columns {
            column.resize(room, refused)?;
        }
        let elements = room.checked_mul(width).ok_or_else(refused)?;
        memory::resize(&mut self.achieved, elements, G::default(), refused)?;
        self.room = room;
        Ok(())
    }

    /// Forgets the steps, not their memory.
    pub(super) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.len)
    }
}

/// Goals achieved in all episodes so far, each equally likely to be kept: Vitter 1985, "Random
/// Sampling with a Reservoir", Algorithm R.
pub(super) struct Archive<G> {
    capacity: usize,
    seen: u64,
    pub(super) goals: Vec<G>,
}

impl<G: Element> Archive<G> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, seen: 0, goals: Vec::new() }
    }

    /// Adds the goals of an episode, or some of them in the place of earlier ones.
    pub(super) fn add<R: Rng + ?Sized>(
        &mut self,
        goals: &[G],
        width: usize,
        rng: &mut R,
    ) -> Result<()> {
        for goal in goals.chunks_exact(width) {
            self.seen += 1;
            if self.goals.len() / width < self.capacity {
                let bytes = (self.goals.len() + width) as u128 * G::DTYPE.bytes() as u128;
                let refused = |_| memory::refused("the memory of goals".to_owned(), bytes);
                self.goals.try_reserve(width).map_err(refused)?;
                self.goals.extend_from_slice(goal);
                continue;
            }
            let place = rng.random_range(0..self.seen);
            if place < self.capacity as u64 {
                self.goals[place as usize * width..][..width].copy_from_slice(goal);
            }
        }
        Ok(())
    }
}
