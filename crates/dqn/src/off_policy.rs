//! How good a policy would be, from what another one has done: importance sampling.
//!
//! ```text
//! ρ_t = Π_{k≤t} π(a_k|s_k)/μ(a_k|s_k)                 μ: the policy that acted, T: the last step
//! trajectory      mean over episodes of  ρ_T Σ_t γᵗ r_t
//! per decision    mean over episodes of  Σ_t γᵗ ρ_t r_t
//! weighted        either of them, with the mean of ρ over the episodes in the place of their number
//! ```
//!
//! Precup, Sutton & Singh 2000, "Eligibility traces for off-policy policy evaluation"; Thomas 2015,
//! "Safe reinforcement learning", chapter 3.

use crate::error::{check_fraction, check_length};
use crate::{Error, Result};

/// An episode that was recorded: for each step the reward, and how much more likely the action is for
/// the policy to be judged than it was for the one that acted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recorded<'a> {
    /// `r_t`
    pub rewards: &'a [f64],
    /// `π(a_t|s_t)/μ(a_t|s_t)`
    pub ratios: &'a [f64],
}

/// Estimates of the expected discounted return of an episode.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ImportanceSampling {
    /// By the ratios of whole episodes: unbiased, of large variance.
    pub trajectory: f64,
    /// By the ratios up to each reward: unbiased, of less variance.
    pub per_decision: f64,
    /// [`trajectory`](Self::trajectory), weighted: biased, consistent, never beyond the returns seen.
    pub weighted: f64,
    /// [`per_decision`](Self::per_decision), weighted: biased, consistent.
    pub weighted_per_decision: f64,
    /// How many episodes of the judged policy's own these are worth: `(Σ ρ_T)²/Σ ρ_T²` (Kish 1965). The
    /// estimates are not to be trusted where it is small.
    pub effective_episodes: f64,
}

