//! The replay buffer of an agent: transitions of n steps, in columns.

use ndarray::ArrayView2;
use rand::Rng;
use reflux_replay::{Batch, Buffer, BufferBuilder, Column, Episode, NStep, Sampler, Schema, Value};

use crate::error::check_length;
use crate::{DqnConfig, Error, Result};

/// One step of an agent in its environment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition<'a> {
    /// What the agent saw, `[observation]`.
    pub observation: &'a [f32],
    /// What it did, from 0.
    pub action: usize,
    /// What it got.
    pub reward: f32,
    /// What it saw next, of the same length; where the episode ended, the last observation.
    pub next_observation: &'a [f32],
    /// Whether the task was over, so that nothing follows.
    pub terminated: bool,
    /// Whether the episode was only cut short: what would have followed has a value.
    pub truncated: bool,
    /// What a teacher says about the observation, `[actions]`, for an agent that was
    /// [told to listen](crate::DqnConfig::with_teacher); else nothing.
    pub teacher: Option<&'a [f32]>,
}

impl Transition<'_> {
    fn episode(&self) -> Episode {
        Episode::from_flags(self.terminated, self.truncated)
    }
}

/// Transitions in a buffer, with a sampler of the caller's choice.
#[derive(Debug)]
pub(crate) struct Memory<S> {
    buffer: Buffer<S>,
    assembler: NStep,
    columns: Columns,
    observation_len: usize,
    actions: usize,
}

#[derive(Debug, Clone, Copy)]
struct Columns {
    observation: Column<f32>,
    action: Column<i64>,
    reward: Column<f32>,
    next_observation: Column<f32>,
    teacher: Option<Column<f32>>,
    discount: Column<f32>,
}

/// The columns of a sampled batch, by the names that the papers give them.
pub(crate) struct Sampled<'b> {
    /// `s`, `[batch, observation]`
    pub(crate) observations: ArrayView2<'b, f32>,
    /// `a`
    pub(crate) actions: &'b [i64],
    /// `r`: the discounted sum of n rewards.
    pub(crate) rewards: &'b [f32],
    /// `s'`, `[batch, observation]`
    pub(crate) next_observations: ArrayView2<'b, f32>,
    /// `d`: γⁿ, or 0 where the task was over.
    pub(crate) discounts: &'b [f32],
    /// The teacher's values of `s`, `[batch, actions]`.
    pub(crate) teacher: Option<ArrayView2<'b, f32>>,
    /// Importance weights.
    pub(crate) weights: &'b [f32],
}

/// The columns of the buffer of an agent with these settings, and what it needs to be built.
fn schema(observation_len: usize, actions: usize, teacher: bool) -> Result<(Schema, Columns)> {
    let mut schema = Schema::new();
    let columns = Columns {
        observation: schema.column("observation", &[observation_len])?,
        action: schema.column("action", &[])?,
        reward: schema.column("reward", &[])?,
        next_observation: schema.column("next_observation", &[observation_len])?,
        teacher: if teacher { Some(schema.column("teacher_values", &[actions])?) } else { None },
        discount: schema.column("discount", &[])?,
    };
    Ok((schema, columns))
}

impl<S: Sampler> Memory<S> {
    pub(crate) fn new(
        observation_len: usize,
        actions: usize,
        config: &DqnConfig,
        sampler: S,
    ) -> Result<Self> {
        Self::build(observation_len, actions, config, |builder| Ok(builder.build(sampler)?))
    }

    /// With a buffer that is made, or loaded, from its builder.
    pub(crate) fn build(
        observation_len: usize,
        actions: usize,
        config: &DqnConfig,
        make: impl FnOnce(BufferBuilder) -> Result<Buffer<S>>,
    ) -> Result<Self> {
        let (schema, columns) = schema(observation_len, actions, config.teacher().is_some())?;
        let (reward, discount) = (columns.reward, columns.discount);
        let assembler = NStep::new(&schema, reward, discount, config.n_step(), config.gamma())?
            .with_last(columns.next_observation)?;
        let buffer = make(Buffer::builder(schema, config.buffer_capacity()))?;
        Ok(Self { buffer, assembler, columns, observation_len, actions })
    }

