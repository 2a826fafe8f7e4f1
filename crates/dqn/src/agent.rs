//! The agent: what it is made of, and what it can be asked. How it chooses is in `act.rs`, how it learns
//! in `learn.rs`.

use rand::Rng;
use reflux_envs::Env;
use reflux_nn::{Adam, Mlp, Predictor, Workspace};
use reflux_replay::{Batch, Buffer, Sampler};

use crate::memory::Memory;
use crate::optimism::Tried;
use crate::policy::Greedy;
use crate::{DqnConfig, Error, QNetwork, Result, Transition};

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
    /// For an optimist.
    pub(crate) tried: Option<Tried>,
    pub(crate) scratch: Scratch,
    pub(crate) steps: u64,
    pub(crate) updates: u64,
    /// What the weight of the teacher's term is multiplied by.
    pub(crate) teacher_weight: f64,
}

/// Memory that is reused from update to update.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) batch: Batch,
    pub(crate) online: Workspace,
    pub(crate) next: Workspace,
    pub(crate) next_target: Workspace,
    /// `[batch, atoms]`
    pub(crate) targets: Vec<f32>,
    pub(crate) priorities: Vec<f32>,
    /// Of what has seldom been tried, `[batch · actions]`; empty without optimism.
    pub(crate) bonuses: Vec<f32>,
    /// The online network as it is now, packed for acting.
    pub(crate) actor: Option<Predictor>,
    /// What that says about an observation.
    pub(crate) outputs: Vec<f32>,
    pub(crate) actions: Vec<usize>,
}

impl<S: Sampler> Dqn<S> {
    /// An agent for observations of `observation_len` numbers and `actions` actions, with weights
    /// drawn from `rng`.
    ///
    /// # Errors
    ///
    /// [`Error::Nn`] for no actions or a network that cannot be, [`Error::Replay`] for a buffer that
    /// does not fit in memory, [`Error::Length`] for an optimist with other widths of cells.
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
        let (observation_len, actions) = (online.mlp().config().inputs(), online.actions());
        let tried = config
            .optimism()
            .map(|optimism| Tried::new(optimism.clone(), observation_len, actions))
            .transpose()?;
        Ok(Self {
            target: online.clone(),
            online,
            adam: Adam::new(config.learning_rate())?,
            memory,
            tried,
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
        if let Some(tried) = &mut self.tried {
            tried.add(transition.observation, transition.action);
        }
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_replay::Uniform;

    use super::*;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(5)
    }

    /// A linear agent on one number, Q(s) = [0, 0] at first, that remembers one transition.
    fn linear_agent(config: DqnConfig) -> Dqn<Uniform> {
        remembering(config, &[0.0; 4], true)
    }

    /// An agent with these parameters in both networks that remembers one step, from 1 to 2 by action 1
    /// with reward ½, after which the episode goes on; γ is ½.
    fn agent_of(config: DqnConfig, parameters: &[f32]) -> Dqn<Uniform> {
        let config = config.with_gamma(0.5).unwrap().with_learning_rate(0.125).unwrap();
        remembering(config, parameters, false)
    }

    /// One without hidden layers and with these parameters in both networks, that remembers one step, from
    /// 1 to 2 by action 1 with reward ½.
    fn remembering(config: DqnConfig, parameters: &[f32], terminated: bool) -> Dqn<Uniform> {
        let config = config.with_hidden(&[]).unwrap().with_batch_size(1).unwrap();
        let mut agent = Dqn::new(1, 2, config, Uniform::new(), &mut rng()).unwrap();
        agent.online.mlp_mut().parameters_mut().copy_from_slice(parameters);
        agent.target.mlp_mut().parameters_mut().copy_from_slice(parameters);
        agent
            .remember(&Transition {
                observation: &[1.0],
                action: 1,
                reward: 0.5,
                next_observation: &[2.0],
                terminated,
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
    fn an_update_of_a_dueling_network_worked_by_hand() {
        // V = s, A = [2s, 4s]. At 1: Q = 1 + [2, 4] − 3 = [0, 2]; at 2: [0, 4], so y = ½ + ½·4.
        let parameters = [1.0, 2.0, 4.0, 0.0, 0.0, 0.0];
        let mut agent = agent_of(DqnConfig::new().with_dueling(true), &parameters);
        let update = agent.learn(&mut rng()).unwrap();
        assert_eq!((update.mean_q, update.loss), (2.0, 0.125));
        // δ = −½; Q(1) has the slopes 1 for V, −½ and ½ for the advantages, for weight and bias each.
        assert!((update.gradient_norm - 0.75_f64.sqrt()).abs() < 1e-6);
        let expected = [1.125, 1.875, 4.125, 0.125, -0.125, 0.125];
        for (got, expected) in agent.network().parameters().iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{:?}", agent.network().parameters());
        }
    }

    #[test]
    fn an_update_of_a_noisy_network_worked_by_hand() {
        /// Draws the same number always, so that all noise is one number.
        struct Same;
        impl rand::RngCore for Same {
            fn next_u32(&mut self) -> u32 {
                self.next_u64() as u32
            }
            fn next_u64(&mut self) -> u64 {
                0x9e37_79b9_7f4a_7c15
            }
            fn fill_bytes(&mut self, bytes: &mut [u8]) {
                bytes.fill(0x9e);
            }
        }
        let noisy = || DqnConfig::new().with_noisy(Some(0.5)).unwrap();
        // Means and sigmas of the weights [1, 2] and biases [2]. A lone σ_b of 1 shows the noise: f(ε).
        let shows = agent_of(noisy(), &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
        let (one, mut workspace) = (ndarray::array![[1.0_f32]], Workspace::default());
        let f = shows.online.mlp().forward_train(&one, &mut workspace, &mut Same).unwrap()[[0, 0]];
        assert!(f.abs() > 0.1, "{f}");

        // μ_W = [1, 2], μ_b = 0, σ_W = [½, 1], σ_b = [1, −1]: w = μ_W + σ_W·f², b = σ_b·f.
        let mut agent = agent_of(noisy(), &[1.0, 2.0, 0.0, 0.0, 0.5, 1.0, 1.0, -1.0]);
        let (w, b) = ([1.0 + 0.5 * f * f, 2.0 + f * f], [f, -f]);
        let update = agent.learn(&mut Same).unwrap();
        let q = w[1] + b[1];
        let y = 0.5 + 0.5 * (2.0 * w[0] + b[0]).max(2.0 * w[1] + b[1]);
        let error = (q - y).abs();
        let loss = if error <= 1.0 { error * error / 2.0 } else { error - 0.5 };
        assert!((update.mean_q - f64::from(q)).abs() < 1e-6, "{update:?}");
        assert!((update.loss - f64::from(loss)).abs() < 1e-6, "{update:?}");
        // Slopes of Q(1): 1 for μ_W and μ_b, f² for σ_W, f for σ_b.
        let slopes = (2.0 + f.powi(4) + f * f).sqrt() * error.min(1.0);
        assert!((update.gradient_norm - f64::from(slopes)).abs() < 1e-6, "{update:?}");
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
