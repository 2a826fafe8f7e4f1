//! Learning from what somebody else has recorded, without an environment.

use std::ops::ControlFlow;

use rand::Rng;
use reflux_replay::{Batch, Buffer, Element, Sampler};

use crate::{Dqn, Event, Result, Transition};

/// Rows that are copied from one buffer to another at a time.
const ROWS_AT_ONCE: usize = 1024;

impl<S: Sampler> Dqn<S> {
    /// Remembers all transitions of a recorded buffer, in its order: one that `NpzReader` or
    /// `ParquetReader` of `reflux-replay` has read, say.
    ///
    /// Its columns are `observation` and `next_observation` (`f32`), `action` (`i64`), `reward` (`f32`),
    /// `terminated` (`bool`), and optionally `truncated` (`bool`), without which no episode is taken
    /// for cut short, and `teacher_values` (`f32`), for an agent that was
    /// [told to listen](crate::DqnConfig::with_teacher). Gives the number of transitions.
    ///
    /// The rows of an episode have to follow each other where targets have several steps. Nothing
    /// counts as a step of the agent's own.
    ///
    /// # Errors
    ///
    /// [`Error::Replay`](crate::Error::Replay) for a column that lacks or has another type, and as for
    /// [`Dqn::remember`]; what came before is remembered then.
    pub fn remember_all<T: Sampler>(&mut self, recorded: &Buffer<T>) -> Result<usize> {
        let listens = self.config.teacher().is_some();
        let count = each_transition(recorded, listens, |step| self.memory.push(0, step))?;
        self.flush()?;
        Ok(count)
    }

    /// Makes `updates` updates from what the agent remembers. `observe` is called after each; it may
    /// end the training.
    ///
    /// For data whose actions do not cover all that could be done, see
    /// [`with_conservative`](crate::DqnConfig::with_conservative) and
    /// [`with_behavior_cloning`](crate::DqnConfig::with_behavior_cloning): without, values of actions
    /// that were never tried are overestimated, and nothing corrects them.
    ///
    /// # Errors
    ///
    /// As [`Dqn::learn`].
    pub fn learn_offline<R: Rng + ?Sized>(
        &mut self,
        updates: u64,
        rng: &mut R,
        mut observe: impl FnMut(&Self, Event) -> ControlFlow<()>,
    ) -> Result<()> {
        for update in 0..updates {
            self.set_progress(update as f64 / updates as f64)?;
            let learned = Event::Learned(self.learn(rng)?);
            if observe(self, learned).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Calls `use_it` with each transition of a recorded buffer, in its order; gives their number.
pub(crate) fn each_transition<T: Sampler>(
    recorded: &Buffer<T>,
    with_teacher: bool,
    mut use_it: impl FnMut(&Transition<'_>) -> Result<()>,
) -> Result<usize> {
    let schema = recorded.schema();
    let has = |name: &str| schema.columns().iter().any(|column| column.name() == name);
    let observation = schema.find::<f32>("observation")?;
    let next_observation = schema.find::<f32>("next_observation")?;
    let action = schema.find::<i64>("action")?;
    let reward = schema.find::<f32>("reward")?;
    let terminated = schema.find::<bool>("terminated")?;
    let truncated = if has("truncated") { Some(schema.find::<bool>("truncated")?) } else { None };
    let teacher = if with_teacher { Some(schema.find::<f32>("teacher_values")?) } else { None };

    let items: Vec<_> = recorded.items().collect();
    let mut batch = Batch::new();
    for chunk in items.chunks(ROWS_AT_ONCE) {
        recorded.gather(chunk, &mut batch)?;
        let (seen, next) = (batch.values(observation)?, batch.values(next_observation)?);
        let (actions, rewards) = (batch.values(action)?, batch.values(reward)?);
        let ends = batch.values(terminated)?;
        let cuts = truncated.map(|column| batch.values(column)).transpose()?;
        let said = teacher.map(|column| batch.values(column)).transpose()?;
        for row in 0..chunk.len() {
            use_it(&Transition {
                observation: part(seen, row, chunk.len()),
                // A negative action is refused as one that there is not.
                action: usize::try_from(actions[row]).unwrap_or(usize::MAX),
                reward: rewards[row],
                next_observation: part(next, row, chunk.len()),
                terminated: ends[row],
                truncated: cuts.is_some_and(|cuts| cuts[row]),
                teacher: said.map(|said| part(said, row, chunk.len())),
            })?;
        }
    }
    Ok(items.len())
}

/// Row `row` of values of so many rows.
fn part<T: Element>(values: &[T], row: usize, rows: usize) -> &[T] {
    let width = values.len() / rows;
    &values[row * width..(row + 1) * width]
}
