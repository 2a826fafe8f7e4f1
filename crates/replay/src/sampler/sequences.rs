//! Items that followed each other: what a recurrent network or a model of the world learns from.
//! Hausknecht & Stone 2015, "Deep recurrent Q-learning for partially observable MDPs",
//! arXiv:1507.06527.

use std::fmt;

use rand::RngCore;

use super::importance::check_saved;
use super::partition::Partition;
use super::{Arrival, Sampler, random};
use crate::{Error, Result, StateReader, StateWriter, memory};

/// No slot.
const NONE: usize = usize::MAX;

/// Draws sequences of a fixed length: items of one stream that were pushed one after another, within
/// one episode. Each such sequence in the buffer is equally likely, and all weights are 1.
///
/// Where an episode ends is known from the columns that were marked with
/// [`Schema::mark_episode_end`](crate::Schema::mark_episode_end), and which environment an item is
/// from, where several take turns, from the one of
/// [`Schema::mark_stream`](crate::Schema::mark_stream). Without marks, all items are one episode.
/// A sequence never joins two episodes or two streams, nor the newest item to the oldest, nor what
/// came before an item that has been evicted, or was never kept, to what came after it. Episodes that are shorter than
/// the sequences do not come.
///
/// A batch of `n` sequences has `n · length` items, the items of each sequence one after another;
/// [`Batch::sequences`](crate::Batch::sequences) gives a column as `[n, length, ...shape]`. It takes
/// 40 bytes an item; a push costs a walk back over `length` items.
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_replay::{Batch, Buffer, Schema, Sequences};
///
/// let mut schema = Schema::new();
/// let number = schema.column::<i64>("number", &[])?;
/// let last = schema.column::<bool>("last", &[])?;
/// schema.mark_episode_end(last)?;
/// let mut buffer = Buffer::new(schema, 100, Sequences::new(3)?)?;
/// for n in 0..10_i64 {
///     buffer.push(&[(&n).into(), (&(n == 3)).into()])?; // episodes 0, 1, 2, 3 and 4, 5, ...
/// }
///
/// let mut batch = Batch::new();
/// buffer.sample(20, &mut Xoshiro256PlusPlus::seed_from_u64(0), &mut batch)?;
/// let sequences = batch.sequences(number)?;
/// assert_eq!(sequences.shape(), [20, 3]);
/// for sequence in sequences.outer_iter() {
///     assert_eq!((sequence[1], sequence[2]), (sequence[0] + 1, sequence[0] + 2));
///     assert!(sequence[0] <= 1 || sequence[0] >= 4);
/// }
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Clone)]
pub struct Sequences {
    length: usize,
    /// In front, the slots at which a whole sequence begins.
    starts: Partition,
    /// What came before and after each item in its episode, as far as it is held.
    links: Vec<Links>,
    /// The latest item of each stream whose episode goes on.
    latest: Vec<usize>,
    /// The positions, among the starts, of the sequences of a batch.
    drawn: Vec<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Links {
    before: usize,
    after: usize,
    stream: usize,
}

impl Sequences {
    /// Sequences of this many items.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for a length of 0.
    pub fn new(length: usize) -> Result<Self> {
        if length == 0 {
            return Err(Error::Setting { name: "sequence length", legal: "at least 1", got: 0.0 });
        }
        Ok(Self {
            length,
            starts: Partition::default(),
            links: Vec::new(),
            latest: Vec::new(),
            drawn: Vec::new(),
        })
    }

    /// How many items a sequence has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How many different sequences there are to draw.
    pub fn available(&self) -> usize {
        self.starts.front().len()
    }

    /// The item with which the sequence ending in this one begins, if it is held whole.
    fn start_of(&self, slot: usize) -> Option<usize> {
        let mut backward = std::iter::successors(Some(slot), |&slot| {
            let before = self.links[slot].before;
            (before != NONE).then_some(before)
        });
        backward.nth(self.length - 1)
    }

    /// Whether items are linked both ways, in lines of one stream, and the starts are those of all whole
    /// sequences.
    fn is_consistent(&self) -> bool {
        let mirrored = |slot: usize| {
            let Links { before, after, stream } = self.links[slot];
            let then = |next: usize| {
                next == NONE
                    || (self.links[next].before == slot && self.links[next].stream == stream)
            };
            then(after) && (before == NONE || self.links[before].after == slot)
        };
        let ends = |(stream, &slot): (usize, &usize)| {
            slot == NONE || (self.links[slot].stream == stream && self.links[slot].after == NONE)
        };
        let slots = 0..self.links.len();
        if !slots.clone().all(mirrored) || !self.latest.iter().enumerate().all(ends) {
            return false;
        }
        // Since all links go both ways, a line from its first item does not come back, and what is in
        // no line is in a circle.
        let line = |first: usize| {
            std::iter::successors(Some(first), |&slot| {
                let after = self.links[slot].after;
                (after != NONE).then_some(after)
            })
        };
        let mut in_lines = 0;
        for first in slots.filter(|&slot| self.links[slot].before == NONE) {
            let items = line(first).count();
            let marked = |(at, slot)| (items - at >= self.length) == self.starts.is_in_front(slot);
            if !line(first).enumerate().all(marked) {
                return false;
            }
            in_lines += items;
        }
        in_lines == self.links.len()
    }

    /// Takes the item in this slot out of its episode, and all sequences that it is in.
    fn unlink(&mut self, slot: usize) {
        let Links { before, after, stream } = self.links[slot];
        let mut start = slot;
        for _ in 0..self.length {
            self.starts.move_to_back(start);
            start = self.links[start].before;
            if start == NONE {
                break;
            }
        }
        if before != NONE {
            self.links[before].after = NONE;
        }
        if after != NONE {
            self.links[after].before = NONE;
        }
        if self.latest[stream] == slot {
            self.latest[stream] = NONE;
        }
    }
}

impl Sampler for Sequences {
    fn bytes(&self, capacity: usize, streams: usize) -> u128 {
        Partition::bytes(capacity)
            + capacity as u128 * size_of::<Links>() as u128
            + streams as u128 * size_of::<usize>() as u128
    }

