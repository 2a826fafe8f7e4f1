//! The environments in which an agent acts, and the episodes that are going on there.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::ArrayView2;
use rand::Rng;
use reflux_distill::Teacher;
use reflux_envs::{Autoreset, Env, VectorEnv};
use reflux_replay::Sampler;

use crate::memory::check_observation;
use crate::{Dqn, Error, Event, Result, Transition};

/// Environments that are stepped together; each begins its next episode at the step that ends one.
#[derive(Debug)]
pub(crate) struct Actors<E> {
    pub(crate) envs: VectorEnv<E>,
    pub(crate) returns: Vec<f64>,
    pub(crate) lengths: Vec<u64>,
    /// What was seen before the step, `[actors, observation]`.
    before: Vec<f32>,
}

impl<E: Env> Actors<E> {
    pub(crate) fn new<S: Sampler>(envs: Vec<E>, agent: &Dqn<S>) -> Result<Self> {
        let observation_len = agent.network().config().inputs();
        for env in &envs {
            let zeros = vec![0.0; env.observation_space().len()];
            check_observation(&zeros, observation_len)?;
            let space = env.action_space();
            let actions = space.n().ok_or_else(|| Error::ActionSpace(format!("{space:?}")))?;
            crate::error::check_length("the actions", agent.q_network().actions(), actions)?;
        }
        Ok(Self::resumed(VectorEnv::new(envs, Autoreset::SameStep)?))
    }

    /// Environments that are somewhere in their episodes, of which nothing is known yet.
    pub(crate) fn resumed(envs: VectorEnv<E>) -> Self {
        let (returns, lengths) = (vec![0.0; envs.count()], vec![0; envs.count()]);
        Self { envs, returns, lengths, before: Vec::new() }
    }

    pub(crate) fn reset(&mut self, seed: u64) -> Result<()> {
        caught(|| self.envs.reset(Some(seed)).map(drop))
    }

    /// One step of each environment. Appends the episodes that ended.
    pub(crate) fn step<S: Sampler, R: Rng + ?Sized>(
        &mut self,
        agent: &mut Dqn<S>,
        teacher: Option<&dyn Teacher<f32>>,
        rng: &mut R,
        ended: &mut Vec<Event>,
    ) -> Result<()> {
        let Self { envs, returns, lengths, before } = self;
        let (count, observation_len) = envs.observations().dim();
        before.clear();
        before.extend(envs.observations().iter());
        let seen =
            ArrayView2::from_shape((count, observation_len), &before[..]).map_err(Error::run)?;
        let said = teacher.map(|teacher| teacher.logits(&seen)).transpose()?;
        let actions = agent.act_all(&seen, rng)?.to_vec();
        let step = caught(|| envs.step(&actions))?;
        for (actor, &action) in actions.iter().enumerate() {
            let said = said.as_ref().map(|said| said.row(actor).to_vec());
            agent.remember_from(
                actor,
                &Transition {
                    observation: &before[actor * observation_len..(actor + 1) * observation_len],
                    action,
                    reward: step.rewards[actor],
                    next_observation: step.next_observation(actor).unwrap_or_default(),
                    terminated: step.terminated[actor],
                    // A truncated episode is cut off from a future that it had.
                    truncated: step.truncated[actor],
                    teacher: said.as_deref(),
                },
            )?;
            returns[actor] += f64::from(step.rewards[actor]);
            lengths[actor] += 1;
            if step.done(actor) {
                let total_reward = std::mem::take(&mut returns[actor]);
                let length = std::mem::take(&mut lengths[actor]);
                ended.push(Event::Episode { actor, total_reward, length });
            }
        }
        Ok(())
    }
}

/// What an environment does, with a panic as an error.
fn caught<T>(work: impl FnOnce() -> reflux_envs::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Ok(result?),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(Error::Panicked { message: text.unwrap_or("without a message").to_owned() })
        }
    }
}