    /// The number of actors whose steps come in turns. Steps that wait are forgotten.
    pub(crate) fn set_actors(&mut self, actors: usize) -> Result<()> {
        self.assembler = self.assembler.clone().with_environments(actors)?;
        Ok(())
    }

    /// Keeps a step of an actor, the oldest making room; refuses what would poison the network.
    pub(crate) fn push(&mut self, actor: usize, transition: &Transition<'_>) -> Result<()> {
        self.check(transition)?;
        let action = transition.action as i64;
        let values: [Value<'_>; 4] = [
            transition.observation.into(),
            (&action).into(),
            (&transition.reward).into(),
            transition.next_observation.into(),
        ];
        let (episode, buffer) = (transition.episode(), &mut self.buffer);
        match transition.teacher {
            None => self.assembler.push(actor, &values, episode, buffer)?,
            Some(teacher) => {
                let [observation, action, reward, next] = values;
                let values = [observation, action, reward, next, teacher.into()];
                self.assembler.push(actor, &values, episode, buffer)?
            }
        };
        Ok(())
    }

    /// The steps that wait for their episodes to go on, in bytes.
    #[cfg(feature = "serde")]
    pub(crate) fn waiting(&self) -> Vec<u8> {
        self.assembler.state()
    }

    /// Goes on with steps that waited when they were saved.
    #[cfg(feature = "serde")]
    pub(crate) fn restore_waiting(&mut self, waiting: &[u8]) -> Result<()> {
        Ok(self.assembler.restore(waiting)?)
    }

    /// Ends the episodes of all actors as if they had been truncated.
    pub(crate) fn flush(&mut self) -> Result<()> {
        for actor in 0..self.assembler.environments() {
            self.assembler.flush(actor, &mut self.buffer)?;
        }
        Ok(())
    }

    fn check(&self, transition: &Transition<'_>) -> Result<()> {
        if transition.action >= self.actions {
            let got = format!("{} of {}", transition.action, self.actions);
            return Err(Error::config("action", "less than the number of actions", got));
        }
        check_observation(transition.observation, self.observation_len)?;
        check_observation(transition.next_observation, self.observation_len)?;
        if !transition.reward.is_finite() {
            let value = transition.reward;
            return Err(Error::NonFinite { what: "reward", index: 0, value });
        }
        match (transition.teacher, self.columns.teacher) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(Error::Teacher("has no teacher, but was given its values")),
            (None, Some(_)) => Err(Error::Teacher("has a teacher, but was not given its values")),
            (Some(values), Some(_)) => {
                check_length("the teacher's values", self.actions, values.len())?;
                match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                    Some((index, &value)) => {
                        Err(Error::NonFinite { what: "teacher's values", index, value })
                    }
                    None => Ok(()),
                }
            }
        }
    }

    pub(crate) fn sample<R: Rng + ?Sized>(
        &mut self,
        len: usize,
        rng: &mut R,
        batch: &mut Batch,
    ) -> Result<()> {
        Ok(self.buffer.sample(len, rng, batch)?)
    }

    pub(crate) fn columns<'b>(&self, batch: &'b Batch) -> Result<Sampled<'b>> {
        let columns = self.columns;
        Ok(Sampled {
            observations: batch.matrix(columns.observation)?,
            actions: batch.values(columns.action)?,
            rewards: batch.values(columns.reward)?,
            next_observations: batch.matrix(columns.next_observation)?,
            discounts: batch.values(columns.discount)?,
            teacher: columns.teacher.map(|teacher| batch.matrix(teacher)).transpose()?,
            weights: batch.weights(),
        })
    }

    pub(crate) fn buffer(&self) -> &Buffer<S> {
        &self.buffer
    }

    pub(crate) fn buffer_mut(&mut self) -> &mut Buffer<S> {
        &mut self.buffer
    }
}

/// An observation of the right length and without NaN.
pub(crate) fn check_observation(observation: &[f32], len: usize) -> Result<()> {
    check_length("the environment's observation", len, observation.len())?;
    match observation.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((index, &value)) => Err(Error::NonFinite { what: "observation", index, value }),
        None => Ok(()),
    }
}
