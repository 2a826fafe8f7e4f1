//! The agent: Q-learning with a deep network, a target network and replayed experience.
//!
//! ```text
//! y = r                                                    where s' is terminal, else
//! y = r + γ·Q(s', argmax_a Q(s', a; θ); θ⁻)                double (van Hasselt et al. 2016)
//! y = r + γ·max_a Q(s', a; θ⁻)                             plain (Mnih et al. 2015)
//! L(θ) = mean over the batch of  w·Huber(Q(s, a; θ) − y)   w: Schaul et al. 2016
//! ```

use ndarray::{ArrayView2, Zip};
use rand::Rng;
use reflux_envs::Env;
use reflux_nn::{Adam, Mlp, MlpConfig, Optimizer, Workspace, argmax, clip_norm};
use reflux_replay::{Batch, Buffer, Sampler};

use crate::memory::{Memory, Sampled, check_observation};
use crate::{DqnConfig, Error, Result, Transition};

/// A deep Q-learning agent, over any [`Sampler`] of `reflux-replay`.
///
/// [`train`](crate::train()) plays and learns; who has a loop of their own calls [`Dqn::act`],
/// [`Dqn::remember`] and [`Dqn::learn`].
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_dqn::{Dqn, DqnConfig, Transition};
/// use reflux_envs::{CartPole, Env};
/// use reflux_replay::Uniform;
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut env = CartPole::v1();
/// let mut agent = Dqn::for_env(&env, DqnConfig::new(), Uniform::new(), rng)?;
///
/// let mut observation = env.reset(Some(0))?.to_vec();
/// for _ in 0..200 {
///     let action = agent.act(&observation, rng)?;
///     let step = env.step(action)?;
///     agent.remember(&Transition {
///         observation: &observation,
///         action,
///         reward: step.reward,
///         next_observation: step.observation,
///         terminated: step.terminated,
///     })?;
///     observation = if step.done() { env.reset(None)? } else { step.observation }.to_vec();
/// }
/// let update = agent.learn(rng)?;
/// assert!(update.loss.is_finite());
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug)]
pub struct Dqn<S> {
    config: DqnConfig,
    /// θ
    online: Mlp,
    /// θ⁻
    target: Mlp,
    adam: Adam,
    memory: Memory<S>,
    scratch: Scratch,
    steps: u64,
    updates: u64,
}

/// Memory that is reused from update to update.
#[derive(Debug, Default)]
struct Scratch {
    batch: Batch,
    online: Workspace,
    next: Workspace,
    next_target: Workspace,
    targets: Vec<f32>,
    priorities: Vec<f32>,
}

/// What one update looked like.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Update {
    /// The mean loss of the batch, importance weights included.
    pub loss: f64,
    /// The mean of Q(s, a) over the batch.
    pub mean_q: f64,
    /// The Euclidean norm of the gradient before it was clipped.
    pub gradient_norm: f64,
}

impl<S: Sampler> Dqn<S> {
    /// An agent for observations of `observation_len` numbers and `actions` actions, with weights
    /// drawn from `rng`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for no actions, [`Error::Replay`] for a buffer that does not fit in memory,
    /// [`Error::Nn`] for a network that does not.
    pub fn new<R: Rng + ?Sized>(
        observation_len: usize,
        actions: usize,
        config: DqnConfig,
        sampler: S,
        rng: &mut R,
    ) -> Result<Self> {
        let shape = MlpConfig::new(observation_len, config.hidden(), actions)?;
        let online = Mlp::new(shape, rng)?;
        Ok(Self {
            target: online.clone(),
            online,
            adam: Adam::new(config.learning_rate())?,
            memory: Memory::new(observation_len, config.buffer_capacity(), sampler)?,
            scratch: Scratch::default(),
            steps: 0,
            updates: 0,
            config,
        })
    }