    fn reserve(&mut self, capacity: usize, streams: usize) -> Result<()> {
        let needed = self.bytes(capacity, streams);
        let refused = || memory::refused(format!("the sequences of {capacity} items"), needed);
        self.starts = Partition::new(capacity)?;
        self.links.clear();
        memory::reserve(&mut self.links, capacity, refused)?;
        self.latest.clear();
        memory::resize(&mut self.latest, streams, NONE, refused)
    }

    fn inserted(&mut self, slot: usize, arrival: Arrival) {
        let Arrival { stream, ends_episode } = arrival;
        if slot > self.links.len() || stream >= self.latest.len() {
            return; // put in after other items came, and knows none of them
        }
        if slot == self.links.len() {
            self.starts.insert(slot);
            self.links.push(Links { before: NONE, after: NONE, stream });
        } else {
            self.unlink(slot);
        }
        let before = self.latest[stream];
        if before != NONE {
            self.links[before].after = slot;
        }
        self.links[slot] = Links { before, after: NONE, stream };
        self.latest[stream] = if ends_episode { NONE } else { slot };
        if let Some(start) = self.start_of(slot) {
            self.starts.move_to_front(start);
        }
    }

    fn removed(&mut self, slot: usize, last: usize) {
        if slot > last || last + 1 != self.links.len() {
            return;
        }
        self.unlink(slot);
        self.starts.remove(slot, last);
        if slot != last {
            let moved = self.links[last];
            self.links[slot] = moved;
            if moved.before != NONE {
                self.links[moved.before].after = slot;
            }
            if moved.after != NONE {
                self.links[moved.after].before = slot;
            }
            if self.latest[moved.stream] == last {
                self.latest[moved.stream] = slot;
            }
        }
        self.links.pop();
    }

    fn passed(&mut self, arrival: Arrival) {
        if let Some(latest) = self.latest.get_mut(arrival.stream) {
            *latest = NONE;
        }
    }

    fn cleared(&mut self) {
        self.starts.clear();
        self.links.clear();
        self.latest.fill(NONE);
    }

    fn sequence_length(&self) -> usize {
        self.length
    }

    fn draw(
        &mut self,
        len: usize,
        rng: &mut dyn RngCore,
        slots: &mut [usize],
        weights: &mut [f32],
    ) -> Result<()> {
        let known = self.links.len();
        if known != len {
            return Err(Error::ForeignSampler { known, len });
        }
        let starts = self.starts.front();
        if starts.is_empty() {
            return Err(Error::NoSequence { length: self.length });
        }
        self.drawn.clear();
        self.drawn.resize(slots.len() / self.length, 0);
        random::fill_below(rng, starts.len(), &mut self.drawn);
        for (sequence, &start) in slots.chunks_exact_mut(self.length).zip(&self.drawn) {
            let mut next = starts[start];
            for slot in sequence {
                *slot = next;
                next = self.links[next].after;
            }
        }
        weights.fill(1.0);
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "reflux sequences"
    }

    fn save_state(&self, len: usize, state: &mut StateWriter) -> Result<()> {
        let known = self.links.len();
        if known != len {
            return Err(Error::ForeignSampler { known, len });
        }
        state.write_u64(self.length as u64)?;
        for links in &self.links {
            state.write_slot(links.before, len)?;
            state.write_slot(links.after, len)?;
            state.write_u64(links.stream as u64)?;
        }
        self.latest.iter().try_for_each(|&slot| state.write_slot(slot, len))?;
        self.starts.save(state)
    }

    fn load_state(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        check_saved("sequence length", state.read_u64()?, self.length as u64)?;
        let streams = self.latest.len();
        self.links.clear();
        for _ in 0..len {
            let (before, after) = (state.read_link(len)?, state.read_link(len)?);
            let stream = state.read_at_most(streams as u64 - 1, "the number of a stream")? as usize;
            self.links.push(Links { before, after, stream });
        }
        for latest in &mut self.latest {
            *latest = state.read_link(len)?;
        }
        self.starts.load(len, state)?;
        if !self.is_consistent() {
            return Err(state.damaged("the sequences are not those of the items"));
        }
        Ok(())
    }
}

/// Without what is known about each item.
impl fmt::Debug for Sequences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequences")
            .field("length", &self.length)
            .field("starts", &self.starts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_cannot_be_are_recognised() {
        let mut good = Sequences::new(2).unwrap();
        good.reserve(5, 1).unwrap();
        for slot in 0..5 {
            good.inserted(slot, Arrival { stream: 0, ends_episode: slot == 1 });
        }
        assert!(good.is_consistent());
        // Slots 2, 3, 4 are a line. It must neither run in circles nor end early.
        for (slot, before, after) in
            [(4, 3, 2), (4, 3, 3), (3, 2, 3), (3, 2, NONE), (2, 4, 3), (2, 1, 3), (4, NONE, NONE)]
        {
            let mut bad = good.clone();
            bad.links[slot] = Links { before, after, stream: 0 };
            assert!(!bad.is_consistent(), "slot {slot} between {before} and {after}");
        }
        let mut circle = good.clone();
        circle.links[4].after = 2;
        circle.links[2].before = 4;
        circle.latest[0] = NONE;
        assert!(!circle.is_consistent());
        let mut unmarked = good.clone();
        unmarked.starts.move_to_back(3);
        assert!(!unmarked.is_consistent());
    }
}
