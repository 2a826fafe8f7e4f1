//! The agent: Q-learning with a deep network, a target network and replayed experience.
//!
//! ```text
//! R = r_1 + γ·r_2 + … + γⁿ⁻¹·r_n,   d = γⁿ, or 0 where the task is over   (Sutton 1988)
//! a* = argmax_a Q(s', a; θ)                            double (van Hasselt et al. 2016)
//! a* = argmax_a Q(s', a; θ⁻)                           plain (Mnih et al. 2015)
//! y = R + d·Z(s', a*; θ⁻)        Z: the value, or its quantiles or distribution, see `values`
//! L(θ) = mean over the batch of  w·ℓ(Z(s, a; θ), y)    w: Schaul et al. 2016
//! ```

use ndarray::{ArrayView2, aview1};
use rand::Rng;
use reflux_envs::Env;
use reflux_nn::{Adam, Mlp, Optimizer, Predictor, Workspace, clip_norm};
use reflux_replay::{Batch, Buffer, Sampler};

use crate::memory::{Memory, Sampled, check_observation};
use crate::policy::Greedy;
use crate::terms::extra_terms;
use crate::{DqnConfig, Error, QNetwork, Result, Transition, Values};

/// From this many steps between two rounds of updates on, it pays to pack the weights for acting.
const STEPS_THAT_PAY_FOR_PACKING: u64 = 32;

/// A deep Q-learning agent, over any [`Sampler`] of `reflux-replay`.
///
/// [`Run`](crate::Run) plays and learns, as does [`train`](crate::train()); who has a loop of their
/// own calls [`Dqn::act`], [`Dqn::remember`] and [`Dqn::learn`].
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
///         truncated: step.truncated,
///         teacher: None,
///     })?;
///     observation = if step.done() { env.reset(None)? } else { step.observation }.to_vec();
/// }
/// let update = agent.learn(rng)?;
/// assert!(update.loss.is_finite());
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug)]
pub struct Dqn<S> {
    pub(crate) config: DqnConfig,
    /// θ
    pub(crate) online: QNetwork,
    /// θ⁻
    pub(crate) target: QNetwork,
    pub(crate) adam: Adam,
    pub(crate) memory: Memory<S>,
    scratch: Scratch,
    pub(crate) steps: u64,
    pub(crate) updates: u64,
    /// What the weight of the teacher's term is multiplied by.
    pub(crate) teacher_weight: f64,
}

/// Memory that is reused from update to update.
#[derive(Debug, Default)]
struct Scratch {
    batch: Batch,
    online: Workspace,
    next: Workspace,
    next_target: Workspace,
    /// `[batch, atoms]`
    targets: Vec<f32>,
    priorities: Vec<f32>,
    /// The online network as it is now, packed for acting.
    actor: Option<Predictor>,
    /// What that says about an observation.
    outputs: Vec<f32>,
    actions: Vec<usize>,
}