    /// An agent for the spaces of `env`.
    ///
    /// # Errors
    ///
    /// As [`Dqn::new`], and [`Error::ActionSpace`] where actions are no whole numbers.
    pub fn for_env<R: Rng + ?Sized>(
        env: &(impl Env + ?Sized),
        config: DqnConfig,
        sampler: S,
        rng: &mut R,
    ) -> Result<Self> {
        let space = env.action_space();
        let actions = space.n().ok_or_else(|| Error::ActionSpace(format!("{space:?}")))?;
        Self::new(env.observation_space().len(), actions, config, sampler, rng)
    }

    /// An action for `observation`: at random with the probability epsilon that the schedule gives
    /// for this step, else the best that the network knows.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for an observation of another length, [`Error::NonFinite`] for NaN.
    pub fn act<R: Rng + ?Sized>(&mut self, observation: &[f32], rng: &mut R) -> Result<usize> {
        check_observation(observation, self.online.config().inputs())?;
        if rng.random::<f64>() < self.epsilon() {
            return Ok(rng.random_range(0..self.online.config().outputs()));
        }
        greedy_action(&self.online, observation, &mut self.scratch.online)
    }

    /// Keeps a transition and counts a step.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an action that there is not, [`Error::Length`] and [`Error::NonFinite`]
    /// for what an environment should not give; nothing is then kept.
    pub fn remember(&mut self, transition: &Transition<'_>) -> Result<()> {
        let actions = self.online.config().outputs();
        if transition.action >= actions {
            let got = format!("{} of {actions}", transition.action);
            return Err(Error::config("action", "less than the number of actions", got));
        }
        self.memory.push(transition)?;
        self.steps += 1;
        Ok(())
    }

    /// One update from one batch: the body of the algorithm.
    ///
    /// # Errors
    ///
    /// [`Error::Replay`] for an empty buffer; [`Error::Diverged`] for a loss that is not finite, with
    /// the networks as they were.
    pub fn learn<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<Update> {
        // Sample transitions (s, a, r, s') from the buffer, with their importance weights w.
        self.memory.sample(self.config.batch_size(), rng, &mut self.scratch.batch)?;
        let sampled = self.memory.columns(&self.scratch.batch)?;

        // y = r + γ·Q(s', a*; θ⁻), and y = r where s' is terminal.
        let next_target =
            self.target.forward(&sampled.next_observations, &mut self.scratch.next_target)?;
        let best = if self.config.double() {
            self.online.forward(&sampled.next_observations, &mut self.scratch.next)?
        } else {
            next_target
        };
        let gamma = self.config.gamma() as f32;
        targets(&sampled, &best, &next_target, gamma, &mut self.scratch.targets);

        // The gradient of the mean of w·Huber(δ), δ = Q(s, a; θ) − y: only the action taken has one.
        self.online.forward(&sampled.observations, &mut self.scratch.online)?;
        let (q, mut gradient) = self.scratch.online.outputs_and_gradient_mut();
        gradient.fill(0.0);
        self.scratch.priorities.clear();
        let (mut loss, mut sum_q) = (0.0, 0.0);
        let per_row = 1.0 / self.config.batch_size() as f32;
        for (row, (&action, &target)) in
            sampled.actions.iter().zip(&self.scratch.targets).enumerate()
        {
            let at = [row, action as usize];
            let (value, slope) = self.config.loss().value_and_slope(q[at], target);
            let weight = per_row * sampled.weights[row];
            gradient[at] = weight * slope;
            loss += f64::from(weight * value);
            sum_q += f64::from(q[at]);
            self.scratch.priorities.push((q[at] - target).abs());
        }
        if !loss.is_finite() {
            return Err(Error::Diverged { update: self.updates, loss });
        }

        // One step of Adam down the clipped gradient.
        self.online.backward(&sampled.observations, &mut self.scratch.online)?;
        let gradients = self.scratch.online.gradients_mut();
        let gradient_norm = clip_norm(gradients, self.config.max_gradient_norm());
        self.adam.step(self.online.parameters_mut(), gradients)?;

        // The priority of a transition is its |δ|.
        let items = self.scratch.batch.items();
        self.memory.buffer_mut().set_priorities(items, &self.scratch.priorities)?;

        // Every C updates, θ⁻ ← θ (or a step of size τ towards it).
        self.updates += 1;
        if self.updates.is_multiple_of(self.config.target_update_every()) {
            self.target.blend(&self.online, self.config.tau() as f32)?;
        }
        let mean_q = sum_q * f64::from(per_row);
        Ok(Update { loss, mean_q, gradient_norm })
    }

