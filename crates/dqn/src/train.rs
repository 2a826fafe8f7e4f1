//! The training loop: an agent plays in an environment and learns from what it remembers.

use std::ops::ControlFlow;

use rand::Rng;
use reflux_envs::Env;
use reflux_replay::Sampler;

use crate::memory::check_observation;
use crate::{Dqn, Result, Transition, Update};

/// What an observer of [`train`] is told.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An episode has ended.
    Episode {
        /// The sum of its rewards, undiscounted.
        total_reward: f64,
        /// Its number of steps.
        length: u64,
    },
    /// A round of updates has been made; this is the last of them.
    Learned(Update),
}

/// Lets `agent` take `steps` steps in `env`, with rounds of updates between them as its
/// configuration says (algorithm 1 of Mnih et al. 2015).
///
/// The environment is reset at the start, with a seed drawn from `rng`, so that one seed settles
/// everything. `observe` is called after each episode and each round of updates, with the agent as
/// it is; it may end the training. To go on later, call `train` again.
///
/// # Errors
///
/// What the environment, the agent or its buffer refuse: an observation with NaN or of another
/// length, a loss that is not finite. The agent is then as it was before the step.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_dqn::{Dqn, DqnConfig, Event, train};
/// use reflux_envs::CartPole;
/// use reflux_replay::Prioritized;
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut env = CartPole::v1();
/// let mut agent = Dqn::for_env(&env, DqnConfig::new(), Prioritized::new(), rng)?;
/// let mut episodes = 0;
/// train(&mut agent, &mut env, 1_000, rng, |_agent, event| {
///     episodes += u32::from(matches!(event, Event::Episode { .. }));
///     if episodes == 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// })?;
/// assert_eq!(episodes, 20);
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
pub fn train<E, S, R>(
    agent: &mut Dqn<S>,
    env: &mut E,
    steps: u64,
    rng: &mut R,
    mut observe: impl FnMut(&Dqn<S>, Event) -> ControlFlow<()>,
) -> Result<()>
where
    E: Env + ?Sized,
    S: Sampler,
    R: Rng + ?Sized,
{
    let observation_len = agent.network().config().inputs();
    let mut observation = env.reset(Some(rng.random()))?.to_vec();
    check_observation(&observation, observation_len)?;
    let (mut total_reward, mut length) = (0.0, 0);
    for taken in 0..steps {
        let action = agent.act(&observation, rng)?;
        let step = env.step(action)?;
        agent.remember(&Transition {
            observation: &observation,
            action,
            reward: step.reward,
            next_observation: step.observation,
            // A truncated episode is cut off from a future that it had.
            terminated: step.terminated,
        })?;
        total_reward += f64::from(step.reward);
        length += 1;
        if step.done() {
            let ended = Event::Episode { total_reward, length };
            observation.copy_from_slice(checked(env.reset(None)?, observation_len)?);
            (total_reward, length) = (0.0, 0);
            if observe(agent, ended).is_break() {
                break;
            }
        } else {
            observation.copy_from_slice(step.observation);
        }
        if let Some(update) = learn_if_due(agent, taken as f64 / steps as f64, rng)?
            && observe(agent, Event::Learned(update)).is_break()
        {
            break;
        }
    }
    Ok(())
}

/// The round of updates that falls on this step, if one does; the last of them.
fn learn_if_due<S: Sampler, R: Rng + ?Sized>(
    agent: &mut Dqn<S>,
    progress: f64,
    rng: &mut R,
) -> Result<Option<Update>> {
    let (steps, config) = (agent.steps(), agent.config());
    if steps < config.learning_starts() || !steps.is_multiple_of(config.train_every()) {
        return Ok(None);
    }
    let updates = config.updates_per_training();
    agent.set_progress(progress)?;
    let mut last = None;
    for _ in 0..updates {
        last = Some(agent.learn(rng)?);
    }
    Ok(last)
}

fn checked(observation: &[f32], len: usize) -> Result<&[f32]> {
    check_observation(observation, len)?;
    Ok(observation)
}
