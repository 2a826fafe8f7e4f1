//! How blocks get from a writer to the learner and back, and nothing else: the protocol is small so
//! that every order in which the threads can run is tried (`tests/handover.rs`).
//!
//! ```text
//! writer   -- full -->   learner
//! writer   <-- empty --  learner
//! ```
//!
//! A lane belongs to one writer and the learner. Its lock is held for a few moves of a block's
//! handle, never while items are copied. There are as many blocks as at the start, so neither queue
//! grows.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::sync::atomic::{AtomicBool, Ordering};
use super::sync::{Arc, Condvar, Mutex, MutexGuard};

/// The other side has been dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// What the learner finds in a lane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// The oldest block that it has not taken.
    Block(T),
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing will follow: the writer has gone.
    End,
}

/// The way between one writer and the learner.
pub(crate) struct Lane<T> {
    state: Mutex<State<T>>,
    /// An empty block has come back, or the learner has gone.
    may_write: Condvar,
    bell: Arc<Bell>,
}

struct State<T> {
    full: VecDeque<T>,
    empty: Vec<T>,
    writer_gone: bool,
    learner_gone: bool,
    /// Whether the writer waits: waking nobody still costs a call of the system.
    writer_waits: bool,
}

impl<T> Lane<T> {
    /// A lane with these blocks, all of them empty.
    pub(crate) fn new(empty: Vec<T>, bell: Arc<Bell>) -> Self {
        let full = VecDeque::with_capacity(empty.len());
        let state =
            State { full, empty, writer_gone: false, learner_gone: false, writer_waits: false };
        Self { state: Mutex::new(state), may_write: Condvar::new(), bell }
    }

    /// For the writer: an empty block, if there is one now.
    pub(crate) fn try_empty(&self) -> Result<Option<T>, Gone> {
        let mut state = self.lock();
        if state.learner_gone { Err(Gone) } else { Ok(state.empty.pop()) }
    }

    /// For the writer: an empty block, once there is one.
    pub(crate) fn wait_for_empty(&self) -> Result<T, Gone> {
        let mut state = self.lock();
        loop {
            if state.learner_gone {
                return Err(Gone);
            }
            if let Some(block) = state.empty.pop() {
                return Ok(block);
            }
            state.writer_waits = true;
            state = self.may_write.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For the writer: the number of empty blocks.
    pub(crate) fn empty_blocks(&self) -> usize {
        self.lock().empty.len()
    }

    /// For the writer: passes a block on. It never waits.
    pub(crate) fn send(&self, block: T) -> Result<(), Gone> {
        let mut state = self.lock();
        if state.learner_gone {
            return Err(Gone);
        }
        state.full.push_back(block);
        drop(state);
        self.bell.ring();
        Ok(())
    }

    /// For the writer, when it goes: what it has sent stays to be received.
    pub(crate) fn writer_goes(&self) {
        self.lock().writer_gone = true;
        self.bell.ring();
    }

    /// For the learner: the next block of this writer.
    pub(crate) fn receive(&self) -> Next<T> {
        let mut state = self.lock();
        match state.full.pop_front() {
            Some(block) => Next::Block(block),
            None if state.writer_gone => Next::End,
            None => Next::Nothing,
        }
    }

    /// For the learner: gives a block back.
    pub(crate) fn give_back(&self, block: T) {
        let mut state = self.lock();
        state.empty.push(block);
        self.wake_writer(state);
    }

    /// For the learner, when it goes: a writer that waits for a block need not any longer.
    pub(crate) fn learner_goes(&self) {
        let mut state = self.lock();
        state.learner_gone = true;
        self.wake_writer(state);
    }

    fn wake_writer(&self, mut state: MutexGuard<'_, State<T>>) {
        let waits = std::mem::take(&mut state.writer_waits);
        drop(state);
        if waits {
            self.may_write.notify_one();
        }
    }

    /// The state is whole at every moment, so a thread that panicked does no harm to the other.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the learner waits for when all lanes are empty.
///
/// It arms the bell, looks at the lanes once more, and only then waits. A writer first puts its block
/// into the lane and then looks at the bell. Whichever of the two had the lane's lock later sees what
/// the other did before: so either the learner finds the block, or the writer finds the bell armed.
pub(crate) struct Bell {
    /// Set by the learner alone.
    armed: AtomicBool,
    rung: Mutex<bool>,
    ringing: Condvar,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self { armed: AtomicBool::new(false), rung: Mutex::new(false), ringing: Condvar::new() }
    }

    /// For the learner: waits until a writer has sent something or gone, unless `found` finds that in
    /// the lanes. It can also return without a cause.
    pub(crate) fn wait_unless(&self, found: impl FnOnce() -> bool) {
        *self.lock() = false;
        self.armed.store(true, Ordering::Release);
        if !found() {
            let mut rung = self.lock();
            while !*rung {
                rung = self.ringing.wait(rung).unwrap_or_else(PoisonError::into_inner);
            }
        }
        self.armed.store(false, Ordering::Release);
    }

    /// For writers. Nothing but a look at a flag while nobody waits.
    fn ring(&self) {
        if self.armed.load(Ordering::Acquire) {
            *self.lock() = true;
            self.ringing.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
