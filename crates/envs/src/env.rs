//! The trait of an environment, with the meaning that Gymnasium gives to `reset` and `step`.

use crate::{Result, Space};

/// A task that is played in episodes: `reset` starts one, `step` goes on until it ends.
///
/// An episode ends when a step is *terminated* (the task itself is over: there is no future reward
/// to estimate) or *truncated* (something outside the task stopped it, such as a time limit: the
/// state still has a value). Both can be true of one step. From then on `step` is
/// [`StepAfterEnd`](crate::Error::StepAfterEnd) until the next `reset`.
///
/// Observations are flat slices of `f32`, borrowed from the environment; copy them to keep them
/// beyond the next call. `step` allocates nothing. The trait can be made into an object, and
/// `&mut E` and `Box<E>` are environments whenever `E` is one.
///
/// ```
/// use reflux_envs::{CartPole, Env};
///
/// let mut env: Box<dyn Env> = Box::new(CartPole::v1());
/// env.reset(Some(7))?;
/// let mut episode_return = 0.0;
/// for t in 0.. {
///     let step = env.step(t % 2)?;
///     episode_return += step.reward;
///     if step.done() {
///         break;
///     }
/// }
/// assert!(episode_return >= 8.0);
/// # Ok::<(), reflux_envs::Error>(())
/// ```
pub trait Env {
    /// The space that every observation is from; its [`len`](Space::len) is the observation's.
    fn observation_space(&self) -> &Space;

    /// The space that every action is from, a [`Space::Discrete`].
    fn action_space(&self) -> &Space;

    /// Starts an episode and returns its first observation, flat.
    ///
    /// With `Some(seed)` the environment's own random generator starts anew from that seed, so that
    /// the same seed and the same actions give the same episodes. With `None` the generator goes on
    /// from where it is; if it never had a seed it takes one from the operating system. The usual
    /// pattern is one seed for the first episode and `None` for all others.
    ///
    /// An episode that is still running is abandoned.
    ///
    /// # Errors
    ///
    /// - [`NoEntropy`](crate::Error::NoEntropy) if a random seed is needed and there is none.
    /// - [`Environment`](crate::Error::Environment) for what may go wrong in an environment outside
    ///   this crate.
    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]>;

    /// Takes one action, a number below [`n`](Space::n) of the action space.
    ///
    /// # Errors
    ///
    /// Looked for in this order; the episode is as it was.
    ///
    /// - [`StepBeforeReset`](crate::Error::StepBeforeReset) before the first `reset`.
    /// - [`StepAfterEnd`](crate::Error::StepAfterEnd) once the episode is over.
    /// - [`ActionOutOfRange`](crate::Error::ActionOutOfRange) for an action that there is not.
    /// - [`Environment`](crate::Error::Environment) for what may go wrong in an environment outside
    ///   this crate, which then also decides what becomes of the episode.
    fn step(&mut self, action: usize) -> Result<Step<'_>>;
}

/// What one step gives back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<'a> {
    /// The observation after the action, flat. When the episode ended it is the last one of that
    /// episode, not the first of the next.
    pub observation: &'a [f32],
    /// The reward for the action.
    pub reward: f32,
    /// The task is over; what follows is worth nothing.
    pub terminated: bool,
    /// The episode was cut short; the state still has a value, so bootstrap from it.
    pub truncated: bool,
}

impl Step<'_> {
    /// Whether the episode is over, for either reason.
    pub fn done(&self) -> bool {
        self.terminated || self.truncated
    }
}

macro_rules! forward_env {
    ($pointer:ty) => {
        impl<E: Env + ?Sized> Env for $pointer {
            fn observation_space(&self) -> &Space {
                (**self).observation_space()
            }

            fn action_space(&self) -> &Space {
                (**self).action_space()
            }

            fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
                (**self).reset(seed)
            }

            fn step(&mut self, action: usize) -> Result<Step<'_>> {
                (**self).step(action)
            }
        }
    };
}

forward_env!(Box<E>);
forward_env!(&mut E);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CartPole;

    /// The last observation of an episode of "always push right".
    fn last_observation<E: Env>(mut env: E) -> Vec<f32> {
        assert_eq!(env.action_space().n(), Some(2));
        assert_eq!(env.observation_space().len(), 4);
        env.reset(Some(3)).unwrap();
        loop {
            let step = env.step(1).unwrap();
            if step.done() {
                return step.observation.to_vec();
            }
        }
    }

    #[test]
    fn boxes_objects_and_references_behave_like_what_they_point_to() {
        let expected = last_observation(CartPole::new());
        assert_eq!(last_observation(&mut CartPole::new()), expected);
        assert_eq!(last_observation(Box::new(CartPole::new())), expected);
        let object: Box<dyn Env + Send> = Box::new(CartPole::new());
        assert_eq!(last_observation(object), expected);
        let reference: &mut dyn Env = &mut CartPole::new();
        assert_eq!(last_observation(reference), expected);
    }

    #[test]
    fn a_step_is_done_when_terminated_or_truncated() {
        for (terminated, truncated, done) in
            [(false, false, false), (true, false, true), (false, true, true), (true, true, true)]
        {
            let step = Step { observation: &[], reward: 0.0, terminated, truncated };
            assert_eq!(step.done(), done);
        }
    }
}
