//! Wrappers: environments that hold another environment and add one thing to it.

mod clip_reward;
mod episode_statistics;
mod frame_stack;
mod normalize_observation;
mod one_hot;
mod running_mean_std;
mod time_limit;

pub use clip_reward::ClipReward;
pub use episode_statistics::{Episode, EpisodeStatistics};
pub use frame_stack::FrameStack;
pub use normalize_observation::NormalizeObservation;
pub use one_hot::OneHot;
pub use running_mean_std::RunningMeanStd;
pub use time_limit::TimeLimit;

/// The ways to the environment inside a wrapper, whose field is called `env`.
macro_rules! inner {
    ($name:ident, $unseen:literal) => {
        impl<E> $name<E> {
            /// The environment inside.
            pub fn inner(&self) -> &E {
                &self.env
            }

            #[doc = concat!("The environment inside. ", $unseen)]
            pub fn inner_mut(&mut self) -> &mut E {
                &mut self.env
            }

            /// Takes the wrapper off.
            pub fn into_inner(self) -> E {
                self.env
            }
        }
    };
}

use inner;