    /// Tells the sampler how much of the training is done, from 0 to 1: the exponent beta of
    /// prioritized replay follows it.
    ///
    /// # Errors
    ///
    /// [`Error::Replay`] outside `[0, 1]`.
    pub fn set_progress(&mut self, fraction: f64) -> Result<()> {
        Ok(self.memory.buffer_mut().set_progress(fraction)?)
    }

    /// The settings.
    pub fn config(&self) -> &DqnConfig {
        &self.config
    }

    /// The Q-network: observations `[batch, observation]` in, values `[batch, actions]` out.
    pub fn network(&self) -> &Mlp {
        &self.online
    }

    /// The Q-network, without the rest of the agent.
    pub fn into_network(self) -> Mlp {
        self.online
    }

    /// The transitions it remembers.
    pub fn buffer(&self) -> &Buffer<S> {
        self.memory.buffer()
    }

    /// Transitions remembered so far, those forgotten again included.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Updates made so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The probability of a random action at this step.
    pub fn epsilon(&self) -> f64 {
        self.config.epsilon().at(self.steps)
    }
}

/// `y` for each row: `r`, and where the task goes on `γ` times the value `next` of the action that
/// is best by `best`. The two are the same for plain targets.
fn targets(
    sampled: &Sampled<'_>,
    best: &ArrayView2<'_, f32>,
    next: &ArrayView2<'_, f32>,
    gamma: f32,
    targets: &mut Vec<f32>,
) {
    targets.clear();
    Zip::from(best.rows()).and(next.rows()).and(sampled.rewards).and(sampled.terminated).for_each(
        |best, next, &reward, &terminated| {
            let future = if terminated { 0.0 } else { gamma * next[argmax(best)] };
            targets.push(reward + future);
        },
    );
}

