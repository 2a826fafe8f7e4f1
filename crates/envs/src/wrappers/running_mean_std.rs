//! Mean and variance of numbers that come one after the other: Chan, Golub and LeVeque, "Updating
//! formulae and a pairwise algorithm for computing sample variances", 1979.

use crate::Result;
use crate::error::check_observation;
use crate::saved::saved;

/// What is counted before the first observation, with mean 0 and variance 1, as in Gymnasium.
const PRIOR_COUNT: f64 = 1e-4;

/// The mean and the variance of each element of the observations seen so far, in `f64`.
///
/// [`NormalizeObservation`](crate::NormalizeObservation) keeps one for its environment. Several
/// environments can share one if you normalize yourself:
///
/// ```
/// use reflux_envs::{Autoreset, CartPole, RunningMeanStd, VectorEnv};
///
/// let mut envs = VectorEnv::new(vec![CartPole::v1(); 8], Autoreset::NextStep)?;
/// let mut statistics = RunningMeanStd::new(4);
/// let mut observations = envs.reset(Some(0))?.to_owned();
/// for mut row in observations.rows_mut() {
///     let row = row.as_slice_mut().expect("rows are contiguous");
///     statistics.update(row)?;
///     statistics.normalize(row)?;
/// }
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct RunningMeanStd {
    mean: Vec<f64>,
    variance: Vec<f64>,
    count: f64,
}

saved!(RunningMeanStd);

impl RunningMeanStd {
    /// Added to the variance before the root is taken, as in Gymnasium.
    pub const EPSILON: f64 = 1e-8;

    /// Of observations of `len` elements, none of which has been seen.
    pub fn new(len: usize) -> Self {
        Self { mean: vec![0.0; len], variance: vec![1.0; len], count: PRIOR_COUNT }
    }

    /// Takes one more observation into account.
    ///
    /// # Errors
    ///
    /// [`ObservationLength`](crate::Error::ObservationLength) or
    /// [`ObservationNotFinite`](crate::Error::ObservationNotFinite); the statistics are as they
    /// were.
    pub fn update(&mut self, observation: &[f32]) -> Result<()> {
        check_observation(observation, self.mean.len())?;
        let total = self.count + 1.0;
        for ((mean, variance), &value) in
            self.mean.iter_mut().zip(&mut self.variance).zip(observation)
        {
            let delta = f64::from(value) - *mean;
            *mean += delta / total;
            *variance = (*variance * self.count + delta * delta * self.count / total) / total;
        }
        self.count = total;
        Ok(())
    }

    /// Subtracts the mean and divides by the root of the variance plus [`EPSILON`](Self::EPSILON).
    ///
    /// # Errors
    ///
    /// [`ObservationLength`](crate::Error::ObservationLength) or
    /// [`ObservationNotFinite`](crate::Error::ObservationNotFinite); the observation is as it was.
    pub fn normalize(&self, observation: &mut [f32]) -> Result<()> {
        check_observation(observation, self.mean.len())?;
        for ((value, mean), variance) in observation.iter_mut().zip(&self.mean).zip(&self.variance)
        {
            let normal = (f64::from(*value) - mean) / (variance + Self::EPSILON).sqrt();
            // The largest numbers, divided by almost 0, would be infinite.
            *value = normal.clamp(f32::MIN.into(), f32::MAX.into()) as f32;
        }
        Ok(())
    }

    /// The mean of each element; 0 before the first observation.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The variance of each element (of the population); 1 before the first observation.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// The number of observations, and 0.0001 for the mean of 0 and the variance of 1 that are
    /// there from the beginning.
    pub fn count(&self) -> f64 {
        self.count
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        use crate::Error;

        let len = self.mean.len();
        if self.variance.len() != len {
            return Err(Error::ObservationLength { expected: len, got: self.variance.len() });
        }
        let setting = |name, legal, value| Err(Error::Setting { name, legal, value });
        if let Some(&value) = self.mean.iter().find(|mean| !mean.is_finite()) {
            return setting("mean", "finite", value);
        }
        let is_variance = |value: &f64| *value >= 0.0 && value.is_finite();
        if let Some(&value) = self.variance.iter().find(|&value| !is_variance(value)) {
            return setting("variance", "finite and >= 0", value);
        }
        if !(self.count > 0.0 && self.count.is_finite()) {
            return setting("count", "finite and > 0", self.count);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn mean_and_variance_are_those_of_the_observations() {
        // Of 1, 2, 4, 9: mean 4, variance (9 + 4 + 0 + 25) / 4 = 9.5; the prior weighs 0.0001.
        let mut statistics = RunningMeanStd::new(2);
        for value in [1.0, 2.0, 4.0, 9.0] {
            statistics.update(&[value, 1000.0 + value]).unwrap();
        }
        assert!((statistics.mean()[0] - 4.0).abs() < 1e-3, "{statistics:?}");
        assert!((statistics.variance()[0] - 9.5).abs() < 1e-2, "{statistics:?}");
        assert_eq!(statistics.count(), 4.0001);
        let mut observation = [4.0 + 9.5_f32.sqrt(), 1004.0];
        statistics.normalize(&mut observation).unwrap();
        assert!((observation[0] - 1.0).abs() < 1e-3, "{observation:?}");
    }

    #[test]
    fn the_largest_numbers_stay_finite() {
        let mut statistics = RunningMeanStd::new(1);
        statistics.update(&[1e-20]).unwrap();
        let mut observation = [f32::MAX];
        statistics.normalize(&mut observation).unwrap();
        assert!(observation[0].is_finite(), "{observation:?}");
        statistics.update(&[f32::MAX]).unwrap();
        statistics.update(&[f32::MIN]).unwrap();
        assert!(statistics.variance()[0].is_finite());
    }

    #[test]
    fn nan_and_other_lengths_are_refused_and_change_nothing() {
        let mut statistics = RunningMeanStd::new(2);
        statistics.update(&[1.0, 2.0]).unwrap();
        let before = statistics.clone();
        let nan = statistics.update(&[1.0, f32::NAN]);
        assert!(matches!(nan, Err(Error::ObservationNotFinite { index: 1, .. })));
        let short = Error::ObservationLength { expected: 2, got: 1 };
        assert_eq!(statistics.update(&[1.0]), Err(short.clone()));
        assert_eq!(statistics.normalize(&mut [1.0]), Err(short));
        assert_eq!(statistics, before);
    }
}
