//! Rewards within bounds, as Mnih et al., "Human-level control through deep reinforcement
//! learning", Nature 518, 2015, have them, so that one learning rate serves games of different
//! scores.

use super::inner;
use crate::saved::saved;
use crate::{Env, Error, Result, Space, Step};

/// Raises rewards below a bound and lowers those above another one.
///
/// What counts the true return, such as [`EpisodeStatistics`](crate::EpisodeStatistics), belongs
/// inside of it.
///
/// ```
/// use reflux_envs::{CliffWalking, ClipReward, Env};
///
/// let mut env = ClipReward::new(CliffWalking::new(), -1.0, 1.0)?;
/// env.reset(Some(0))?;
/// assert_eq!(env.step(1)?.reward, -1.0); // -100 without the wrapper
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct ClipReward<E> {
    env: E,
    low: f32,
    high: f32,
}

saved!(ClipReward<E>);

impl<E> ClipReward<E> {
    /// Keeps the rewards of `env` in `[low, high]`; -1 and 1 are those of Mnih et al.
    ///
    /// # Errors
    ///
    /// [`Bounds`](crate::Error::Bounds) if `low` is above `high` or one of them is NaN.
    pub fn new(env: E, low: f32, high: f32) -> Result<Self> {
        let new = Self { env, low, high };
        new.check()?;
        Ok(new)
    }

    fn check(&self) -> Result<()> {
        let (low, high) = (self.low, self.high);
        // Written so that NaN, which compares as false, is refused.
        if low <= high { Ok(()) } else { Err(Error::Bounds { index: 0, low, high }) }
    }

    /// The smallest and the largest reward.
    pub fn bounds(&self) -> (f32, f32) {
        (self.low, self.high)
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        self.check()
    }
}

inner!(ClipReward, "Rewards of steps taken there are as they are.");

impl<E: Env> Env for ClipReward<E> {
    fn observation_space(&self) -> &Space {
        self.env.observation_space()
    }

    fn action_space(&self) -> &Space {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        self.env.reset(seed)
    }

    #[inline]
    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        let step = self.env.step(action)?;
        // NaN stays NaN, for whoever looks for it.
        Ok(Step { reward: step.reward.clamp(self.low, self.high), ..step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CliffWalking;

    #[test]
    fn rewards_outside_of_the_bounds_become_the_bounds() {
        for (low, high, walk, fall) in
            [(-1.0, 1.0, -1.0, -1.0), (0.0, 1.0, 0.0, 0.0), (-200.0, -50.0, -50.0, -100.0)]
        {
            let mut env = ClipReward::new(CliffWalking::new(), low, high).unwrap();
            env.reset(None).unwrap();
            assert_eq!(env.step(1).unwrap().reward, fall);
            assert_eq!(env.step(0).unwrap().reward, walk);
        }
    }

    #[test]
    fn bounds_that_make_no_sense_are_refused() {
        for (low, high) in [(1.0, 0.0), (f32::NAN, 1.0), (0.0, f32::NAN)] {
            let refused = ClipReward::new(CliffWalking::new(), low, high);
            assert!(matches!(refused, Err(Error::Bounds { .. })));
        }
    }
}
