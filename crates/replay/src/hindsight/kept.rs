//! What waits until an episode is over: its steps, and the goals of those before it.

use rand::Rng;

use crate::cells::Cells;
use crate::checkpoint::{WaitingReader, WaitingWriter, damaged};
use crate::{ColumnInfo, Element, Result, Schema, Value, memory};

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

    pub(super) fn save(&self, writer: &mut WaitingWriter) {
        writer.number(self.len as u64);
        for column in &self.columns {
            writer.value(column.rows(0..self.len));
        }
        let width = self.achieved.len().checked_div(self.room).unwrap_or(0);
        writer.value(G::value(&self.achieved[..self.len * width]));
    }

    pub(super) fn load(
        schema: &Schema,
        goal: &ColumnInfo,
        reader: &mut WaitingReader<'_>,
    ) -> Result<Self> {
        let len = reader.number()?;
        let columns = schema.columns().iter().map(|column| reader.rows(len, column));
        let columns = columns.collect::<Result<_>>()?;
        let achieved = goals(len, goal, reader)?;
        // What was read is no longer than the bytes that it was read from.
        let len = len as usize;
        Ok(Self { len, room: len, columns, achieved })
    }

    /// Forgets the steps, not their memory.
    pub(super) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.len)
    }
}

/// Goals achieved in all episodes so far, each equally likely to be kept: Vitter 1985, "Random
/// Sampling with a Reservoir", Algorithm R.
pub(super) struct Archive<G> {
    pub(super) capacity: usize,
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

    pub(super) fn save(&self, width: usize, writer: &mut WaitingWriter) {
        writer.number(self.seen);
        writer.number((self.goals.len() / width) as u64);
        writer.value(G::value(&self.goals));
    }

    /// One of the same capacity.
    pub(super) fn load(&self, goal: &ColumnInfo, reader: &mut WaitingReader<'_>) -> Result<Self> {
        let (seen, kept) = (reader.number()?, reader.number()?);
        if kept != seen.min(self.capacity as u64) {
            return Err(damaged("the number of remembered goals is impossible"));
        }
        Ok(Self { capacity: self.capacity, seen, goals: goals(kept, goal, reader)? })
    }
}

/// So many goals.
fn goals<G: Element>(
    number: u64,
    column: &ColumnInfo,
    reader: &mut WaitingReader<'_>,
) -> Result<Vec<G>> {
    let cells = reader.rows(number, column)?;
    let goals = G::of(cells.rows(0..number as usize)).unwrap_or_default();
    Ok(goals.to_vec())
}
