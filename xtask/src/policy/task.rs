//! The environments by their names, as a network sees them.

use anyhow::{Result, anyhow};
use reflux_dqn::{DqnConfig, Schedule};
use reflux_envs::{
    Acrobot, CartPole, Catch, CliffWalking, DeepSea, Env, FrozenLake, MountainCar, OneHot, Space,
    Step, TimeLimit,
};
use serde::{Deserialize, Serialize};

/// Settings that a training starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Preset {
    /// RL Baselines3 Zoo's for CartPole-v1: 50,000 steps
    CartPole,
    /// RL Baselines3 Zoo's for Acrobot-v1: 100,000 steps
    Acrobot,
    /// RL Baselines3 Zoo's for MountainCar-v0: 120,000 steps
    MountainCar,
    /// For tasks of few states: a small network, 30,000 steps, after which Catch, CliffWalking and
    /// FrozenLake are solved, but not DeepSea, which random actions do not explore
    Small,
    /// Stable-Baselines3's defaults: 100,000 steps
    StableBaselines3,
}

impl Preset {
    /// The settings.
    pub(crate) fn config(self) -> Result<DqnConfig> {
        Ok(match self {
            Self::CartPole => DqnConfig::cart_pole(),
            Self::Acrobot => DqnConfig::acrobot(),
            Self::MountainCar => DqnConfig::mountain_car(),
            Self::Small => DqnConfig::new()
                .with_hidden(&[64])?
                .with_learning_rate(1e-3)?
                .with_buffer_capacity(30_000)?
                .with_training(2, 1)?
                .with_target_update(250, 1.0)?
                .with_epsilon(Schedule::linear(1.0, 0.05, 10_000)?)?
                .with_training_steps(30_000)?,
            Self::StableBaselines3 => DqnConfig::new().with_double(false),
        })
    }
}

/// The environments: name, type, how one is made, the settings for it, and between what its discounted
/// returns lie.
macro_rules! tasks {
    ($($name:literal $variant:ident($env:ty) = $new:expr, $preset:ident, $returns:expr;)+) => {
        /// One of the environments, with the time limit that Gymnasium gives it; the number of a cell
        /// is a one-hot vector, which a network can learn from.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub(crate) enum Task {
            $(#[serde(rename = $name)] $variant($env)),+
        }

        impl Task {
            /// Of all there are.
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),+];

            /// The environment of this name.
            pub(crate) fn new(name: &str) -> Result<Self> {
                match name {
                    $($name => Ok(Self::$variant($new)),)+
                    _ => Err(anyhow!(
                        "there is no environment {name:?}, but {}", Self::NAMES.join(", ")
                    )),
                }
            }

            /// Its name.
            pub(crate) fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }

            /// The settings that are for it.
            pub(crate) fn preset(&self) -> Preset {
                match self { $(Self::$variant(_) => Preset::$preset),+ }
            }

            /// The smallest and the largest discounted return that is to be expected.
            pub(crate) fn returns(&self) -> (f64, f64) {
                match self { $(Self::$variant(_) => $returns),+ }
            }
        }

        impl Env for Task {
            fn observation_space(&self) -> &Space {
                match self { $(Self::$variant(env) => env.observation_space()),+ }
            }

            fn action_space(&self) -> &Space {
                match self { $(Self::$variant(env) => env.action_space()),+ }
            }

            fn reset(&mut self, seed: Option<u64>) -> reflux_envs::Result<&[f32]> {
                match self { $(Self::$variant(env) => env.reset(seed)),+ }
            }

            fn step(&mut self, action: usize) -> reflux_envs::Result<Step<'_>> {
                match self { $(Self::$variant(env) => env.step(action)),+ }
            }
        }
    };
}

tasks! {
    "CartPole-v1" CartPole(TimeLimit<CartPole>) = CartPole::v1(), CartPole, (0.0, 100.0);
    "MountainCar-v0" MountainCar(TimeLimit<MountainCar>) =
        MountainCar::v0(), MountainCar, (-100.0, 0.0);
    "Acrobot-v1" Acrobot(TimeLimit<Acrobot>) = Acrobot::v1(), Acrobot, (-100.0, 0.0);
    "FrozenLake-v1" FrozenLake(OneHot<TimeLimit<FrozenLake>>) =
        OneHot::new(FrozenLake::v1())?, Small, (0.0, 1.0);
    "FrozenLake8x8-v1" FrozenLake8x8(OneHot<TimeLimit<FrozenLake>>) =
        OneHot::new(FrozenLake::v1_8x8())?, Small, (0.0, 1.0);
    "CliffWalking-v1" CliffWalking(OneHot<TimeLimit<CliffWalking>>) =
        OneHot::new(TimeLimit::new(CliffWalking::new(), CLIFF_LIMIT)?)?, Small, (-200.0, 0.0);
    "CliffWalkingSlippery-v1" CliffWalkingSlippery(OneHot<TimeLimit<CliffWalking>>) =
        OneHot::new(TimeLimit::new(CliffWalking::slippery(), CLIFF_LIMIT)?)?, Small, (-500.0, 0.0);
    "Catch" Catch(Catch) = Catch::default(), Small, (-1.0, 1.0);
    "DeepSea" DeepSea(DeepSea) = DeepSea::new(10, 0)?, Small, (-1.0, 1.0);
}

/// Gymnasium has no time limit here, and a policy that goes in circles would never come to an end.
const CLIFF_LIMIT: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_that_of_an_environment_which_keeps_the_rules_and_has_legal_settings() {
        for name in Task::NAMES {
            let task = Task::new(name).unwrap();
            assert_eq!(task.name(), *name);
            reflux_envs::check_env(|| Ok(Task::new(name).unwrap()), 0, 500).unwrap();
            task.preset().config().unwrap();
            let text = serde_json::to_string(&task).unwrap();
            assert_eq!(serde_json::from_str::<Task>(&text).unwrap().name(), *name);
        }
        let error = Task::new("CartPole").unwrap_err().to_string();
        assert!(error.starts_with("there is no environment \"CartPole\", but CartPole-v1, "));
    }
}
