//! What all environments of this crate have in common: where an episode is, and the random
//! generator.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{Error, Result};

/// Whether an episode runs, and the generator that its randomness comes from.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Lifecycle {
    phase: Phase,
    /// `None` until randomness is needed for the first time, which decides on the seed.
    rng: Option<Xoshiro256PlusPlus>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Phase {
    #[default]
    BeforeReset,
    Running,
    Ended,
}

impl Lifecycle {
    /// The generator for a `reset` with `seed`.
    pub(crate) fn seeded(&mut self, seed: Option<u64>) -> Result<&mut Xoshiro256PlusPlus> {
        if let Some(seed) = seed {
            self.rng = Some(Xoshiro256PlusPlus::seed_from_u64(seed));
        }
        self.rng()
    }

    /// The generator, from the operating system's randomness if there has been no seed.
    pub(crate) fn rng(&mut self) -> Result<&mut Xoshiro256PlusPlus> {
        match &mut self.rng {
            Some(rng) => Ok(rng),
            rng => {
                let new = Xoshiro256PlusPlus::try_from_os_rng()
                    .map_err(|error| Error::NoEntropy { reason: error.to_string() })?;
                Ok(rng.insert(new))
            }
        }
    }

    /// Whether there has been a state to look at.
    pub(crate) fn has_begun(&self) -> bool {
        self.phase != Phase::BeforeReset
    }

    /// Whether a step may be taken.
    #[cfg(feature = "serde")]
    pub(crate) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    pub(crate) fn begin(&mut self) {
        self.phase = Phase::Running;
    }

    /// Ends the episode if it has `terminated`.
    #[inline]
    pub(crate) fn end_if(&mut self, terminated: bool) {
        if terminated {
            self.phase = Phase::Ended;
        }
    }

    /// Whether `action`, one of `n`, may be taken now; the errors of
    /// [`Env::step`](crate::Env::step).
    #[inline]
    pub(crate) fn check(&self, action: usize, n: usize) -> Result<()> {
        match self.phase {
            Phase::BeforeReset => Err(Error::StepBeforeReset),
            Phase::Ended => Err(Error::StepAfterEnd),
            Phase::Running if action >= n => Err(Error::ActionOutOfRange { action, n }),
            Phase::Running => Ok(()),
        }
    }
}

/// Uniform in `[low, high]`, from the upper 53 bits of one draw.
#[inline]
pub(crate) fn uniform(rng: &mut impl Rng, low: f64, high: f64) -> f64 {
    // Not `random_range`: its way from bits to numbers may change, a seed's episode may not.
    (high - low) * rng.random::<f64>() + low
}

/// Uniform in `0..n`, from one draw. No index is more likely than another by more than `n` in 2^53.
#[inline]
pub(crate) fn uniform_index(rng: &mut impl Rng, n: usize) -> usize {
    ((rng.random::<f64>() * n as f64) as usize).min(n - 1)
}

/// Standard normal (Box and Muller, "A note on the generation of random normal deviates", 1958),
/// with the logarithm and the cosine of `libm`, which are the same on every machine.
pub(crate) fn standard_normal(rng: &mut impl Rng) -> f64 {
    // 1 - u is in (0, 1], which has a logarithm.
    let radius = (-2.0 * libm::log(1.0 - rng.random::<f64>())).sqrt();
    radius * libm::cos(2.0 * std::f64::consts::PI * rng.random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(3)
    }

    #[test]
    fn indices_are_uniform() {
        // Chi-square of 7 values, 6 degrees of freedom: 22.5 is exceeded with probability 0.001.
        let (mut rng, mut counts) = (rng(), [0_f64; 7]);
        for _ in 0..70_000 {
            counts[uniform_index(&mut rng, 7)] += 1.0;
        }
        let chi_square: f64 = counts.iter().map(|c| (c - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi_square < 22.5, "{counts:?}");
    }

    #[test]
    fn normal_numbers_fall_into_the_deciles_of_the_normal_distribution() {
        // Deciles from tables; chi-square, 9 degrees of freedom: 27.9 has probability 0.001.
        let deciles = [
            -1.281_551_6,
            -0.841_621_2,
            -0.524_400_5,
            -0.253_347_1,
            0.0,
            0.253_347_1,
            0.524_400_5,
            0.841_621_2,
            1.281_551_6,
        ];
        let (mut rng, mut counts) = (rng(), [0_f64; 10]);
        for _ in 0..50_000 {
            let value = standard_normal(&mut rng);
            counts[deciles.iter().filter(|&&decile| value > decile).count()] += 1.0;
        }
        let chi_square: f64 = counts.iter().map(|c| (c - 5_000.0).powi(2) / 5_000.0).sum();
        assert!(chi_square < 27.9, "{counts:?}");
    }

    #[test]
    fn without_a_seed_generators_differ() {
        let draw = || Lifecycle::default().rng().unwrap().random::<u64>();
        assert_ne!(draw(), draw());
    }
}
