//! Return and length of each episode, counted on the way.

use super::inner;
use crate::{Env, Result, Space, Step};

/// Return and length of a finished episode.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Episode {
    /// The sum of all rewards, undiscounted, added up in `f64`.
    pub total_reward: f64,
    /// The number of steps.
    pub length: usize,
}

/// Keeps the return and the length of the episode that ended last.
///
/// Put it outside of a [`TimeLimit`](crate::TimeLimit), so that it sees truncated episodes end. An
/// episode that is abandoned by an early `reset` is not counted.
///
/// ```
/// use reflux_envs::{CartPole, Env, EpisodeStatistics};
///
/// let mut env = EpisodeStatistics::new(CartPole::v1());
/// env.reset(Some(0))?;
/// while !env.step(0)?.done() {}
/// let episode = env.last_episode().expect("one episode has ended");
/// assert_eq!(episode.total_reward, episode.length as f64); // reward 1 a step
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EpisodeStatistics<E> {
    env: E,
    running: Episode,
    last: Option<Episode>,
    episodes: usize,
}

const NOTHING_YET: Episode = Episode { total_reward: 0.0, length: 0 };

impl<E> EpisodeStatistics<E> {
    /// Starts to count the episodes of `env`.
    pub fn new(env: E) -> Self {
        Self { env, running: NOTHING_YET, last: None, episodes: 0 }
    }

    /// The episode that ended last; `None` before the first end.
    ///
    /// It stays the same until the next episode ends, so read it right after a step that is
    /// [`done`](Step::done).
    pub fn last_episode(&self) -> Option<Episode> {
        self.last
    }

    /// The number of episodes that have ended.
    pub fn episodes(&self) -> usize {
        self.episodes
    }
}

inner!(EpisodeStatistics, "Steps taken and resets made there are not counted here.");

impl<E: Env> Env for EpisodeStatistics<E> {
    fn observation_space(&self) -> &Space {
        self.env.observation_space()
    }

    fn action_space(&self) -> &Space {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let observation = self.env.reset(seed)?;
        self.running = NOTHING_YET;
        Ok(observation)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        let step = self.env.step(action)?;
        self.running.total_reward += f64::from(step.reward);
        self.running.length += 1;
        if step.done() {
            self.last = Some(std::mem::replace(&mut self.running, NOTHING_YET));
            self.episodes += 1;
        }
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimeLimit;

    /// Rewards 0.5, 1.5, 2.5 ... and no end of its own.
    struct Ramp(f32);

    static ONE: Space = Space::Discrete { n: 1 };

    impl Env for Ramp {
        fn observation_space(&self) -> &Space {
            &ONE
        }

        fn action_space(&self) -> &Space {
            &ONE
        }

        fn reset(&mut self, _seed: Option<u64>) -> Result<&[f32]> {
            self.0 = 0.0;
            Ok(&[0.0])
        }

        fn step(&mut self, _action: usize) -> Result<Step<'_>> {
            self.0 += 1.0;
            let reward = self.0 - 0.5;
            Ok(Step { observation: &[0.0], reward, terminated: false, truncated: false })
        }
    }

    #[test]
    fn adds_up_the_rewards_of_each_episode_that_ends() {
        let mut env = EpisodeStatistics::new(TimeLimit::new(Ramp(0.0), 3).unwrap());
        for ended in 1..=2 {
            env.reset(None).unwrap();
            env.step(0).unwrap();
            env.step(0).unwrap();
            assert_eq!(env.episodes(), ended - 1);
            assert!(env.step(0).unwrap().done());
            assert_eq!(env.last_episode(), Some(Episode { total_reward: 4.5, length: 3 }));
            assert_eq!(env.episodes(), ended);
        }
    }

    #[test]
    fn an_abandoned_episode_is_not_counted() {
        let mut env = EpisodeStatistics::new(TimeLimit::new(Ramp(0.0), 3).unwrap());
        env.reset(None).unwrap();
        env.step(0).unwrap();
        env.reset(None).unwrap();
        assert_eq!((env.last_episode(), env.episodes()), (None, 0));
        while !env.step(0).unwrap().done() {}
        assert_eq!(env.last_episode(), Some(Episode { total_reward: 4.5, length: 3 }));
    }
}
