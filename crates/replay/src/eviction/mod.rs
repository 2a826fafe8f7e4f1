//! Which item makes room for a new one.

mod lowest_priority;
mod reservoir;

use std::fmt;

pub use lowest_priority::LowestPriority;
pub use reservoir::Reservoir;

use crate::{Result, StateReader, StateWriter};

/// Chooses which item of a full [`Buffer`](crate::Buffer) makes room for a new one, or that the new
/// one is not kept.
///
/// Like a [`Sampler`](crate::Sampler), which it knows nothing of, it knows items by their slots,
/// `0..len`, and is told what happens to them. [`FirstInFirstOut`] is what a buffer does when nothing
/// else is said; the others are [`Reservoir`] and [`LowestPriority`].
///
/// # Example
///
/// The newest item makes room, so that the first ones stay:
///
/// ```
/// use reflux_replay::{Buffer, Eviction, Schema, Uniform};
///
/// #[derive(Debug)]
/// struct KeepTheFirst;
///
/// impl Eviction for KeepTheFirst {
///     fn victim(&mut self, _len: usize, _oldest: usize) -> Option<usize> {
///         None // the new item is not kept
///     }
/// }
///
/// let mut schema = Schema::new();
/// schema.column::<f32>("reward", &[])?;
/// let mut buffer = Buffer::builder(schema, 2).with_eviction(KeepTheFirst).build(Uniform::new())?;
/// let ids: Vec<_> = buffer.push_batch(3, &[(&[0.5_f32, 1.5, 2.5]).into()])?.collect();
/// assert!(buffer.items().eq(ids[..2].iter().copied()));
/// # Ok::<(), reflux_replay::Error>(())
/// ```
pub trait Eviction: fmt::Debug + Send + Sync {
    /// The bytes that [`reserve`](Eviction::reserve) will take for so many slots.
    fn bytes(&self, capacity: usize) -> u128 {
        let _ = capacity;
        0
    }

    /// Takes the memory for this many slots, all of them without an item.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`](crate::Error::Memory) where it is not there.
    fn reserve(&mut self, capacity: usize) -> Result<()> {
        let _ = capacity;
        Ok(())
    }

    /// An item comes and there is no room for it: the slot, below `len`, of the item that makes
    /// room, or `None` where the new item is not kept. The oldest item is in slot `oldest`.
    ///
    /// A slot that is not below `len` counts as `None`.
    fn victim(&mut self, len: usize, oldest: usize) -> Option<usize>;

    /// The item that comes is kept, one has made room, and it is not enough, since
    /// [frames](crate::Schema::share_frames) are short: the slot of one more that goes. A slot that is
    /// not below `len` counts as the oldest item's.
    fn another_victim(&mut self, len: usize, oldest: usize) -> usize {
        self.victim(len, oldest).unwrap_or(oldest)
    }

    /// Whether [`victim`](Eviction::victim) is always the oldest, so that a buffer that removes
    /// nothing on other grounds can do without a table of what is where.
    fn is_first_in_first_out(&self) -> bool {
        false
    }

    /// A new item is in this slot; what was known about the slot is void.
    fn inserted(&mut self, slot: usize) {
        let _ = slot;
    }

    /// The item in `slot` is gone; the one in `last`, the highest slot of all, has moved there,
    /// unless `slot` is the last itself.
    fn removed(&mut self, slot: usize, last: usize) {
        let _ = (slot, last);
    }

    /// All items are gone.
    fn cleared(&mut self) {}

    /// The items in `slots` have these priorities, each finite and at least 0.
    fn set_priorities(&mut self, slots: &[usize], priorities: &[f32]) {
        let _ = (slots, priorities);
    }

    /// A name for what is saved, so that a checkpoint of another eviction is recognised. It must not change
    /// as long as there are checkpoints; the names of this crate's begin with `reflux`.
    fn kind(&self) -> &'static str {
        ""
    }

    /// Writes, for a [`Checkpoint`](crate::Checkpoint), all that [`load_state`](Eviction::load_state) needs
    /// to go on with the same choices. The items are in the slots `0..len`. Nothing is written unless
    /// this is overridden, which is right for whoever remembers nothing.
    ///
    /// # Errors
    ///
    /// What the writer says.
    fn save_state(&self, len: usize, state: &mut StateWriter) -> Result<()> {
        let _ = (len, state);
        Ok(())
    }

    /// Reads what was written, after [`reserve`](Eviction::reserve) and instead of hearing of each item:
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

/// The oldest item makes room. A buffer does this when nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FirstInFirstOut;

impl Eviction for FirstInFirstOut {
    fn victim(&mut self, _len: usize, oldest: usize) -> Option<usize> {
        Some(oldest)
    }

    fn is_first_in_first_out(&self) -> bool {
        true
    }

    fn kind(&self) -> &'static str {
        "reflux first in first out"
    }
}
