//! A whole number as a vector, for learners that need one.

use super::inner;
use crate::saved::saved;
use crate::{Env, Error, Result, Space, Step};

/// Turns observations from `0..n` into vectors of `n` numbers: 1 at the observation, 0 elsewhere.
///
/// This is what Gymnasium's `FlattenObservation` does to a discrete space.
///
/// ```
/// use reflux_envs::{Env, FrozenLake, OneHot};
///
/// let mut env = OneHot::new(FrozenLake::v1())?;
/// let first = env.reset(Some(0))?;
/// assert_eq!((first.len(), first[0], first[1]), (16, 1.0, 0.0));
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct OneHot<E> {
    env: E,
    /// Where the 1 is.
    hot: usize,
    #[cfg_attr(feature = "serde", serde(skip))]
    observation: Vec<f32>,
    #[cfg_attr(feature = "serde", serde(skip, default = "Space::nothing"))]
    space: Space,
}

saved!(OneHot<E>);

impl<E: Env> OneHot<E> {
    /// Turns the observations of `env` into vectors.
    ///
    /// # Errors
    ///
    /// [`SpaceKind`](crate::Error::SpaceKind) if its observation space is not discrete.
    pub fn new(env: E) -> Result<Self> {
        let mut new = Self { env, hot: 0, observation: Vec::new(), space: Space::nothing() };
        new.prepare()?;
        Ok(new)
    }

    fn prepare(&mut self) -> Result<()> {
        let needed = "a discrete observation space";
        let n = self.env.observation_space().n();
        let n = n.ok_or(Error::SpaceKind { user: "OneHot", needed })?;
        self.observation = vec![0.0; n];
        self.space = Space::uniform_box(&[n], 0.0, 1.0);
        Ok(())
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        self.prepare()?;
        let n = self.observation.len();
        if self.hot >= n {
            return Err(Error::ObservationNotInSpace { value: self.hot as f32, n });
        }
        self.observation[self.hot] = 1.0;
        Ok(())
    }
}

inner!(OneHot, "Steps taken and resets made there are not seen here.");

impl<E: Env> Env for OneHot<E> {
    fn observation_space(&self) -> &Space {
        &self.space
    }

    fn action_space(&self) -> &Space {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let hot = index(self.env.reset(seed)?, self.observation.len())?;
        turn(&mut self.observation, &mut self.hot, hot);
        Ok(&self.observation)
    }

    #[inline]
    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        let step = self.env.step(action)?;
        let hot = index(step.observation, self.observation.len())?;
        turn(&mut self.observation, &mut self.hot, hot);
        Ok(Step { observation: &self.observation, ..step })
    }
}

/// Moves the 1.
fn turn(observation: &mut [f32], hot: &mut usize, to: usize) {
    observation[*hot] = 0.0;
    observation[to] = 1.0;
    *hot = to;
}

/// The observation of an environment as an index below `n`.
fn index(observation: &[f32], n: usize) -> Result<usize> {
    match observation {
        [value] => check_index(*value, n),
        _ => Err(Error::ObservationLength { expected: 1, got: observation.len() }),
    }
}

fn check_index(value: f32, n: usize) -> Result<usize> {
    let legal = value >= 0.0 && value.fract() == 0.0 && f64::from(value) < n as f64;
    // Cannot wrap: it is whole and in 0..n.
    if legal { Ok(value as usize) } else { Err(Error::ObservationNotInSpace { value, n }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CartPole, CliffWalking};

    #[test]
    fn the_one_moves_with_the_state() {
        let mut env = OneHot::new(CliffWalking::new()).unwrap();
        assert_eq!(env.observation_space(), &Space::uniform_box(&[48], 0.0, 1.0));
        let hot = |env: &mut OneHot<CliffWalking>, action| {
            let observation = env.step(action).unwrap().observation;
            assert_eq!(observation.iter().sum::<f32>(), 1.0);
            observation.iter().position(|&v| v == 1.0)
        };
        env.reset(None).unwrap();
        assert_eq!(
            [hot(&mut env, 0), hot(&mut env, 1), hot(&mut env, 2)],
            [Some(24), Some(25), Some(36)]
        );
    }

    #[test]
    fn a_box_of_observations_is_refused() {
        let refused = OneHot::new(CartPole::new()).unwrap_err();
        assert_eq!(refused.to_string(), "OneHot needs a discrete observation space");
    }

    #[test]
    fn an_observation_outside_of_its_space_is_an_error() {
        for value in [4.0, -1.0, 0.5, f32::NAN] {
            assert!(matches!(index(&[value], 4), Err(Error::ObservationNotInSpace { .. })));
        }
        assert_eq!(index(&[], 4), Err(Error::ObservationLength { expected: 1, got: 0 }));
        assert_eq!(index(&[3.0], 4), Ok(3));
    }
}