impl ImportanceSampling {
    /// From episodes, with rewards discounted by `gamma` a step. Episodes may be of different lengths:
    /// after its end, an episode has rewards of 0 and keeps its last ratio.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for no episodes, a `gamma` outside `[0, 1]`, a reward that is not finite or a
    /// ratio that is not finite and at least 0, or ratios that are all 0; [`Error::Length`] where there
    /// is not one ratio a reward.
    ///
    /// # Example
    ///
    /// ```
    /// use reflux_dqn::{ImportanceSampling, Recorded};
    ///
    /// // One step, two actions tried equally often; the policy to be judged takes the first in 3 of 4.
    /// let good = Recorded { rewards: &[1.0], ratios: &[1.5] };
    /// let bad = Recorded { rewards: &[0.0], ratios: &[0.5] };
    /// let estimates = ImportanceSampling::estimate(&[good, bad], 1.0)?;
    /// assert_eq!(estimates.per_decision, 0.75);
    /// # Ok::<(), reflux_dqn::Error>(())
    /// ```
    pub fn estimate(episodes: &[Recorded<'_>], gamma: f64) -> Result<Self> {
        check_fraction("gamma", gamma)?;
        check(episodes)?;
        let count = episodes.len() as f64;
        let longest = episodes.iter().map(|episode| episode.rewards.len()).max().unwrap_or(0);
        // For each episode ρ_t and the discounted return so far; advanced step by step together.
        let mut weights = vec![1.0; episodes.len()];
        let mut returns = vec![0.0; episodes.len()];
        let (mut per_decision, mut weighted_per_decision, mut discount) = (0.0, 0.0, 1.0);
        for t in 0..longest {
            let mut sum = 0.0;
            for (index, episode) in episodes.iter().enumerate() {
                if let (Some(reward), Some(ratio)) = (episode.rewards.get(t), episode.ratios.get(t))
                {
                    weights[index] *= ratio;
                    returns[index] += discount * reward;
                    sum += weights[index] * reward;
                }
            }
            let mass: f64 = weights.iter().sum();
            per_decision += discount * sum / count;
            if mass > 0.0 {
                weighted_per_decision += discount * sum / mass;
            }
            discount *= gamma;
        }
        let mass: f64 = weights.iter().sum();
        if mass == 0.0 || !mass.is_finite() {
            let legal = "finite, and not 0 for every episode";
            return Err(Error::config("the ratios' products", legal, mass));
        }
        let sum: f64 = weights.iter().zip(&returns).map(|(weight, total)| weight * total).sum();
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        Ok(Self {
            trajectory: sum / count,
            per_decision,
            weighted: sum / mass,
            weighted_per_decision,
            effective_episodes: mass * mass / squares,
        })
    }
}

fn check(episodes: &[Recorded<'_>]) -> Result<()> {
    crate::error::check_positive("episodes", episodes.len() as u64)?;
    for episode in episodes {
        check_length("an episode's ratios", episode.rewards.len(), episode.ratios.len())?;
        if let Some(reward) = episode.rewards.iter().find(|reward| !reward.is_finite()) {
            return Err(Error::config("a reward", "finite", reward));
        }
        if let Some(ratio) =
            episode.ratios.iter().find(|ratio| !(0.0..f64::INFINITY).contains(*ratio))
        {
            return Err(Error::config("a ratio", "finite and at least 0", ratio));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All episodes of two steps with two actions each, in which the reward is 1 for the first action
    /// and 0 for the second; μ is uniform, π takes the first action with probability 0.8.
    fn all() -> Vec<([f64; 2], [f64; 2])> {
        let (rewards, ratios) = ([1.0, 0.0], [1.6, 0.4]);
        [(0, 0), (0, 1), (1, 0), (1, 1)]
            .map(|(a, b)| ([rewards[a], rewards[b]], [ratios[a], ratios[b]]))
            .to_vec()
    }

    #[test]
    fn over_all_episodes_every_estimate_is_the_value_of_the_policy() {
        // As each episode is equally likely under μ, sums are expectations: 0.8 + γ·0.8.
        let all = all();
        let episodes: Vec<_> =
            all.iter().map(|(rewards, ratios)| Recorded { rewards, ratios }).collect();
        let got = ImportanceSampling::estimate(&episodes, 0.5).unwrap();
        for estimate in [got.trajectory, got.per_decision, got.weighted, got.weighted_per_decision]
        {
            assert!((estimate - 1.2).abs() < 1e-12, "{got:?}");
        }
        // Σρ = 4, Σρ² = (1.6² + 0.4²)².
        assert!((got.effective_episodes - 16.0 / 2.72_f64.powi(2)).abs() < 1e-12);
    }

    #[test]
    fn two_episodes_worked_by_hand() {
        let long = Recorded { rewards: &[1.0, 2.0], ratios: &[2.0, 0.5] };
        let short = Recorded { rewards: &[3.0], ratios: &[0.5] };
        let got = ImportanceSampling::estimate(&[long, short], 0.5).unwrap();
        assert_eq!(got.trajectory, (1.0 * 2.0 + 0.5 * 3.0) / 2.0);
        assert_eq!(got.per_decision, (2.0 * 1.0 + 0.5 * 1.0 * 2.0 + 0.5 * 3.0) / 2.0);
        assert_eq!(got.weighted, 3.5 / 1.5);
        assert_eq!(got.weighted_per_decision, 3.5 / 2.5 + 0.5 * 2.0 / 1.5);
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let one =
            |rewards, ratios| ImportanceSampling::estimate(&[Recorded { rewards, ratios }], 1.0);
        assert!(ImportanceSampling::estimate(&[], 1.0).is_err());
        assert!(matches!(one(&[1.0], &[]), Err(Error::Length { .. })));
        assert!(one(&[f64::NAN], &[1.0]).is_err());
        assert!(one(&[1.0], &[-1.0]).is_err());
        assert!(one(&[1.0], &[f64::INFINITY]).is_err());
        assert!(one(&[1.0], &[0.0]).is_err());
    }
}
