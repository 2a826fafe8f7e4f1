//! Which items to learn from.

mod importance;
mod partition;
mod power_law;
mod prioritized;
mod random;
mod rank_based;
mod sequences;
mod tree;
mod uniform;
mod vector;
mod without_replacement;

pub use importance::Normalization;
pub use prioritized::Prioritized;
use rand::RngCore;
pub use rank_based::RankBased;
pub use sequences::Sequences;
pub use uniform::Uniform;
pub use without_replacement::WithoutReplacement;

use crate::{Result, StateReader, StateWriter};

/// Chooses which items of a [`Buffer`](crate::Buffer) make up a batch, and how much each counts.
///
/// It knows items by their *slot*, a number below the buffer's capacity. The buffer tells it what
/// happens: [`reserve`](Sampler::reserve) once, [`inserted`](Sampler::inserted) for every item that
/// comes and [`removed`](Sampler::removed) for every one that goes, and in between any of the others.
/// As long as there are `len` items, they are in the slots `0..len`. A new item is inserted into slot
/// `len`, or into the slot of the one that it replaces, for which there is no other word.
///
/// A `Box<dyn Sampler>` is a sampler too, for a choice that is made while running.
///
/// # Example
///
/// A sampler that goes through the buffer again and again, in order of slots:
///
/// ```
/// use rand::RngCore;
/// use reflux_replay::{Batch, Buffer, Result, Sampler, Schema};
///
/// struct InTurn {
///     next: usize,
/// }
///
/// impl Sampler for InTurn {
///     fn draw(
///         &mut self,
///         len: usize,
///         _rng: &mut dyn RngCore,
///         slots: &mut [usize],
///         weights: &mut [f32],
///     ) -> Result<()> {
///         for slot in slots {
///             *slot = self.next % len;
///             self.next = *slot + 1;
///         }
///         weights.fill(1.0);
///         Ok(())
///     }
/// }
///
/// let mut schema = Schema::new();
/// let reward = schema.column::<f32>("reward", &[])?;
/// let mut buffer = Buffer::new(schema, 3, InTurn { next: 0 })?;
/// buffer.push_batch(3, &[(&[0.5_f32, 1.5, 2.5]).into()])?;
/// let mut batch = Batch::new();
/// buffer.sample(4, &mut rand::rng(), &mut batch)?;
/// assert_eq!(batch.values(reward)?, [0.5, 1.5, 2.5, 0.5]);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
pub trait Sampler {
    /// The bytes that [`reserve`](Sampler::reserve) will take, for the check whether the buffer fits
    /// into memory. 128 bits, so that no capacity overflows it.
    fn bytes(&self, capacity: usize, streams: usize) -> u128 {
        let _ = (capacity, streams);
        0
    }

    /// Takes the memory for this many slots, all of them without an item, and for items of this many
    /// streams. What an earlier buffer left behind is forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`](crate::Error::Memory) where it is not there.
    fn reserve(&mut self, capacity: usize, streams: usize) -> Result<()> {
        let _ = (capacity, streams);
        Ok(())
    }

    /// A new item is in this slot; what was known about the slot is void.
    fn inserted(&mut self, slot: usize, arrival: Arrival) {
        let _ = (slot, arrival);
    }

    /// The item in `slot` is gone. The one in `last`, the highest slot of all, has moved there,
    /// unless `slot` is the last itself; `last` is free now.
    fn removed(&mut self, slot: usize, last: usize) {
        let _ = (slot, last);
    }

    /// An item came that the eviction does not keep.
    fn passed(&mut self, arrival: Arrival) {
        let _ = arrival;
    }

    /// All items are gone.
    fn cleared(&mut self) {}

    /// How many items, one after another in a batch, are drawn together.
    fn sequence_length(&self) -> usize {
        1
    }

