//! How good a policy is without exploration.

use anyhow::{Context, Result};
use reflux_dqn::{Greedy, QNetwork, evaluate};
use reflux_envs::EpisodeStatistics;
use serde::Serialize;

use super::Task;
use crate::interrupt;
use crate::statistics::Estimate;

/// Episodes of a policy, each from a seed of its own: the same for all policies.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Judgement {
    pub(crate) mean: f64,
    /// Of the middle half of the returns.
    pub(crate) interquartile_mean: f64,
    /// A 95% bootstrap interval over episodes for it.
    pub(crate) interval: [f64; 2],
    pub(crate) worst: f64,
    pub(crate) best: f64,
    pub(crate) mean_length: f64,
    pub(crate) returns: Vec<f64>,
    pub(crate) lengths: Vec<usize>,
}

impl Judgement {
    /// Plays `episodes` episodes, the first from the seed `seed`; `played` is called after each.
    pub(crate) fn of(
        network: &QNetwork,
        task: &Task,
        episodes: usize,
        seed: u64,
        mut played: impl FnMut(f64),
    ) -> Result<Self> {
        let mut policy = Greedy::of(network);
        let mut env = EpisodeStatistics::new(task.clone());
        let (mut returns, mut lengths) = (Vec::new(), Vec::new());
        for episode in 0..episodes as u64 {
            interrupt::check()?;
            evaluate(&mut policy, &mut env, 1, seed.wrapping_add(episode))?;
            let ended = env.last_episode().context("an episode has ended")?;
            returns.push(ended.total_reward);
            lengths.push(ended.length);
            played(ended.total_reward);
        }
        let Estimate { value, low, high } = Estimate::interquartile_mean(&returns)?;
        Ok(Self {
            mean: returns.iter().sum::<f64>() / returns.len() as f64,
            interquartile_mean: value,
            interval: [low, high],
            worst: returns.iter().copied().fold(f64::INFINITY, f64::min),
            best: returns.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            mean_length: lengths.iter().sum::<usize>() as f64 / lengths.len() as f64,
            returns,
            lengths,
        })
    }

    /// The interquartile mean with its interval.
    pub(crate) fn estimate(&self) -> Estimate {
        let [low, high] = self.interval;
        Estimate { value: self.interquartile_mean, low, high }
    }
}
