//! The settings of the agent, checked before there is one.

mod presets;
mod settings;

use reflux_nn::Regression;

use crate::error::{check_above_zero, check_fraction, check_positive};
use crate::{Error, Optimism, PolicyLoss, Result, Schedule, Values};

/// What a [`Dqn`](crate::Dqn) agent is told to do.
///
/// Each switch is independent of the others, so that every mixture of them is an algorithm: Rainbow
/// (Hessel et al. 2018), for one. Prioritized replay is a choice of the sampler.
///
/// The defaults are those of Stable-Baselines3's DQN, the most used implementation, but for a buffer
/// of 100,000 (there: 1,000,000) and double targets (there: none).
/// [`DqnConfig::cart_pole`] and its like solve the classic tasks.
///
/// ```
/// use reflux_dqn::DqnConfig;
///
/// let config = DqnConfig::new().with_gamma(0.9)?.with_hidden(&[32])?.with_dueling(true);
/// assert_eq!((config.gamma(), config.batch_size()), (0.9, 32));
/// assert!(config.with_gamma(1.5).is_err());
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", default, deny_unknown_fields))]
pub struct DqnConfig {
    hidden: Vec<usize>,
    dueling: bool,
    /// σ₀ of noisy layers.
    noisy: Option<f64>,
    values: Values,
    gamma: f64,
    n_step: usize,
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
    epsilon: Schedule,
    optimism: Option<Optimism>,
    training_steps: u64,
    conservative: f64,
    behavior_cloning: f64,
    teacher: Option<(PolicyLoss, Schedule)>,
}

impl Default for DqnConfig {
    /// Stable-Baselines3's `DQN.__init__` and `DQNPolicy`, but for what is marked.
    fn default() -> Self {
        Self {
            hidden: vec![64, 64],
            dueling: false,
            noisy: None,
            values: Values::Expected,
            gamma: 0.99,
            n_step: 1,
            double: true, // there: false
            loss: Regression::Huber { delta: 1.0 },
            learning_rate: 1e-4,
            max_gradient_norm: 10.0,
            batch_size: 32,
            buffer_capacity: 100_000, // there: 1,000,000
            learning_starts: 100,
            train_every: 4,
            updates_per_training: 1,
            target_update_every: 2_500, // there: 10,000 steps, of which every fourth has an update
            tau: 1.0,
            epsilon: Schedule::Linear { initial: 1.0, last: 0.05, steps: 10_000 },
            optimism: None,
            training_steps: 100_000, // there: an argument, as is the 10% of it that epsilon takes
            conservative: 0.0,
            behavior_cloning: 0.0,
            teacher: None,
        }
    }
}

impl DqnConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn network(
        &self,
        observation: usize,
        actions: usize,
    ) -> Result<reflux_nn::MlpConfig> {
        let outputs = actions.saturating_mul(self.values.atoms());
        let mut shape = reflux_nn::MlpConfig::new(observation, &self.hidden, outputs)?;
        if self.dueling {
            shape = shape.with_dueling(self.values.atoms())?;
        }
        if let Some(sigma) = self.noisy {
            let layers = shape.layers();
            shape = shape.with_noisy(sigma, layers)?;
        }
        Ok(shape)
    }

    fn checked(self) -> Result<Self> {
        if self.hidden.contains(&0) {
            let got = format!("{:?}", self.hidden);
            return Err(Error::config("each hidden layer's width", "at least 1", got));
        }
        if let Some(sigma) = self.noisy {
            check_above_zero("sigma of the noise", sigma)?;
        }
        self.values.checked()?;
        check_fraction("gamma", self.gamma)?;
        check_positive("n_step", self.n_step as u64)?;
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
        if let Some(optimism) = &self.optimism {
            optimism.clone().checked()?;
        }
        check_positive("training steps", self.training_steps)?;
        for (name, weight) in [
            ("the weight of conservative Q-learning", self.conservative),
            ("the weight of behavior cloning", self.behavior_cloning),
        ] {
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(Error::config(name, "finite and at least 0", weight));
            }
        }
        if let Some((loss, weight)) = self.teacher {
            loss.checked()?;
            weight.checked()?;
        }
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
        assert_eq!(name(config().with_n_step(0)), "n_step");
        assert_eq!(name(config().with_noisy(Some(0.0))), "sigma of the noise");
        let nan = Values::Categorical { atoms: 51, min: f64::NAN, max: 1.0 };
        assert_eq!(name(config().with_values(nan)), "the returns' bounds");
        assert_eq!(name(config().with_training_steps(0)), "training steps");
        let weight = "the weight of conservative Q-learning";
        assert_eq!(name(config().with_conservative(f64::INFINITY)), weight);
        assert!(Schedule::linear(1.1, 0.0, 5).is_err());
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
