//! A buffer with writers in other threads.
//!
//! ```text
//! actor -> NStep -> Writer == blocks ==\
//! actor -> NStep -> Writer == blocks ===> SharedBuffer: Buffer -> Batch -> learner
//! actor -> NStep -> Writer == blocks ==/
//! ```
//!
//! The buffer belongs to the learner alone. Writers hand items over in blocks, and the learner takes
//! them in between two batches; so there is no lock on the buffer.

mod handover;
mod source;
mod staged;
mod sync;
mod writer;

use std::fmt;
use std::sync::Arc;

use handover::{Bell, Lane};
use source::{Progress, Source};
pub use writer::Writer;

use crate::{Buffer, Error, RateLimiter, Result, Sampler, Value};

/// A [`Buffer`] for one learner, and for any number of [`Writer`]s in other threads.
///
/// The learner has the buffer for itself: it samples, sets priorities and saves as if there were
/// nobody else. Each writer copies items into a block of memory of its own and hands the block over
/// when it is full; [`SharedBuffer::receive`] moves the items of all blocks into the buffer, at the
/// moment that the learner chooses. Neither side ever holds a lock while it copies or draws items.
///
/// # What is promised
///
/// - **Whole items.** A sample sees only items that were pushed completely.
/// - **In order, once each.** The items that have been received of a writer are the first that it
///   pushed, in its order, each of them once. Between those of different writers there is no order: they
///   take turns by blocks.
/// - **When.** An item can be received once its block has been handed over: when the block is full,
///   by [`Writer::flush`], or when the writer is dropped. Nothing changes in the buffer but by a call
///   of the learner's.
/// - **Bounded memory.** A writer has as much as [`SharedBuffer::with_block`] and
///   [`SharedBuffer::with_blocks`] say. When that is full of items that have not been received,
///   [`Writer::push`] waits and [`Writer::try_push`] returns [`Error::Full`]. A learner that never
///   receives stops its writers.
/// - **Ends.** A writer that is dropped, or whose thread panics, hands over what it has: its last
///   episode may lack its end. When the shared buffer is dropped, or the learner panics, pushes and
///   flushes fail with [`Error::Gone`], those that wait too; what had not been received is lost. A
///   file of the buffer has what has been received.
/// - **Seeds.** With [`SharedBuffer::with_turns`], the same pushes and the same seed give the same
///   samples, for any number of writers and however the threads run, as long as what the writers push
///   does not depend on what the learner does meanwhile. Without it, which items a batch is drawn from
///   depends on the threads.
///
/// Where sequences are drawn or frames are shared, items of one environment must follow each other in
/// its stream: declare
/// [`Schema::mark_stream`](crate::Schema::mark_stream), and push each environment by one writer.
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_replay::{Batch, Buffer, Schema, SharedBuffer, Uniform};
///
/// let mut schema = Schema::new();
/// let actor = schema.column::<i64>("actor", &[])?;
/// let mut shared = SharedBuffer::new(Buffer::new(schema, 10_000, Uniform::new())?);
///
/// let actors: Vec<_> = (0..2_i64)
///     .map(|actor| {
///         let mut writer = shared.writer()?;
///         Ok(std::thread::spawn(move || (0..1000).try_for_each(|_| writer.push(&[(&actor).into()]))))
///     })
///     .collect::<reflux_replay::Result<_>>()?;
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut batch = Batch::new();
/// while shared.wait_to_sample(32)? {
///     shared.buffer_mut().sample(32, rng, &mut batch)?;
///     assert!(batch.values(actor)?.iter().all(|actor| (0..2).contains(actor)));
/// }
/// assert_eq!(shared.buffer().len(), 2000, "the actors have gone, and nothing was lost");
/// for actor in actors {
///     actor.join().expect("no panic")?;
/// }
/// # Ok::<(), reflux_replay::Error>(())
/// ```
pub struct SharedBuffer<S> {
    buffer: Buffer<S>,
    limiter: Option<RateLimiter>,
    /// One a writer, in the order in which they were made; those that have ended are removed.
    sources: Vec<Source>,
    bell: Arc<Bell>,
    block: usize,
    blocks: usize,
    turns: bool,
    /// Where to go on: the source whose turn it is.
    turn: usize,
    /// Memory for the values of a block.
    values: Vec<Value<'static>>,
}

impl<S: Sampler> SharedBuffer<S> {
    /// Shares a buffer, which may already hold items. [`SharedBuffer::writer`] makes the writers.
    pub fn new(buffer: Buffer<S>) -> Self {
        let values = Vec::with_capacity(buffer.schema().columns().len());
        Self {
            buffer,
            limiter: None,
            sources: Vec::new(),
            bell: Arc::new(Bell::new()),
            block: 64,
            blocks: 4,
            turns: false,
            turn: 0,
            values,
        }
    }

    /// How many items a writer, of those made from here on, hands over at a time; 64 if not set. More
    /// make handing over rarer, and the learner sees items later.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for 0.
    pub fn with_block(mut self, items: usize) -> Result<Self> {
        if items == 0 {
            let (name, legal) = ("the number of items in a block", "at least 1");
            return Err(Error::Setting { name, legal, got: 0.0 });
        }
        self.block = items;
        Ok(self)
    }

    /// How many blocks a writer, of those made from here on, has; 4 if not set. With 2 it can fill one
    /// while the other is received; more let it run further ahead of a learner that is busy.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for less than 1.
    pub fn with_blocks(mut self, blocks: usize) -> Result<Self> {
        if blocks == 0 {
            let (name, legal) = ("the number of blocks of a writer", "at least 1");
            return Err(Error::Setting { name, legal, got: 0.0 });
        }
        self.blocks = blocks;
        Ok(self)
    }