    /// Draws as many items as `slots` is long, a multiple of
    /// [`sequence_length`](Sampler::sequence_length), from the slots `0..len`; `len` is at least 1. Writes
    /// to `weights`, which is as long, by what each item's loss is to be multiplied. All randomness
    /// comes from `rng`.
    ///
    /// # Errors
    ///
    /// Where nothing can be drawn. An error of its own goes into
    /// [`Error::Sampler`](crate::Error::Sampler).
    fn draw(
        &mut self,
        len: usize,
        rng: &mut dyn RngCore,
        slots: &mut [usize],
        weights: &mut [f32],
    ) -> Result<()>;

    /// The items in `slots` have these priorities: equally many, each finite and at least 0. A slot
    /// may occur more than once; the last priority counts.
    ///
    /// # Errors
    ///
    /// Where the sampler cannot take them; it must not have changed any then.
    fn set_priorities(&mut self, slots: &[usize], priorities: &[f32]) -> Result<()> {
        let _ = (slots, priorities);
        Ok(())
    }

    /// This fraction of the training is done, from 0 to 1.
    fn set_progress(&mut self, progress: f64) {
        let _ = progress;
    }

    /// A name for what is saved, so that a checkpoint of another sampler is recognised. It must not change
    /// as long as there are checkpoints; the names of this crate's begin with `reflux`.
    fn kind(&self) -> &'static str {
        ""
    }

    /// Writes, for a [`Checkpoint`](crate::Checkpoint), all that [`load_state`](Sampler::load_state) needs
    /// to go on with the same choices. The items are in the slots `0..len`. Nothing is written unless
    /// this is overridden, which is right for whoever remembers nothing.
    ///
    /// # Errors
    ///
    /// What the writer says; [`Error::ForeignSampler`](crate::Error::ForeignSampler) where it does not
    /// know the items.
    fn save_state(&self, len: usize, state: &mut StateWriter) -> Result<()> {
        let _ = (len, state);
        Ok(())
    }

    /// Reads what was written, after [`reserve`](Sampler::reserve) and instead of hearing of each item:
    /// exactly as much. Whatever it reads, it must not panic, nor later.
    ///
    /// # Errors
    ///
    /// What the reader says; [`StateReader::damaged`] for what cannot have been written;
    /// [`Error::ForeignCheckpoint`](crate::Error::ForeignCheckpoint) for other settings.
    fn load_state(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        let _ = (len, state);
        Ok(())
    }
}

/// How an item came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Arrival {
    /// The environment that it comes from, where several take turns; else 0.
    pub stream: usize,
    /// Whether it is the last of its episode.
    pub ends_episode: bool,
}

impl<S: Sampler + ?Sized> Sampler for Box<S> {
    fn bytes(&self, capacity: usize, streams: usize) -> u128 {
        (**self).bytes(capacity, streams)
    }

    fn reserve(&mut self, capacity: usize, streams: usize) -> Result<()> {
        (**self).reserve(capacity, streams)
    }

    fn inserted(&mut self, slot: usize, arrival: Arrival) {
        (**self).inserted(slot, arrival);
    }

    fn removed(&mut self, slot: usize, last: usize) {
        (**self).removed(slot, last);
    }

    fn passed(&mut self, arrival: Arrival) {
        (**self).passed(arrival);
    }

    fn sequence_length(&self) -> usize {
        (**self).sequence_length()
    }

    fn cleared(&mut self) {
        (**self).cleared();
    }

    fn draw(
        &mut self,
        len: usize,
        rng: &mut dyn RngCore,
        slots: &mut [usize],
        weights: &mut [f32],
    ) -> Result<()> {
        (**self).draw(len, rng, slots, weights)
    }

    fn set_priorities(&mut self, slots: &[usize], priorities: &[f32]) -> Result<()> {
        (**self).set_priorities(slots, priorities)
    }

    fn set_progress(&mut self, progress: f64) {
        (**self).set_progress(progress);
    }

    fn kind(&self) -> &'static str {
        (**self).kind()
    }

    fn save_state(&self, len: usize, state: &mut StateWriter) -> Result<()> {
        (**self).save_state(len, state)
    }

    fn load_state(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        (**self).load_state(len, state)
    }
}
