//! The replay buffer of an agent: transitions, in columns.

use ndarray::ArrayView2;
use rand::Rng;
use reflux_replay::{Batch, Buffer, Column, Sampler, Schema};

use crate::error::check_length;
use crate::{Error, Result};

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
    /// Whether the task was over, so that nothing follows. Not set where the episode was only cut
    /// short (truncated): what would have followed has a value.
    pub terminated: bool,
}

/// Transitions in a buffer, with a sampler of the caller's choice.
#[derive(Debug)]
pub(crate) struct Memory<S> {
    buffer: Buffer<S>,
    observation: Column<f32>,
    action: Column<i64>,
    reward: Column<f32>,
    next_observation: Column<f32>,
    terminated: Column<bool>,
    observation_len: usize,
}

/// The columns of a sampled batch, by the names that the paper gives them.
pub(crate) struct Sampled<'b> {
    /// `s`, `[batch, observation]`
    pub(crate) observations: ArrayView2<'b, f32>,
    /// `a`
    pub(crate) actions: &'b [i64],
    /// `r`
    pub(crate) rewards: &'b [f32],
    /// `s'`, `[batch, observation]`
    pub(crate) next_observations: ArrayView2<'b, f32>,
    pub(crate) terminated: &'b [bool],
    /// Importance weights.
    pub(crate) weights: &'b [f32],
}

impl<S: Sampler> Memory<S> {
    pub(crate) fn new(observation_len: usize, capacity: usize, sampler: S) -> Result<Self> {
        let mut schema = Schema::new();
        let observation = schema.column("observation", &[observation_len])?;
        let action = schema.column("action", &[])?;
        let reward = schema.column("reward", &[])?;
        let next_observation = schema.column("next_observation", &[observation_len])?;
        let terminated = schema.column("terminated", &[])?;
        let buffer = Buffer::new(schema, capacity, sampler)?;
        Ok(Self {
            buffer,
            observation,
            action,
            reward,
            next_observation,
            terminated,
            observation_len,
        })
    }

    /// Keeps a transition, the oldest making room; refuses what would poison the network.
    pub(crate) fn push(&mut self, transition: &Transition<'_>) -> Result<()> {
        check_observation(transition.observation, self.observation_len)?;
        check_observation(transition.next_observation, self.observation_len)?;
        if !transition.reward.is_finite() {
            let value = transition.reward;
            return Err(Error::NonFinite { what: "reward", index: 0, value });
        }
        self.buffer.push(&[
            transition.observation.into(),
            (&(transition.action as i64)).into(),
            (&transition.reward).into(),
            transition.next_observation.into(),
            (&transition.terminated).into(),
        ])?;
        Ok(())
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
        Ok(Sampled {
            observations: batch.matrix(self.observation)?,
            actions: batch.values(self.action)?,
            rewards: batch.values(self.reward)?,
            next_observations: batch.matrix(self.next_observation)?,
            terminated: batch.values(self.terminated)?,
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
