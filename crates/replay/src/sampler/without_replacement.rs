//! Every item once before any comes again.

use rand::RngCore;

use super::partition::Partition;
use super::{Arrival, Sampler, random};
use crate::{Error, Result, StateReader, StateWriter};

/// Goes through the buffer in *epochs*: in each, every item comes exactly once, in an order that the
/// random generator settles. All weights are 1.
///
/// An item that is pushed during an epoch joins it: it is as likely to come next as any other that
/// has not come yet. One that takes the place of an evicted item is a new item in this, too. A batch
/// that reaches the end of an epoch goes on with the next, so the last batch is as long as the
/// others, and only such a batch can hold an item twice; one that is longer than the buffer holds
/// several epochs. With [`within_batches`](Self::within_batches) each batch starts an epoch of its
/// own: no batch up to the size of the buffer holds an item twice, and batches are independent of
/// each other. 16 bytes an item.
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_replay::{Batch, Buffer, Schema, WithoutReplacement};
///
/// let mut schema = Schema::new();
/// let number = schema.column::<i64>("number", &[])?;
/// let mut buffer = Buffer::new(schema, 6, WithoutReplacement::new())?;
/// buffer.push_batch(6, &[(&[0_i64, 1, 2, 3, 4, 5]).into()])?;
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let (mut batch, mut seen) = (Batch::new(), Vec::new());
/// for _ in 0..3 {
///     buffer.sample(2, rng, &mut batch)?;
///     seen.extend_from_slice(batch.values(number)?);
/// }
/// seen.sort();
/// assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct WithoutReplacement {
    /// In front, what has come in this epoch.
    slots: Partition,
    /// Whether each batch starts an epoch.
    within_batches: bool,
}

impl WithoutReplacement {
    /// Epochs that go on from batch to batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An epoch for each batch, as `numpy.random.choice(len, size, replace=False)` draws: what comes
    /// in one batch does not keep it from coming in the next.
    pub fn within_batches() -> Self {
        Self { within_batches: true, ..Self::default() }
    }

    /// How many items are still to come in this epoch.
    pub fn left(&self) -> usize {
        self.slots.back().len()
    }
}

impl Sampler for WithoutReplacement {
    fn bytes(&self, capacity: usize, _streams: usize) -> u128 {
        Partition::bytes(capacity)
    }

    fn reserve(&mut self, capacity: usize, _streams: usize) -> Result<()> {
        self.slots = Partition::new(capacity)?;
        Ok(())
    }

    fn inserted(&mut self, slot: usize, _arrival: Arrival) {
        self.slots.insert(slot);
    }

    fn removed(&mut self, slot: usize, last: usize) {
        self.slots.remove(slot, last);
    }

    fn cleared(&mut self) {
        self.slots.clear();
    }

    fn draw(
        &mut self,
        len: usize,
        rng: &mut dyn RngCore,
        slots: &mut [usize],
        weights: &mut [f32],
    ) -> Result<()> {
        let known = self.slots.len();
        if known != len {
            return Err(Error::ForeignSampler { known, len });
        }
        if self.within_batches {
            self.slots.move_all_to_back();
        }
        for slot in slots {
            if self.slots.back().is_empty() {
                self.slots.move_all_to_back();
            }
            let left = self.slots.back();
            *slot = left[random::below(rng, left.len())];
            self.slots.move_to_front(*slot);
        }
        weights.fill(1.0);
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "reflux without replacement"
    }

    fn save_state(&self, len: usize, state: &mut StateWriter) -> Result<()> {
        let known = self.slots.len();
        if known != len {
            return Err(Error::ForeignSampler { known, len });
        }
        self.slots.save(state)
    }

    fn load_state(&mut self, len: usize, state: &mut StateReader) -> Result<()> {
        self.slots.load(len, state)
    }
}