    /// Receives items only as fast as the limiter allows. Writers then wait because their memory is
    /// full; nobody else needs to ask the limiter. It counts items as inserted when they are received,
    /// so everything that it has counted can be sampled.
    pub fn with_rate_limiter(mut self, limiter: RateLimiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    /// Whether writers take strict turns: [`SharedBuffer::receive`] takes one block of each writer, in
    /// the order in which the writers were made, and waits for the block if it is not there yet. The
    /// items are then in the same order in every run, at the price that the slowest writer sets the
    /// pace. A writer that neither pushes nor is dropped stops the learner; so does a learner that has
    /// to do the pushing of one of its writers itself.
    pub fn with_turns(mut self, turns: bool) -> Self {
        self.turns = turns;
        self
    }

    /// Makes one more writer, to be moved to its thread. Its turns come after those of the writers made
    /// before.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] where its blocks do not fit.
    pub fn writer(&mut self) -> Result<Writer> {
        let schema = self.buffer.schema().clone();
        let blocks = staged::blocks(&schema, self.block, self.blocks)?;
        let lane = Arc::new(Lane::new(blocks, Arc::clone(&self.bell)));
        self.sources.push(Source::new(Arc::clone(&lane), self.blocks));
        let (block, blocks) = (self.block, self.blocks);
        Ok(Writer { schema, lane, current: None, block, blocks })
    }

    /// Moves items that writers have handed over into the buffer, those of each writer in their order,
    /// writer by writer. The result is how many. It takes all that there are when it is called, as far
    /// as the rate limiter allows, and does not wait; with [`SharedBuffer::with_turns`], one block of
    /// each writer, for which it waits.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] where the rate limiter has been closed; what [`Buffer::push_batch`] refuses,
    /// where the buffer has been put in place of one with another schema. The items that could not be
    /// moved wait for the next call.
    pub fn receive(&mut self) -> Result<usize> {
        let mut received = 0;
        // Each writer once. A turn that the limiter cuts short goes on at the next call.
        for _ in 0..self.sources.len() {
            match self.take_turn(&mut received)? {
                Progress::Held => break,
                Progress::End => _ = self.sources.remove(self.turn),
                Progress::Moved | Progress::Nothing => self.turn += 1,
            }
            if self.turn == self.sources.len() {
                self.turn = 0;
            }
        }
        Ok(received)
    }

    /// Receives until a batch of `items` may be sampled, and waits for writers where that takes more
    /// than they have handed over. With a [rate limiter](SharedBuffer::with_rate_limiter) it says
    /// when, and has counted the batch if the result is true; without one, as soon as the buffer is
    /// not empty.
    ///
    /// The result is false when there is nothing to wait for: all writers have gone, all that they
    /// handed over has been received, and the limiter does not allow it, or there is none. A writer
    /// that is kept and not used keeps the learner waiting.
    ///
    /// # Errors
    ///
    /// As for [`SharedBuffer::receive`], and [`Error::Request`] for more items than the limiter could
    /// ever allow.
    pub fn wait_to_sample(&mut self, items: usize) -> Result<bool> {
        loop {
            let received = self.receive()?;
            let more = received > 0 || !self.sources.is_empty();
            let allowed = match &self.limiter {
                Some(limiter) => limiter.try_to_sample(items)?,
                None => more && !self.buffer.is_empty(),
            };
            if allowed || !more {
                return Ok(allowed);
            }
            if received == 0 {
                let sources = &mut self.sources;
                self.bell.wait_unless(|| sources.iter_mut().any(Source::look));
            }
        }
    }

    /// The buffer.
    pub fn buffer(&self) -> &Buffer<S> {
        &self.buffer
    }

    /// The buffer, to sample from, to set priorities, or to push to as well.
    pub fn buffer_mut(&mut self) -> &mut Buffer<S> {
        &mut self.buffer
    }

    /// Ends all writers that there are: their pushes fail with [`Error::Gone`], those that wait too.
    /// What they handed over before, and has not been received, is lost. New writers can be made.
    ///
    /// To drop the shared buffer does the same. Where threads are joined before that, as by
    /// [`std::thread::scope`], a learner that stops early has to close or drop it first, or move it
    /// into the scope, or it waits for writers that wait for it.
    pub fn close(&mut self) {
        self.sources.clear();
        self.turn = 0;
    }

    /// The buffer, for itself again, after [`SharedBuffer::close`].
    pub fn into_buffer(self) -> Buffer<S> {
        self.buffer
    }

    /// The rate limiter, to look at its counts or to tell it of items that were removed.
    pub fn rate_limiter(&self) -> Option<&RateLimiter> {
        self.limiter.as_ref()
    }

    /// The number of writers from which something may still come: those that have not been dropped, or
    /// whose items have not all been received.
    pub fn writers(&self) -> usize {
        self.sources.len()
    }

    /// Receives from the writer whose turn it is.
    fn take_turn(&mut self, received: &mut usize) -> Result<Progress> {
        let source = &mut self.sources[self.turn];
        // No more blocks than the writer has: it goes on filling those that are given back.
        let blocks = if self.turns { 1 } else { source.blocks() };
        if self.turns {
            source.wait(&self.bell);
        }
        let mut progress = Progress::Nothing;
        for _ in 0..blocks {
            let (buffer, limiter) = (&mut self.buffer, self.limiter.as_ref());
            progress = source.receive(buffer, limiter, &mut self.values, received)?;
            if progress != Progress::Moved {
                break;
            }
        }
        Ok(progress)
    }
}

/// Without the data.
impl<S: Sampler> fmt::Debug for SharedBuffer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBuffer")
            .field("schema", &format_args!("{}", self.buffer.schema()))
            .field("len", &self.buffer.len())
            .field("writers", &self.writers())
            .finish_non_exhaustive()
    }
}
