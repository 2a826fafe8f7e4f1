//! The settings of the agent, checked before there is one.

use reflux_nn::Regression;

use crate::error::{check_above_zero, check_fraction, check_positive};
use crate::{Error, LinearSchedule, Result};

/// What a [`Dqn`](crate::Dqn) agent is told to do.
///
/// The defaults are those of Stable-Baselines3's DQN, the most used implementation, but for a buffer
/// of 100,000 (there: 1,000,000) and double targets (there: none).
/// [`DqnConfig::cart_pole`] is a setting that solves CartPole-v1.
///
/// ```
/// use reflux_dqn::DqnConfig;
///
/// let config = DqnConfig::new().with_gamma(0.9)?.with_hidden(&[32])?;
/// assert_eq!((config.gamma(), config.batch_size()), (0.9, 32));
/// assert!(config.with_gamma(1.5).is_err());
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", default, deny_unknown_fields))]
pub struct DqnConfig {
    hidden: Vec<usize>,
    gamma: f64,
    double: bool,
    loss: Regression,
    learning_rate: f64,
    max_gradient_norm: f64,
    batch_size: usize,
    buffer_capacity: usize,
    learning_starts: u64,
    train_every: u64,
    updates_per_training: u64,
    target_update_every: u64,
    tau: f64,
    epsilon: LinearSchedule,
}

impl Default for DqnConfig {
    fn default() -> Self {
        Self {
            hidden: vec![64, 64],
            gamma: 0.99,
            double: true,
            loss: Regression::Huber { delta: 1.0 },
            learning_rate: 1e-4,
            max_gradient_norm: 10.0,
            batch_size: 32,
            buffer_capacity: 100_000,
            learning_starts: 100,
            train_every: 4,
            updates_per_training: 1,
            target_update_every: 2_500,
            tau: 1.0,
            epsilon: LinearSchedule::of_fractions(1.0, 0.05, 10_000),
        }
    }
}

