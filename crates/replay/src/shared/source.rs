//! What the learner knows of one writer.

use std::sync::Arc;

use super::handover::{Bell, Lane, Next};
use super::staged::Staged;
use crate::{Buffer, Error, RateLimiter, Result, Sampler, Value};

/// The learner's end of a lane, and the block that it is moving.
pub(super) struct Source {
    lane: Arc<Lane<Staged>>,
    blocks: usize,
    /// A block, and how many of its items have been moved.
    pending: Option<(Staged, usize)>,
    ended: bool,
}

/// How far it got with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// All of it has been moved.
    Moved,
    /// There was none.
    Nothing,
    /// The rate limiter did not allow all of it.
    Held,
    /// There was none, and there will be no other.
    End,
}

impl Source {
    pub(super) fn new(lane: Arc<Lane<Staged>>, blocks: usize) -> Self {
        Self { lane, blocks, pending: None, ended: false }
    }

    /// The number of blocks that its writer has.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Waits until there is a block, or will not be another.
    pub(super) fn wait(&mut self, bell: &Bell) {
        while !self.look() {
            bell.wait_unless(|| self.look());
        }
    }

    /// Moves the items of the next block to `buffer`, adding their number to `received`. Those that
    /// the limiter does not allow, or that were not moved because of an error, come first at the next
    /// call.
    pub(super) fn receive<S: Sampler>(
        &mut self,
        buffer: &mut Buffer<S>,
        limiter: Option<&RateLimiter>,
        values: &mut Vec<Value<'static>>,
        received: &mut usize,
    ) -> Result<Progress> {
        if !self.look() {
            return Ok(Progress::Nothing);
        }
        let Some((staged, moved)) = &mut self.pending else { return Ok(Progress::End) };
        while *moved < staged.len() {
            let left = staged.len() - *moved;
            let run = match limiter {
                Some(limiter) => allowed(limiter, left)?,
                None => left,
            };
            if run == 0 {
                return Ok(Progress::Held);
            }
            staged.pass_on(*moved..*moved + run, buffer, values)?;
            *moved += run;
            *received += run;
        }
        if let Some((mut staged, _)) = self.pending.take() {
            staged.clear();
            self.lane.give_back(staged);
        }
        Ok(Progress::Moved)
    }

    /// Whether there is a block, or will not be another.
    pub(super) fn look(&mut self) -> bool {
        if self.pending.is_none() && !self.ended {
            match self.lane.receive() {
                Next::Block(staged) => self.pending = Some((staged, 0)),
                Next::End => self.ended = true,
                Next::Nothing => return false,
            }
        }
        true
    }
}

/// So that the writer does not wait for a learner that has gone.
impl Drop for Source {
    fn drop(&mut self) {
        self.lane.learner_goes();
    }
}

/// How many items, up to `most`, the limiter lets in now: not always all that it would, but 0 only if
/// it refuses a single one. They have been counted.
fn allowed(limiter: &RateLimiter, most: usize) -> Result<usize> {
    let mut items = most;
    while items > 0 {
        match limiter.try_to_insert(items) {
            Ok(true) => break,
            Ok(false) | Err(Error::Request { .. }) => items /= 2,
            Err(error) => return Err(error),
        }
    }
    Ok(items)
}
