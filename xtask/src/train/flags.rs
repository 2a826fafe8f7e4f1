//! The algorithm, flag by flag: what differs from the settings that are for the environment.

use anyhow::{Context, Result, ensure};
use reflux_dqn::{DqnConfig, Schedule, Values};
use reflux_nn::Regression;

use crate::policy::{Preset, Task};
use crate::widths::widths;

/// What the network says about an action besides its expected return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Distribution {
    /// Quantiles (Dabney et al. 2018)
    QrDqn,
    /// Probabilities of fixed returns (Bellemare et al. 2017)
    C51,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Loss {
    Huber,
    Mse,
}

/// The settings of the agent. Without a flag, what the preset says.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Algorithm (without a flag, as the preset has it)")]
pub(super) struct AgentArgs {
    /// The settings to start from; by default those that are for the environment
    #[arg(long, value_name = "NAME")]
    preset: Option<Preset>,
    /// Double targets (van Hasselt et al. 2016); --double=false for plain ones
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    double: Option<bool>,
    /// A dueling head (Wang et al. 2016)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    dueling: Option<bool>,
    /// Rewards in a target before a value takes over
    #[arg(long, value_name = "N")]
    n_step: Option<usize>,
    /// Prioritized replay (Schaul et al. 2016), alpha 0.6, beta from 0.4 to 1
    #[arg(long)]
    pub(super) prioritized: bool,
    /// Noisy layers in place of epsilon (Fortunato et al. 2018), with this sigma; 0.5 unless it is said
    #[arg(long, value_name = "SIGMA", num_args = 0..=1, require_equals = true,
          default_missing_value = "0.5")]
    noisy: Option<f64>,
    /// Learn distributions of returns
    #[arg(long, value_name = "KIND")]
    distributional: Option<Distribution>,
    /// Quantiles of qr-dqn (by default 32), or fixed returns of c51 (by default 51)
    #[arg(long, value_name = "N", requires = "distributional")]
    atoms: Option<usize>,
    /// The smallest and the largest return of c51; by default those to be expected in the environment
    #[arg(long, value_name = "MIN,MAX", allow_hyphen_values = true, requires = "distributional")]
    returns: Option<String>,
    /// The widths of the hidden layers, as in 256,256
    #[arg(long, value_name = "WIDTHS")]
    hidden: Option<String>,
    /// Adam's step size
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// The discount of a reward one step away, from 0 to 1
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    gamma: Option<f64>,
    /// The loss of an expected return
    #[arg(long, value_name = "NAME")]
    loss: Option<Loss>,
    /// Transitions an update
    #[arg(long, visible_alias = "batch-size", value_name = "N")]
    batch: Option<usize>,
    /// Transitions that are kept
    #[arg(long, value_name = "N")]
    buffer: Option<usize>,
    /// Steps of the whole training
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Steps before the first update
    #[arg(long, value_name = "N")]
    learning_starts: Option<u64>,
    /// Steps between two rounds of updates
    #[arg(long, value_name = "N")]
    train_every: Option<u64>,
    /// Updates a round
    #[arg(long, value_name = "N")]
    updates: Option<u64>,
    /// Updates between two moves of the target network
    #[arg(long, value_name = "N")]
    target_every: Option<u64>,
    /// How far the target network moves: 1 copies, less is Polyak averaging
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    tau: Option<f64>,
    /// The probability of a random action at the end of its decay
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    epsilon: Option<f64>,
    /// Steps of its decay from 1; by default the preset's share of all steps
    #[arg(long, value_name = "N")]
    epsilon_steps: Option<u64>,
}

impl AgentArgs {
    /// The settings for an environment.
    pub(super) fn config(&self, task: &Task) -> Result<DqnConfig> {
        let mut config = self.preset.unwrap_or(task.preset()).config()?;
        let epsilon = self.epsilon(&config)?;
        if let Some(double) = self.double {
            config = config.with_double(double);
        }
        if let Some(dueling) = self.dueling {
            config = config.with_dueling(dueling);
        }
        if let Some(n_step) = self.n_step {
            config = config.with_n_step(n_step)?;
        }
        if self.noisy.is_some() {
            config = config.with_noisy(self.noisy)?;
        }
        if let Some(distribution) = self.distributional {
            config = config.with_values(self.values(distribution, task)?)?;
        }
        if let Some(hidden) = &self.hidden {
            config = config.with_hidden(&widths(hidden, "the hidden layers")?)?;
        }
        if let Some(learning_rate) = self.learning_rate {
            config = config.with_learning_rate(learning_rate)?;
        }
        if let Some(gamma) = self.gamma {
            config = config.with_gamma(gamma)?;
        }
        if let Some(loss) = self.loss {
            config = config.with_loss(match loss {
                Loss::Huber => Regression::Huber { delta: 1.0 },
                Loss::Mse => Regression::SquaredError,
            })?;
        }
        // A batch has to fit into the buffer: in between, the smallest of all does.
        let batch = self.batch.unwrap_or(config.batch_size());
        let buffer = self.buffer.unwrap_or(config.buffer_capacity());
        config = config.with_batch_size(1)?.with_buffer_capacity(buffer)?.with_batch_size(batch)?;
        if let Some(learning_starts) = self.learning_starts {
            config = config.with_learning_starts(learning_starts);
        }
        let train_every = self.train_every.unwrap_or(config.train_every());
        let updates = self.updates.unwrap_or(config.updates_per_training());
        let target_every = self.target_every.unwrap_or(config.target_update_every());
        let tau = self.tau.unwrap_or(config.tau());
        let steps = self.steps.unwrap_or(config.training_steps());
        Ok(config
            .with_training(train_every, updates)?
            .with_target_update(target_every, tau)?
            .with_epsilon(epsilon)?
            .with_training_steps(steps)?)
    }

    fn values(&self, distribution: Distribution, task: &Task) -> Result<Values> {
        Ok(match distribution {
            Distribution::QrDqn => {
                ensure!(self.returns.is_none(), "--returns is for c51: quantiles need no bounds");
                Values::quantile(self.atoms.unwrap_or(32))?
            }
            Distribution::C51 => {
                let (min, max) = match &self.returns {
                    Some(text) => bounds(text)?,
                    None => task.returns(),
                };
                Values::categorical(self.atoms.unwrap_or(51), min, max)?
            }
        })
    }

    fn epsilon(&self, preset: &DqnConfig) -> Result<Schedule> {
        let (initial, last, steps) = match preset.epsilon() {
            Schedule::Linear { initial, last, steps } => (initial, last, steps),
            other => (other.at(0), other.at(u64::MAX), preset.training_steps()),
        };
        let share = steps as f64 / preset.training_steps() as f64;
        let all = self.steps.unwrap_or(preset.training_steps());
        let steps = self.epsilon_steps.unwrap_or((share * all as f64).round() as u64);
        Ok(Schedule::linear(initial, self.epsilon.unwrap_or(last), steps)?)
    }
}

fn bounds(text: &str) -> Result<(f64, f64)> {
    let numbers = text.split_once(',').map(|(min, max)| (min.trim().parse(), max.trim().parse()));
    match numbers {
        Some((Ok(min), Ok(max))) => Some((min, max)),
        _ => None,
    }
    .with_context(|| format!("--returns must be two numbers such as -100,0, got {text:?}"))
}
