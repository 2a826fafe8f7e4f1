//! Policies, and how good they are.

use rand::Rng;
use reflux_envs::Env;
use reflux_nn::{Mlp, Predictor};

use crate::error::{check_fraction, check_positive};
use crate::memory::check_observation;
use crate::{QNetwork, Result, Values};

/// Something that chooses actions. A closure from an observation to an action is one.
pub trait Policy {
    /// The action for an observation.
    ///
    /// # Errors
    ///
    /// What the policy cannot deal with.
    fn act(&mut self, observation: &[f32]) -> Result<usize>;
}

impl<F: FnMut(&[f32]) -> Result<usize>> Policy for F {
    fn act(&mut self, observation: &[f32]) -> Result<usize> {
        self(observation)
    }
}

/// The policy that takes the action to which a network gives the largest value. It holds a copy of the
/// weights, packed for speed.
#[derive(Debug, Clone)]
pub struct Greedy {
    predictor: Predictor,
    values: Values,
    outputs: Vec<f32>,
}

impl Greedy {
    /// For a network with observations in and one value an action out.
    pub fn new(network: &Mlp) -> Self {
        Self::with_values(network, Values::Expected)
    }

    /// For a network that knows what its outputs mean.
    pub fn of(network: &QNetwork) -> Self {
        Self::with_values(network.mlp(), network.values())
    }

    fn with_values(network: &Mlp, values: Values) -> Self {
        let outputs = vec![0.0; network.config().outputs()];
        Self { predictor: Predictor::new(network), values, outputs }
    }
}

impl Policy for Greedy {
    fn act(&mut self, observation: &[f32]) -> Result<usize> {
        check_observation(observation, self.predictor.inputs())?;
        self.predictor.predict_row(observation, &mut self.outputs)?;
        Ok(self.values.best(&self.outputs))
    }
}

/// A policy that does something random now and then.
#[derive(Debug)]
pub struct EpsilonGreedy<P, R> {
    policy: P,
    epsilon: f64,
    actions: usize,
    rng: R,
}

impl<P: Policy, R: Rng> EpsilonGreedy<P, R> {
    /// `policy`, but with the probability `epsilon` one of `actions` actions at random.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for an epsilon outside `[0, 1]` or no actions.
    pub fn new(policy: P, epsilon: f64, actions: usize, rng: R) -> Result<Self> {
        check_fraction("epsilon", epsilon)?;
        check_positive("the number of actions", actions as u64)?;
        Ok(Self { policy, epsilon, actions, rng })
    }
}

impl<P: Policy, R: Rng> Policy for EpsilonGreedy<P, R> {
    fn act(&mut self, observation: &[f32]) -> Result<usize> {
        if self.rng.random::<f64>() < self.epsilon {
            return Ok(self.rng.random_range(0..self.actions));
        }
        self.policy.act(observation)
    }
}

/// The undiscounted return of each of `episodes` episodes that `policy` plays in `env`.
///
/// Episode `i` starts from the seed `seed + i`, so that two policies meet the same starts. An
/// environment without an end of its own should be in a [`TimeLimit`](reflux_envs::TimeLimit).
///
/// # Errors
///
/// What the environment or the policy refuse, [`Error::Config`](crate::Error::Config) for 0 episodes.
///
/// # Example
///
/// ```
/// use reflux_dqn::evaluate;
/// use reflux_envs::CartPole;
///
/// // Push to the side to which the pole leans.
/// let mut policy = |observation: &[f32]| Ok(usize::from(observation[2] > 0.0));
/// let returns = evaluate(&mut policy, &mut CartPole::v1(), 100, 0)?;
/// let mean = returns.iter().sum::<f64>() / 100.0;
/// assert!(mean > 30.0 && mean < 60.0);
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
pub fn evaluate(
    policy: &mut (impl Policy + ?Sized),
    env: &mut (impl Env + ?Sized),
    episodes: usize,
    seed: u64,
) -> Result<Vec<f64>> {
    check_positive("the number of episodes", episodes as u64)?;
    (0..episodes as u64)
        .map(|episode| {
            let mut action = policy.act(env.reset(Some(seed.wrapping_add(episode)))?)?;
            let mut total_reward = 0.0;
            loop {
                let step = env.step(action)?;
                total_reward += f64::from(step.reward);
                if step.done() {
                    return Ok(total_reward);
                }
                action = policy.act(step.observation)?;
            }
        })
        .collect()
}
