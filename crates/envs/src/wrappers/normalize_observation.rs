//! Observations of mean 0 and variance 1, of which networks learn more easily.

use super::{RunningMeanStd, inner};
use crate::error::check_observation;
use crate::saved::saved;
use crate::{Env, Error, Result, Space, Step};

/// Subtracts from each element of the observation its mean so far and divides by its standard
/// deviation, as Gymnasium's `NormalizeObservation` does.
///
/// Every observation counts, those after a reset too, until the statistics are
/// [frozen](Self::freeze): evaluation and deployment must see the numbers that training saw, so
/// train, freeze, and hand the [`statistics`](Self::statistics) on
/// ([`with_statistics`](Self::with_statistics)).
///
/// Gymnasium keeps the mean in `f32`, this crate in `f64`; the tests compare with it to 1 part in
/// 1,000. The same observation is not the same after more steps: a replay buffer should hold what
/// was given at the time, or, better, the observations themselves.
///
/// ```
/// use reflux_envs::{CartPole, Env, NormalizeObservation};
///
/// let mut training = NormalizeObservation::new(CartPole::v1());
/// training.reset(Some(0))?;
/// for action in [0, 1, 0, 1, 0] {
///     training.step(action)?;
/// }
/// let statistics = training.statistics().clone();
/// let mut evaluation = NormalizeObservation::with_statistics(CartPole::v1(), statistics)?;
/// evaluation.reset(Some(1))?;
/// assert_eq!(evaluation.statistics(), training.statistics()); // frozen
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct NormalizeObservation<E> {
    env: E,
    statistics: RunningMeanStd,
    frozen: bool,
    #[cfg_attr(feature = "serde", serde(skip))]
    observation: Vec<f32>,
    #[cfg_attr(feature = "serde", serde(skip, default = "Space::nothing"))]
    space: Space,
}

saved!(NormalizeObservation<E>);

impl<E> NormalizeObservation<E> {
    /// What has been seen so far.
    pub fn statistics(&self) -> &RunningMeanStd {
        &self.statistics
    }

    /// Lets observations from now on leave the statistics as they are.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Lets observations count again.
    pub fn unfreeze(&mut self) {
        self.frozen = false;
    }

    /// Whether observations leave the statistics as they are.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn take(&mut self) -> Result<()> {
        if !self.frozen {
            self.statistics.update(&self.observation)?;
        }
        self.statistics.normalize(&mut self.observation)
    }
}

impl<E: Env> NormalizeObservation<E> {
    /// Normalizes the observations of `env`, and learns from them how.
    pub fn new(env: E) -> Self {
        let statistics = RunningMeanStd::new(env.observation_space().len());
        Self::of_fitting(env, statistics, false)
    }

    /// Normalizes the observations of `env` with statistics from elsewhere, which are frozen.
    ///
    /// # Errors
    ///
    /// [`ObservationLength`](crate::Error::ObservationLength) if they are those of observations of
    /// another length.
    pub fn with_statistics(env: E, statistics: RunningMeanStd) -> Result<Self> {
        check_len(&env, &statistics)?;
        Ok(Self::of_fitting(env, statistics, true))
    }

    fn of_fitting(env: E, statistics: RunningMeanStd, frozen: bool) -> Self {
        let space = unbounded(env.observation_space());
        let observation = vec![0.0; space.len()];
        Self { env, statistics, frozen, observation, space }
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        check_len(&self.env, &self.statistics)?;
        self.space = unbounded(self.env.observation_space());
        self.observation = vec![0.0; self.space.len()];
        Ok(())
    }
}

inner!(NormalizeObservation, "Observations made there are as they are and do not count here.");

impl<E: Env> Env for NormalizeObservation<E> {
    fn observation_space(&self) -> &Space {
        &self.space
    }

    fn action_space(&self) -> &Space {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        let first = self.env.reset(seed)?;
        check_observation(first, self.observation.len())?;
        self.observation.copy_from_slice(first);
        self.take()?;
        Ok(&self.observation)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        let step = self.env.step(action)?;
        check_observation(step.observation, self.observation.len())?;
        self.observation.copy_from_slice(step.observation);
        let Step { reward, terminated, truncated, .. } = step;
        self.take()?;
        Ok(Step { observation: &self.observation, reward, terminated, truncated })
    }
}

fn check_len<E: Env>(env: &E, statistics: &RunningMeanStd) -> Result<()> {
    let (expected, got) = (env.observation_space().len(), statistics.mean().len());
    if got == expected { Ok(()) } else { Err(Error::ObservationLength { expected, got }) }
}

/// All vectors of the shape of `space`.
fn unbounded(space: &Space) -> Space {
    let shape = if space.n().is_some() { &[1] } else { space.shape() };
    Space::uniform_box(shape, f32::NEG_INFINITY, f32::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CartPole, Catch, CliffWalking};

    #[test]
    fn what_is_given_has_mean_0_and_variance_1_in_the_long_run() {
        let mut env = NormalizeObservation::new(CartPole::v1());
        env.reset(Some(0)).unwrap();
        let (mut sum, mut squares) = (0.0, 0.0);
        for i in 0..20_000_u32 {
            let step = env.step((i.wrapping_mul(2_654_435_761) >> 31) as usize).unwrap();
            let (value, done) = (f64::from(step.observation[2]), step.done());
            sum += value;
            squares += value * value;
            if done {
                env.reset(None).unwrap();
            }
        }
        assert!((sum / 20_000.0).abs() < 0.05, "{sum}");
        assert!((squares / 20_000.0 - 1.0).abs() < 0.05, "{squares}");
    }

    #[test]
    fn frozen_statistics_stay() {
        let mut env = NormalizeObservation::new(CliffWalking::new());
        env.reset(None).unwrap();
        env.step(0).unwrap();
        env.freeze();
        let before = env.statistics().clone();
        env.step(0).unwrap();
        assert_eq!(env.statistics(), &before);
        env.unfreeze();
        env.step(0).unwrap();
        assert_eq!(env.statistics().count(), before.count() + 1.0);
    }

    #[test]
    fn statistics_of_another_environment_are_refused() {
        let refused = NormalizeObservation::with_statistics(CartPole::v1(), RunningMeanStd::new(3));
        assert_eq!(refused.unwrap_err(), Error::ObservationLength { expected: 4, got: 3 });
    }

    #[test]
    fn the_shape_stays() {
        let env = NormalizeObservation::new(Catch::default());
        assert_eq!(env.observation_space().shape(), [10, 5]);
        assert_eq!(NormalizeObservation::new(CliffWalking::new()).observation_space().len(), 1);
    }
}