/// The action with the largest value, the first of several.
pub(crate) fn greedy_action(
    network: &Mlp,
    observation: &[f32],
    workspace: &mut Workspace,
) -> Result<usize> {
    let row = ndarray::aview1(observation).insert_axis(ndarray::Axis(0));
    Ok(argmax(network.forward(&row, workspace)?.row(0)))
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_replay::Uniform;

    use super::*;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(5)
    }

    #[test]
    fn plain_and_double_targets_worked_by_hand() {
        let observations = array![[0.0_f32], [0.0], [0.0]];
        let sampled = Sampled {
            observations: observations.view(),
            actions: &[0, 0, 0],
            rewards: &[1.0, -2.0, 3.0],
            next_observations: observations.view(),
            terminated: &[false, false, true],
            weights: &[1.0; 3],
        };
        let online = array![[1.0_f32, 2.0], [5.0, 4.0], [9.0, 9.0]];
        let target = array![[10.0_f32, 20.0], [30.0, 40.0], [50.0, 60.0]];
        let mut got = Vec::new();
        // Plain: the largest of the target network's own values; nothing after a terminal state.
        targets(&sampled, &target.view(), &target.view(), 0.5, &mut got);
        assert_eq!(got, [1.0 + 0.5 * 20.0, -2.0 + 0.5 * 40.0, 3.0]);
        // Double: the online network chooses, the target network judges. Row 1 differs.
        targets(&sampled, &online.view(), &target.view(), 0.5, &mut got);
        assert_eq!(got, [1.0 + 0.5 * 20.0, -2.0 + 0.5 * 30.0, 3.0]);
    }

    /// A linear agent on one number, Q(s) = [0, 0] at first, that remembers one transition.
    fn linear_agent(config: DqnConfig) -> Dqn<Uniform> {
        let config = config.with_hidden(&[]).unwrap().with_batch_size(1).unwrap();
        let mut agent = Dqn::new(1, 2, config, Uniform::new(), &mut rng()).unwrap();
        agent.online.parameters_mut().fill(0.0);
        agent.target.parameters_mut().fill(0.0);
        agent
            .remember(&Transition {
                observation: &[1.0],
                action: 1,
                reward: 0.5,
                next_observation: &[2.0],
                terminated: true,
            })
            .unwrap();
        agent
    }

    #[test]
    fn an_update_is_one_step_of_adam_on_the_action_taken() {
        let config = DqnConfig::new().with_learning_rate(0.125).unwrap();
        let mut agent = linear_agent(config);
        let update = agent.learn(&mut rng()).unwrap();
        // δ = 0 − 0.5: the loss is δ²/2, and weight and bias of action 1 have the slope −0.5.
        assert_eq!((update.loss, update.mean_q), (0.125, 0.0));
        assert_eq!(update.gradient_norm, 0.5_f64.sqrt());
        // Adam's first step has the size of the learning rate. Weights [1, 2], then biases [2].
        for (got, expected) in agent.network().parameters().iter().zip([0.0, 0.125, 0.0, 0.125]) {
            assert!((got - expected).abs() < 1e-6, "{:?}", agent.network().parameters());
        }
    }

    #[test]
    fn the_target_network_follows_every_c_updates_by_tau() {
        let config = DqnConfig::new().with_target_update(2, 0.25).unwrap();
        let mut agent = linear_agent(config);
        agent.learn(&mut rng()).unwrap();
        assert!(agent.target.parameters().iter().all(|&p| p == 0.0));
        agent.learn(&mut rng()).unwrap();
        for (target, online) in agent.target.parameters().iter().zip(agent.online.parameters()) {
            assert_eq!(*target, 0.25 * online);
        }
        assert_eq!(agent.updates(), 2);
    }

    #[test]
    fn divergence_is_an_error_and_changes_nothing() {
        let mut agent = linear_agent(DqnConfig::new());
        agent.online.parameters_mut()[1] = f32::MAX;
        agent.online.parameters_mut()[3] = f32::MAX;
        let before = agent.online.clone();
        assert!(matches!(agent.learn(&mut rng()), Err(Error::Diverged { update: 0, .. })));
        assert_eq!(agent.online, before);
    }

    #[test]
    fn what_an_environment_should_not_give_is_refused() {
        let mut agent = linear_agent(DqnConfig::new());
        let good = Transition {
            observation: &[1.0],
            action: 0,
            reward: 0.0,
            next_observation: &[1.0],
            terminated: false,
        };
        let nan = [f32::NAN];
        for (bad, what) in [
            (
                Transition { next_observation: &[1.0, 2.0], ..good },
                "observation must have length 1",
            ),
            (Transition { next_observation: &nan, ..good }, "observation must be finite, got NaN"),
            (Transition { reward: f32::INFINITY, ..good }, "reward must be finite, got inf"),
            (Transition { action: 2, ..good }, "action must be less than the number of actions"),
        ] {
            let error = agent.remember(&bad).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert_eq!((agent.buffer().len(), agent.steps()), (1, 1));
        assert!(matches!(agent.act(&nan, &mut rng()), Err(Error::NonFinite { .. })));
        let mut empty = Dqn::new(1, 2, DqnConfig::new(), Uniform::new(), &mut rng()).unwrap();
        assert!(matches!(empty.learn(&mut rng()), Err(Error::Replay(_))));
    }
}
