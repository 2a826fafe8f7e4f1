//! A time limit: the episode is truncated at a given number of steps.

use super::inner;
use crate::saved::saved;
use crate::{Env, Error, Result, Space, Step};

/// Truncates each episode at its `limit`-th step.
///
/// As in Gymnasium, the limit does not look at `terminated`: a step that is the last one allowed
/// and also terminates has both flags set. Unlike Gymnasium, which lets the caller step on,
/// stepping after the truncation is [`Error::StepAfterEnd`].
///
/// Steps are counted from the last `reset` of the wrapper, or from its construction.
///
/// ```
/// use reflux_envs::{CartPole, Env, TimeLimit};
///
/// let mut env = TimeLimit::new(CartPole::new(), 3)?;
/// env.reset(Some(0))?;
/// assert!(!env.step(0)?.truncated);
/// assert!(!env.step(1)?.truncated);
/// assert!(env.step(0)?.truncated);
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct TimeLimit<E> {
    env: E,
    limit: usize,
    elapsed: usize,
}

saved!(TimeLimit<E>);

impl<E> TimeLimit<E> {
    /// Limits the episodes of `env` to `limit` steps.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroTimeLimit`] if `limit` is 0.
    pub fn new(env: E, limit: usize) -> Result<Self> {
        if limit == 0 { Err(Error::ZeroTimeLimit) } else { Ok(Self::of_positive(env, limit)) }
    }

    /// [`new`](Self::new) for a limit that is known to be positive.
    pub(crate) fn of_positive(env: E, limit: usize) -> Self {
        debug_assert!(limit > 0);
        Self { env, limit, elapsed: 0 }
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        if self.limit == 0 { Err(Error::ZeroTimeLimit) } else { Ok(()) }
    }

    /// The largest number of steps of an episode.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The number of steps taken in this episode.
    pub fn elapsed(&self) -> usize {
        self.elapsed
    }
}

inner!(TimeLimit, "Steps taken and resets made there are not counted here.");

impl<E: Env> Env for TimeLimit<E> {
    fn observation_space(&self) -> &Space {
        self.env.observation_space()
    }

    fn action_space(&self) -> &Space {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let observation = self.env.reset(seed)?;
        self.elapsed = 0;
        Ok(observation)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        if self.elapsed >= self.limit {
            return Err(Error::StepAfterEnd);
        }
        let mut step = self.env.step(action)?;
        self.elapsed += 1;
        step.truncated |= self.elapsed >= self.limit;
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CartPole;

    /// "Always push right" from seed 0: its length and its two flags at the end.
    fn play(mut env: impl Env) -> (usize, bool, bool) {
        env.reset(Some(0)).unwrap();
        for length in 1.. {
            let step = env.step(1).unwrap();
            if step.done() {
                return (length, step.terminated, step.truncated);
            }
        }
        unreachable!("the pole falls")
    }

    #[test]
    fn truncates_at_the_limit_and_is_terminated_too_if_both_fall_together() {
        let (natural, terminated, truncated) = play(CartPole::new());
        assert!(natural > 2 && terminated && !truncated);
        let limited = |limit| play(TimeLimit::new(CartPole::new(), limit).unwrap());
        assert_eq!(limited(1), (1, false, true));
        assert_eq!(limited(natural - 1), (natural - 1, false, true));
        assert_eq!(limited(natural), (natural, true, true));
        assert_eq!(limited(natural + 1), (natural, true, false));
    }

    #[test]
    fn stepping_after_the_truncation_is_an_error_until_reset() {
        let mut env = TimeLimit::new(CartPole::new(), 2).unwrap();
        env.reset(Some(0)).unwrap();
        env.step(0).unwrap();
        assert!(env.step(1).unwrap().truncated);
        assert_eq!(env.step(0), Err(Error::StepAfterEnd));
        assert_eq!(env.elapsed(), 2);
        env.reset(None).unwrap();
        assert_eq!(env.elapsed(), 0);
        assert!(!env.step(0).unwrap().truncated);
    }

    #[test]
    fn a_failed_step_is_not_counted() {
        let mut env = TimeLimit::new(CartPole::new(), 2).unwrap();
        assert_eq!(env.step(0), Err(Error::StepBeforeReset));
        env.reset(Some(0)).unwrap();
        assert_eq!(env.step(9), Err(Error::ActionOutOfRange { action: 9, n: 2 }));
        assert_eq!(env.elapsed(), 0);
        assert!(!env.step(0).unwrap().truncated);
        assert!(env.step(0).unwrap().truncated);
    }

    #[test]
    fn a_limit_of_zero_steps_is_refused() {
        assert_eq!(TimeLimit::new(CartPole::new(), 0).unwrap_err(), Error::ZeroTimeLimit);
    }
}
