//! Several observations at once, so that what one of them does not show, such as a velocity, can be
//! seen (Mnih et al., "Human-level control through deep reinforcement learning", Nature 518, 2015).

use super::inner;
use crate::saved::saved;
use crate::{Env, Error, Result, Space, Step};

/// Observes the last `depth` observations, the oldest first.
///
/// After a reset they are `depth` copies of the first one, as with Gymnasium's
/// `FrameStackObservation`. The shape of an observation becomes `[depth, ...]`; a discrete space
/// becomes a box of shape `[depth]`.
///
/// ```
/// use reflux_envs::{Catch, Env, FrameStack};
///
/// let mut env = FrameStack::new(Catch::default(), 4)?;
/// assert_eq!(env.observation_space().shape(), [4, 10, 5]);
/// env.reset(Some(0))?;
/// let step = env.step(1)?;
/// let (old, newest) = step.observation.split_at(3 * 50);
/// assert_eq!(old[..50], old[50..100]);
/// assert_ne!(old[100..], *newest);
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct FrameStack<E> {
    env: E,
    depth: usize,
    frames: Vec<f32>,
    #[cfg_attr(feature = "serde", serde(skip, default = "Space::nothing"))]
    space: Space,
}

saved!(FrameStack<E>);

impl<E> FrameStack<E> {
    /// The number of observations in one.
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl<E: Env> FrameStack<E> {
    /// Stacks `depth` observations of `env`; 4 are usual.
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::Error::Setting) if `depth` is 0 or above 4096.
    pub fn new(env: E, depth: usize) -> Result<Self> {
        check_depth(depth)?;
        let space = stacked(env.observation_space(), depth);
        let frames = vec![0.0; space.len()];
        Ok(Self { env, depth, frames, space })
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        check_depth(self.depth)?;
        self.space = stacked(self.env.observation_space(), self.depth);
        crate::error::check_observation(&self.frames, self.space.len())
    }
}

inner!(FrameStack, "Observations made there are not stacked here.");

impl<E: Env> Env for FrameStack<E> {
    fn observation_space(&self) -> &Space {
        &self.space
    }

    fn action_space(&self) -> &Space {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let first = self.env.reset(seed)?;
        let len = self.frames.len() / self.depth;
        check_len(first, len)?;
        (0..self.depth).for_each(|i| self.frames[i * len..][..len].copy_from_slice(first));
        Ok(&self.frames)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        let step = self.env.step(action)?;
        let len = self.frames.len() / self.depth;
        check_len(step.observation, len)?;
        self.frames.copy_within(len.., 0);
        let newest = self.frames.len() - len;
        self.frames[newest..].copy_from_slice(step.observation);
        Ok(Step { observation: &self.frames, ..step })
    }
}

fn check_len(observation: &[f32], expected: usize) -> Result<()> {
    let got = observation.len();
    if got == expected { Ok(()) } else { Err(Error::ObservationLength { expected, got }) }
}

fn check_depth(depth: usize) -> Result<()> {
    if (1..=4096).contains(&depth) {
        return Ok(());
    }
    Err(Error::Setting { name: "depth", legal: "in [1, 4096]", value: depth as f64 })
}

/// The space of `depth` elements of `space`.
fn stacked(space: &Space, depth: usize) -> Space {
    let shape = [&[depth], space.shape()].concat();
    match space {
        Space::Discrete { n } => Space::uniform_box(&shape, 0.0, (n - 1) as f32),
        Space::Box { low, high, .. } => {
            Space::Box { low: low.repeat(depth), high: high.repeat(depth), shape }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CliffWalking, MountainCar};

    #[test]
    fn the_oldest_observation_leaves_first() {
        let mut env = FrameStack::new(CliffWalking::new(), 3).unwrap();
        assert_eq!(env.reset(None).unwrap(), [36.0; 3]);
        for (action, expected) in
            [(0, [36.0, 36.0, 24.0]), (0, [36.0, 24.0, 12.0]), (1, [24.0, 12.0, 13.0])]
        {
            assert_eq!(env.step(action).unwrap().observation, expected);
        }
        assert_eq!(env.reset(None).unwrap(), [36.0; 3]);
        assert_eq!(env.observation_space(), &Space::uniform_box(&[3], 0.0, 47.0));
    }

    #[test]
    fn bounds_are_repeated_and_the_shape_has_one_more_axis() {
        let env = FrameStack::new(MountainCar::new(), 2).unwrap();
        let low = vec![-1.2, -0.07, -1.2, -0.07];
        let high = vec![0.6, 0.07, 0.6, 0.07];
        let expected = Space::new_box(low, high).unwrap().with_shape(&[2, 2]).unwrap();
        assert_eq!(env.observation_space(), &expected);
    }

    #[test]
    fn a_stack_of_no_observations_is_refused() {
        for depth in [0, 5000] {
            let refused = FrameStack::new(CliffWalking::new(), depth);
            assert!(matches!(refused, Err(Error::Setting { .. })));
        }
    }
}