/// What one update looked like.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Update {
    /// The mean loss of the batch, importance weights and all terms included.
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
    /// [`Error::Nn`] for no actions or a network that cannot be, [`Error::Replay`] for a buffer that
    /// does not fit in memory.
    pub fn new<R: Rng + ?Sized>(
        observation_len: usize,
        actions: usize,
        config: DqnConfig,
        sampler: S,
        rng: &mut R,
    ) -> Result<Self> {
        let memory = Memory::new(observation_len, actions, &config, sampler)?;
        let network = Mlp::new(config.network(observation_len, actions)?, rng)?;
        Self::from_parts(config, network, memory)
    }

    /// An agent that has seen and learned nothing.
    pub(crate) fn from_parts(config: DqnConfig, network: Mlp, memory: Memory<S>) -> Result<Self> {
        let online = QNetwork::new(network, config.values())?;
        Ok(Self {
            target: online.clone(),
            online,
            adam: Adam::new(config.learning_rate())?,
            memory,
            scratch: Scratch::default(),
            steps: 0,
            updates: 0,
            teacher_weight: 1.0,
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

    /// An action for `observation`: at random with the probability that [`Dqn::epsilon`] gives for
    /// this step, else the best that the network knows.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for an observation of another length, [`Error::NonFinite`] for NaN.
    pub fn act<R: Rng + ?Sized>(&mut self, observation: &[f32], rng: &mut R) -> Result<usize> {
        let rows = aview1(observation).insert_axis(ndarray::Axis(0));
        let actions = self.act_all(&rows, rng)?;
        Ok(actions[0])
    }

    /// [`act`](Self::act) for each row of `observations` `[actors, observation]`, in one pass.
    ///
    /// # Errors
    ///
    /// As [`act`](Self::act).
    pub fn act_all<R: Rng + ?Sized>(
        &mut self,
        observations: &ArrayView2<'_, f32>,
        rng: &mut R,
    ) -> Result<&[usize]> {
        let (epsilon, actions) = (self.epsilon(), self.online.actions());
        let observation_len = self.online.mlp().config().inputs();
        let mut chosen = std::mem::take(&mut self.scratch.actions);
        chosen.clear();
        for row in observations.rows() {
            check_observation(row.to_slice().unwrap_or_default(), observation_len)?;
            let random = rng.random::<f64>() < epsilon;
            // `actions` stands for the best, which is asked for below.
            chosen.push(if random { rng.random_range(0..actions) } else { actions });
        }
        if chosen.contains(&actions) {
            self.choose_best(observations, &mut chosen, rng)?;
        }
        self.scratch.actions = chosen;
        Ok(&self.scratch.actions)
    }

    /// Puts the best action where `chosen` has none.
    fn choose_best<R: Rng + ?Sized>(
        &mut self,
        observations: &ArrayView2<'_, f32>,
        chosen: &mut [usize],
        rng: &mut R,
    ) -> Result<()> {
        let (values, actions) = (self.config.values(), self.online.actions());
        let mlp = self.online.mlp();
        let undecided = |chosen: &usize| *chosen == actions;
        let packs = self.config.train_every() >= STEPS_THAT_PAY_FOR_PACKING;
        if packs && self.config.noisy().is_none() {
            let actor = self.scratch.actor.get_or_insert_with(|| Predictor::new(mlp));
            self.scratch.outputs.resize(mlp.config().outputs(), 0.0);
            for (row, chosen) in observations.rows().into_iter().zip(chosen) {
                if undecided(chosen) {
                    let row = row.to_slice().unwrap_or_default();
                    actor.predict_row(row, &mut self.scratch.outputs)?;
                    *chosen = values.best(&self.scratch.outputs);
                }
            }
        } else {
            let outputs = mlp.forward_train(observations, &mut self.scratch.online, rng)?;
            for (row, chosen) in outputs.rows().into_iter().zip(chosen) {
                if undecided(chosen) {
                    *chosen = values.best(row.to_slice().unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    /// Keeps a transition and counts a step. With n-step targets, it can be learned from when the n − 1
    /// that follow have come, or the episode has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an action that there is not, [`Error::Length`] and [`Error::NonFinite`]
    /// for what an environment should not give, [`Error::Teacher`] where a teacher's values lack or
    /// are not wanted; nothing is then kept.
    pub fn remember(&mut self, transition: &Transition<'_>) -> Result<()> {
        self.remember_from(0, transition)
    }

    /// [`remember`](Self::remember) for one of several actors, each of which has episodes of its own.
    ///
    /// # Errors
    ///
    /// As [`remember`](Self::remember), and [`Error::Replay`] for an actor that there is not.
    pub fn remember_from(&mut self, actor: usize, transition: &Transition<'_>) -> Result<()> {
        self.memory.push(actor, transition)?;
        self.steps += 1;
        Ok(())
    }

    /// Sets how many actors there are: 1 at first. Unfinished n-step transitions are forgotten; see
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// [`Error::Replay`] for none.
    pub fn set_actors(&mut self, actors: usize) -> Result<()> {
        self.memory.set_actors(actors)
    }

    /// Ends the n-step transitions of unfinished episodes where they are, as if the episodes had been
    /// truncated: for when the next step of an actor is not the one that follows.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn flush(&mut self) -> Result<()> {
        self.memory.flush()
    }

    /// One update from one batch: the body of the algorithm.
    ///
    /// # Errors
    ///
    /// [`Error::Replay`] for an empty buffer; [`Error::Diverged`] for a loss or a gradient that is not
    /// finite, with the networks as they were.
    pub fn learn<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<Update> {
        // Sample transitions (s, a, R, d, s') from the buffer, with their importance weights w.
        let scratch = &mut self.scratch;
        self.memory.sample(self.config.batch_size(), rng, &mut scratch.batch)?;
        let sampled = self.memory.columns(&scratch.batch)?;
        let (online, target) = (self.online.mlp(), self.target.mlp());

        // y = R + d·Z(s', a*; θ⁻), with a* by θ or by θ⁻. Noisy layers draw their noise in each pass.
        let next = &sampled.next_observations;
        let judged = target.forward_train(next, &mut scratch.next_target, rng)?;
        let chosen = if self.config.double() {
            online.forward_train(next, &mut scratch.next, rng)?
        } else {
            judged
        };
        let values = self.config.values();
        backups(values, &sampled, &chosen, &judged, &mut scratch.targets);

        // The mean of w·ℓ(Z(s, a; θ), y), and its gradient: only the action taken has one.
        online.forward_train(&sampled.observations, &mut scratch.online, rng)?;
        let (outputs, mut gradient) = scratch.online.outputs_and_gradient_mut();
        gradient.fill(0.0);
        scratch.priorities.clear();
        let teacher_weight = self
            .config
            .teacher()
            .map_or(0.0, |(_, weight)| self.teacher_weight * weight.at(self.steps));
        let (mut loss, mut sum_q, atoms) = (0.0, 0.0, values.atoms());
        let per_row = 1.0 / self.config.batch_size() as f32;
        let rows = outputs.rows().into_iter().zip(gradient.rows_mut());
        for (row, (outputs, gradient)) in rows.enumerate() {
            let taken =
                sampled.actions[row] as usize * atoms..(sampled.actions[row] as usize + 1) * atoms;
            let outputs = &outputs.to_slice().unwrap_or_default()[taken.clone()];
            let gradient = &mut gradient.into_slice().unwrap_or_default()[taken];
            let target = &scratch.targets[row * atoms..(row + 1) * atoms];
            let of_row = values.loss(self.config.loss(), outputs, target, gradient);
            let weight = per_row * sampled.weights[row];
            gradient.iter_mut().for_each(|slope| *slope *= weight);
            loss += f64::from(weight * of_row.loss);
            sum_q += f64::from(values.mean(outputs));
            scratch.priorities.push(of_row.error);
        }
        loss += extra_terms(&self.config, teacher_weight, &sampled, &outputs, &mut gradient)?;
        let diverged = |loss| Error::Diverged { update: self.updates, loss };
        if !loss.is_finite() {
            return Err(diverged(loss));
        }

        // One step of Adam down the clipped gradient.
        online.backward(&sampled.observations, &mut scratch.online)?;
        let gradients = scratch.online.gradients_mut();
        let gradient_norm = clip_norm(gradients, self.config.max_gradient_norm());
        if !gradient_norm.is_finite() {
            return Err(diverged(loss));
        }
        self.adam.step(self.online.mlp_mut().parameters_mut(), gradients)?;
        scratch.actor = None;

        // The priority of a transition is its error.
        self.memory.buffer_mut().set_priorities(scratch.batch.items(), &scratch.priorities)?;

        // Every C updates, θ⁻ ← θ (or a step of size τ towards it).
        self.updates += 1;
        if self.updates.is_multiple_of(self.config.target_update_every()) {
            self.target.mlp_mut().blend(self.online.mlp(), self.config.tau() as f32)?;
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

    /// Multiplies the weight of the [teacher's term](DqnConfig::with_teacher) from now on: for a teacher
    /// to be listened to less as the student catches up, as in QDagger (Agarwal et al. 2022,
    /// arXiv:2206.01626). 1 at first.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] outside `[0, 1]`.
    pub fn set_teacher_weight(&mut self, factor: f64) -> Result<()> {
        crate::error::check_fraction("the factor of the teacher's weight", factor)?;
        self.teacher_weight = factor;
        Ok(())
    }

    /// What the weight of the teacher's term is multiplied by.
    pub fn teacher_weight(&self) -> f64 {
        self.teacher_weight
    }

    /// The settings.
    pub fn config(&self) -> &DqnConfig {
        &self.config
    }

    /// The network: observations `[batch, observation]` in, `[batch, actions · atoms]` out.
    pub fn network(&self) -> &Mlp {
        self.online.mlp()
    }

    /// The network together with what its outputs mean.
    pub fn q_network(&self) -> &QNetwork {
        &self.online
    }

    /// The network, without the rest of the agent.
    pub fn into_network(self) -> Mlp {
        self.online.into_mlp()
    }

    /// The policy without exploration, as the network is now.
    pub fn greedy(&self) -> Greedy {
        Greedy::of(&self.online)
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

    /// The probability of a random action at this step: 0 with noisy layers, else 1 before learning
    /// starts, else what the schedule says.
    pub fn epsilon(&self) -> f64 {
        if self.config.noisy().is_some() {
            0.0
        } else if self.steps < self.config.learning_starts() {
            1.0
        } else {
            self.config.epsilon().at(self.steps)
        }
    }
}

/// For each row, `y = R + d·Z(s', a*)`, with a* by `chosen` and Z by `judged`, which are the same for
/// plain targets.
fn backups(
    values: Values,
    sampled: &Sampled<'_>,
    chosen: &ArrayView2<'_, f32>,
    judged: &ArrayView2<'_, f32>,
    targets: &mut Vec<f32>,
) {
    let atoms = values.atoms();
    targets.resize(chosen.nrows() * atoms, 0.0);
    let rows = chosen.rows().into_iter().zip(judged.rows()).zip(targets.chunks_exact_mut(atoms));
    for (row, ((chosen, judged), target)) in rows.enumerate() {
        let best = values.best(chosen.to_slice().unwrap_or_default());
        let next = &judged.to_slice().unwrap_or_default()[best * atoms..(best + 1) * atoms];
        values.backup(sampled.rewards[row], sampled.discounts[row], next, target);
    }
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
            discounts: &[0.5, 0.5, 0.0],
            teacher: None,
            weights: &[1.0; 3],
        };
        let online = array![[1.0_f32, 2.0], [5.0, 4.0], [9.0, 9.0]];
        let target = array![[10.0_f32, 20.0], [30.0, 40.0], [50.0, 60.0]];
        let (values, mut got) = (Values::Expected, Vec::new());
        // Plain: the largest of the target network's own values; nothing after a terminal state.
        backups(values, &sampled, &target.view(), &target.view(), &mut got);
        assert_eq!(got, [1.0 + 0.5 * 20.0, -2.0 + 0.5 * 40.0, 3.0]);
        // Double: the online network chooses, the target network judges. Row 1 differs.
        backups(values, &sampled, &online.view(), &target.view(), &mut got);
        assert_eq!(got, [1.0 + 0.5 * 20.0, -2.0 + 0.5 * 30.0, 3.0]);
    }

    #[test]
    fn a_target_of_quantiles_is_that_of_the_action_with_the_best_mean() {
        let observations = array![[0.0_f32]];
        let sampled = Sampled {
            observations: observations.view(),
            actions: &[0],
            rewards: &[1.0],
            next_observations: observations.view(),
            discounts: &[0.5],
            teacher: None,
            weights: &[1.0],
        };
        // Means 2 and 3: the second action.
        let outputs = array![[0.0_f32, 4.0, 1.0, 5.0]];
        let mut got = Vec::new();
        let values = Values::quantile(2).unwrap();
        backups(values, &sampled, &outputs.view(), &outputs.view(), &mut got);
        assert_eq!(got, [1.5, 3.5]);
    }

    /// A linear agent on one number, Q(s) = [0, 0] at first, that remembers one transition.
    fn linear_agent(config: DqnConfig) -> Dqn<Uniform> {
        let config = config.with_hidden(&[]).unwrap().with_batch_size(1).unwrap();
        let mut agent = Dqn::new(1, 2, config, Uniform::new(), &mut rng()).unwrap();
        agent.online.mlp_mut().parameters_mut().fill(0.0);
        agent.target.mlp_mut().parameters_mut().fill(0.0);
        agent
            .remember(&Transition {
                observation: &[1.0],
                action: 1,
                reward: 0.5,
                next_observation: &[2.0],
                terminated: true,
                truncated: false,
                teacher: None,
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
        assert!(agent.target.mlp().parameters().iter().all(|&p| p == 0.0));
        agent.learn(&mut rng()).unwrap();
        for (target, online) in
            agent.target.mlp().parameters().iter().zip(agent.online.mlp().parameters())
        {
            assert_eq!(*target, 0.25 * online);
        }
        assert_eq!(agent.updates(), 2);
    }

    #[test]
    fn divergence_is_an_error_and_changes_nothing() {
        let mut agent = linear_agent(DqnConfig::new());
        agent.online.mlp_mut().parameters_mut()[1] = f32::MAX;
        agent.online.mlp_mut().parameters_mut()[3] = f32::MAX;
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
            truncated: false,
            teacher: None,
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
