//! Wrappers: environments that hold another environment and add one thing to it.

mod episode_statistics;
mod time_limit;

pub use episode_statistics::{Episode, EpisodeStatistics};
pub use time_limit::TimeLimit;