/// The settings, each with the name that the field gives it.
impl DqnConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// For CartPole-v1, and for other tasks of its size: the setting that RL Baselines3 Zoo
    /// publishes for DQN (50,000 steps, a 256-256 network, 128 updates after each 256 steps,
    /// gamma 0.99, epsilon down to 0.04 within 8,000 steps), with three changes that made it solve
    /// the task sooner and on every seed that was tried: double targets, a learning rate of 0.001
    /// (there 0.0023), and a target network that follows every 64 updates (there every 10 steps,
    /// which comes to 128 updates).
    pub fn cart_pole() -> Self {
        Self {
            hidden: vec![256, 256],
            learning_rate: 1e-3,
            batch_size: 64,
            learning_starts: 1_000,
            train_every: 256,
            updates_per_training: 128,
            target_update_every: 64,
            epsilon: LinearSchedule::of_fractions(1.0, 0.04, 8_000),
            ..Self::default()
        }
    }

    /// Sets the widths of the hidden layers; none makes Q linear in the observation.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a width of 0.
    pub fn with_hidden(self, hidden: &[usize]) -> Result<Self> {
        Self { hidden: hidden.to_vec(), ..self }.checked()
    }

    /// Sets the discount of a reward one step away.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] outside `[0, 1]`.
    pub fn with_gamma(self, gamma: f64) -> Result<Self> {
        Self { gamma, ..self }.checked()
    }

    /// Chooses double Q-learning (van Hasselt, Guez & Silver 2016, arXiv:1509.06461) or the plain
    /// target of Mnih et al. 2015.
    pub fn with_double(self, double: bool) -> Self {
        Self { double, ..self }
    }

    /// Sets the loss of a temporal-difference error: Huber with δ = 1, or squared.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a δ that is not finite and above 0.
    pub fn with_loss(self, loss: Regression) -> Result<Self> {
        Self { loss, ..self }.checked()
    }

    /// Sets Adam's step size.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and above 0.
    pub fn with_learning_rate(self, learning_rate: f64) -> Result<Self> {
        Self { learning_rate, ..self }.checked()
    }

    /// Sets the largest Euclidean norm of a gradient.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and above 0.
    pub fn with_max_gradient_norm(self, max_gradient_norm: f64) -> Result<Self> {
        Self { max_gradient_norm, ..self }.checked()
    }

    /// Sets how many transitions are sampled for one update.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for 0, or for more than the buffer holds.
    pub fn with_batch_size(self, batch_size: usize) -> Result<Self> {
        Self { batch_size, ..self }.checked()
    }

    /// Sets how many transitions are kept.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for fewer than a batch.
    pub fn with_buffer_capacity(self, buffer_capacity: usize) -> Result<Self> {
        Self { buffer_capacity, ..self }.checked()
    }

    /// Sets how many steps are taken before the first update.
    pub fn with_learning_starts(self, learning_starts: u64) -> Self {
        Self { learning_starts, ..self }
    }

    /// After every `steps` steps of the environment, makes `updates` updates.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where either is 0.
    pub fn with_training(self, steps: u64, updates: u64) -> Result<Self> {
        Self { train_every: steps, updates_per_training: updates, ..self }.checked()
    }

    /// After every `updates` updates, moves the target network towards the online network by the
    /// fraction `tau`: 1 copies it (Mnih et al. 2015), a small fraction after every update is
    /// Polyak averaging (Lillicrap et al. 2016, arXiv:1509.02971).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for 0 updates or a `tau` outside `(0, 1]`.
    pub fn with_target_update(self, updates: u64, tau: f64) -> Result<Self> {
        Self { target_update_every: updates, tau, ..self }.checked()
    }

    /// Sets how often an action is chosen at random, step by step.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a schedule that was read from a file with an end outside `[0, 1]`.
    pub fn with_epsilon(self, epsilon: LinearSchedule) -> Result<Self> {
        Self { epsilon, ..self }.checked()
    }

    /// The widths of the hidden layers.
    pub fn hidden(&self) -> &[usize] {
        &self.hidden
    }

    /// The discount.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// Whether targets are double.
    pub fn double(&self) -> bool {
        self.double
    }

    /// The loss of a temporal-difference error.
    pub fn loss(&self) -> Regression {
        self.loss
    }

    /// Adam's step size.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// The largest norm of a gradient.
    pub fn max_gradient_norm(&self) -> f64 {
        self.max_gradient_norm
    }

    /// Transitions an update.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Transitions kept.
    pub fn buffer_capacity(&self) -> usize {
        self.buffer_capacity
    }

    /// Steps before the first update.
    pub fn learning_starts(&self) -> u64 {
        self.learning_starts
    }

    /// Steps between two rounds of updates.
    pub fn train_every(&self) -> u64 {
        self.train_every
    }

    /// Updates a round.
    pub fn updates_per_training(&self) -> u64 {
        self.updates_per_training
    }

    /// Updates between two moves of the target network.
    pub fn target_update_every(&self) -> u64 {
        self.target_update_every
    }

    /// How far the target network moves.
    pub fn tau(&self) -> f64 {
        self.tau
    }

    /// How often an action is random.
    pub fn epsilon(&self) -> LinearSchedule {
        self.epsilon
    }

    fn checked(self) -> Result<Self> {
        if self.hidden.contains(&0) {
            let got = format!("{:?}", self.hidden);
            return Err(Error::config("each hidden layer's width", "at least 1", got));
        }
        check_fraction("gamma", self.gamma)?;
        if let Regression::Huber { delta } = self.loss {
            check_above_zero("huber delta", delta)?;
        }
        check_above_zero("learning rate", self.learning_rate)?;
        check_above_zero("max gradient norm", self.max_gradient_norm)?;
        check_positive("batch size", self.batch_size as u64)?;
        if self.buffer_capacity < self.batch_size {
            let got = format!("{} for batches of {}", self.buffer_capacity, self.batch_size);
            return Err(Error::config("buffer capacity", "at least a batch", got));
        }
        check_positive("steps between rounds of updates", self.train_every)?;
        check_positive("updates a round", self.updates_per_training)?;
        check_positive("updates between target updates", self.target_update_every)?;
        check_fraction("tau", self.tau)?;
        check_above_zero("tau", self.tau)?;
        self.epsilon.checked()?;
        Ok(self)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for DqnConfig {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DqnConfig {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)?.checked().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outside_their_range_are_refused_by_name() {
        let config = DqnConfig::new;
        let name = |result: Result<DqnConfig>| match result {
            Err(Error::Config { name, .. }) => name,
            other => panic!("not refused: {other:?}"),
        };
        assert_eq!(name(config().with_hidden(&[8, 0])), "each hidden layer's width");
        assert_eq!(name(config().with_gamma(f64::NAN)), "gamma");
        assert_eq!(name(config().with_loss(Regression::Huber { delta: 0.0 })), "huber delta");
        assert_eq!(name(config().with_learning_rate(0.0)), "learning rate");
        assert_eq!(name(config().with_max_gradient_norm(-1.0)), "max gradient norm");
        assert_eq!(name(config().with_batch_size(0)), "batch size");
        assert_eq!(name(config().with_buffer_capacity(31)), "buffer capacity");
        assert_eq!(name(config().with_training(0, 1)), "steps between rounds of updates");
        assert_eq!(name(config().with_training(1, 0)), "updates a round");
        assert_eq!(name(config().with_target_update(0, 1.0)), "updates between target updates");
        assert_eq!(name(config().with_target_update(1, 0.0)), "tau");
        assert!(LinearSchedule::new(1.1, 0.0, 5).is_err());
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_config_is_checked_when_it_is_read() {
        let config = DqnConfig::cart_pole();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<DqnConfig>(&text).unwrap(), config);
        let read = serde_json::from_str::<DqnConfig>(r#"{"gamma": 0.5}"#).unwrap();
        assert_eq!(read, DqnConfig::new().with_gamma(0.5).unwrap());
        for wrong in [r#"{"gamma": 2.0}"#, r#"{"gama": 0.5}"#] {
            assert!(serde_json::from_str::<DqnConfig>(wrong).is_err(), "{wrong}");
        }
    }
}
