//! Settings that are known to solve a task, with their source.

use crate::{DqnConfig, Schedule};

/// For one task each. Those of RL Baselines3 Zoo are its `hyperparams/dqn.yml`; where it counts steps
/// between copies of the target network, so many updates are made in them.
impl DqnConfig {
    /// CartPole-v1 in 50,000 steps, as RL Baselines3 Zoo has it. Its target network is copied every 10
    /// steps, which is once in a round of 128 updates, as weights do not change in between.
    pub fn cart_pole() -> Self {
        Self {
            hidden: vec![256, 256],
            double: false,
            learning_rate: 2.3e-3,
            batch_size: 64,
            buffer_capacity: 100_000,
            learning_starts: 1_000,
            train_every: 256,
            updates_per_training: 128,
            target_update_every: 128,
            epsilon: Schedule::Linear { initial: 1.0, last: 0.04, steps: 8_000 },
            training_steps: 50_000,
            ..Self::default()
        }
    }

    /// Acrobot-v1 in 100,000 steps, as RL Baselines3 Zoo has it.
    pub fn acrobot() -> Self {
        Self {
            hidden: vec![256, 256],
            double: false,
            learning_rate: 6.3e-4,
            batch_size: 128,
            buffer_capacity: 50_000,
            learning_starts: 0,
            train_every: 4,
            updates_per_training: 4,
            target_update_every: 250,
            epsilon: Schedule::Linear { initial: 1.0, last: 0.1, steps: 12_000 },
            training_steps: 100_000,
            ..Self::default()
        }
    }

    /// MountainCar-v0 in 120,000 steps, as RL Baselines3 Zoo has it.
    pub fn mountain_car() -> Self {
        Self {
            hidden: vec![256, 256],
            double: false,
            gamma: 0.98,
            learning_rate: 4e-3,
            batch_size: 128,
            buffer_capacity: 10_000,
            learning_starts: 1_000,
            train_every: 16,
            updates_per_training: 8,
            target_update_every: 300,
            epsilon: Schedule::Linear { initial: 1.0, last: 0.07, steps: 24_000 },
            training_steps: 120_000,
            ..Self::default()
        }
    }
}
