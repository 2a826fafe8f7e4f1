//! What a handful of runs says about all of them: the interquartile mean of their scores, and how far it
//! is to be trusted (Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical
//! Precipice", arXiv:2108.13264).

use std::fmt::{self, Display, Formatter};

use anyhow::{Result, ensure};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// How many times scores are drawn again for an interval.
const RESAMPLES: usize = 10_000;
/// Of the intervals in our pages.
const CONFIDENCE: f64 = 0.95;

/// A statistic of the scores of some runs, with the ends of its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Estimate {
    /// The interquartile mean of `scores`, with a 95% bootstrap interval. The same scores have the same
    /// interval, always.
    ///
    /// # Errors
    ///
    /// For no scores, or one that is not finite.
    pub(crate) fn interquartile_mean(scores: &[f64]) -> Result<Self> {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let value = interquartile_mean(scores)?;
        let [low, high] = bootstrap_interval(scores, interquartile_mean, CONFIDENCE, rng)?;
        Ok(Self { value, low, high })
    }
}

/// `12.3 [11.0, 13.5]`, with as many decimals as the precision says, 1 unless it says so.
impl Display for Estimate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(1);
        let Self { value, low, high } = self;
        write!(f, "{value:.decimals$} [{low:.decimals$}, {high:.decimals$}]")
    }
}

/// The mean of the middle half of `scores`: of `n`, the `⌊n/4⌋` largest and as many of the smallest are
/// left out, as in the paper's own program (`scipy.stats.trim_mean` with 0.25).
///
/// It moves less from one set of seeds to the next than a median, and a run that failed altogether moves
/// it less than a mean.
///
/// # Errors
///
/// For no scores, or one that is not finite.
pub(crate) fn interquartile_mean(scores: &[f64]) -> Result<f64> {
    let sorted = sorted(scores)?;
    let cut = sorted.len() / 4;
    let middle = &sorted[cut..sorted.len() - cut];
    Ok(middle.iter().sum::<f64>() / middle.len() as f64)
}

/// The interval that holds the middle `confidence` of the values which `statistic` has on 10,000 sets of
/// scores drawn from `scores` with replacement, each as large as it: the percentile bootstrap (Efron
/// 1979), as in the paper. Low end first.
///
/// # Errors
///
/// For no scores, one that is not finite, a confidence outside `(0, 1)`, and what `statistic` refuses.
pub(crate) fn bootstrap_interval<R: Rng + ?Sized>(
    scores: &[f64],
    statistic: impl Fn(&[f64]) -> Result<f64>,
    confidence: f64,
    rng: &mut R,
) -> Result<[f64; 2]> {
    check(scores)?;
    ensure!(
        confidence > 0.0 && confidence < 1.0,
        "the confidence must be above 0 and below 1, got {confidence}"
    );
    let mut drawn = vec![0.0; scores.len()];
    let values = (0..RESAMPLES)
        .map(|_| {
            drawn.fill_with(|| scores[rng.random_range(0..scores.len())]);
            statistic(&drawn)
        })
        .collect::<Result<Vec<f64>>>()?;
    let values = sorted(&values)?;
    let tail = (1.0 - confidence) / 2.0;
    Ok([quantile(&values, tail), quantile(&values, 1.0 - tail)])
}

/// The median: the mean of the two in the middle where there is no one.
///
/// # Errors
///
/// For no scores, or one that is not finite.
pub(crate) fn median(scores: &[f64]) -> Result<f64> {
    Ok(quantile(&sorted(scores)?, 0.5))
}

/// Between the two nearest of the sorted values, in a straight line (Hyndman & Fan 1996, definition 7).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let at = probability * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

fn sorted(scores: &[f64]) -> Result<Vec<f64>> {
    check(scores)?;
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}

fn check(scores: &[f64]) -> Result<()> {
    ensure!(!scores.is_empty(), "a statistic needs at least one score");
    match scores.iter().find(|score| !score.is_finite()) {
        Some(score) => anyhow::bail!("scores must be finite, got {score}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(3)
    }

    #[test]
    fn the_interquartile_mean_leaves_out_a_quarter_at_each_end() {
        // 3 to 8 of 1 to 10 in any order, as scipy.stats.trim_mean(range(1, 11), 0.25) has it.
        let scores = [10.0, 1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0];
        assert_eq!(interquartile_mean(&scores).unwrap(), 5.5);
        assert_eq!(interquartile_mean(&[-1e9, 1.0, 3.0, 1e9]).unwrap(), 2.0);
        // Nothing to leave out.
        assert_eq!(interquartile_mean(&[1.0, 2.0, 6.0]).unwrap(), 3.0);
        assert_eq!(interquartile_mean(&[7.0]).unwrap(), 7.0);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 100.0]).unwrap(), 3.0);
        assert_eq!(median(&[4.0, 1.0, 100.0, 2.0]).unwrap(), 3.0);
    }

    #[test]
    fn quantiles_lie_on_the_line_between_their_neighbours() {
        let sorted = [0.0, 10.0, 20.0, 40.0];
        for (probability, expected) in [(0.0, 0.0), (0.5, 15.0), (0.75, 25.0), (1.0, 40.0)] {
            assert_eq!(quantile(&sorted, probability), expected);
        }
    }

    #[test]
    fn the_interval_of_a_mean_of_coins_is_that_of_the_binomial_distribution() {
        // 100 coins of which half are heads: a resample has Binomial(100, 1/2) heads, whose quantiles
        // at 2.5% and 97.5% are 40 and 60.
        let coins: Vec<f64> = (0..100).map(|coin| f64::from(coin % 2)).collect();
        let mean = |scores: &[f64]| Ok(scores.iter().sum::<f64>() / scores.len() as f64);
        let [low, high] = bootstrap_interval(&coins, mean, 0.95, &mut rng()).unwrap();
        assert!((low - 0.40).abs() < 1e-12 && (high - 0.60).abs() < 1e-12, "{low} {high}");
    }

    #[test]
    fn equal_scores_have_an_interval_without_width_and_one_seed_has_one_interval() {
        let same = Estimate::interquartile_mean(&[2.5; 4]).unwrap();
        assert_eq!(same, Estimate { value: 2.5, low: 2.5, high: 2.5 });
        let scores = [1.0, 5.0, 2.0, 8.0, 4.0];
        let interval = || bootstrap_interval(&scores, interquartile_mean, 0.9, &mut rng()).unwrap();
        assert_eq!(interval(), interval());
        let estimate = Estimate::interquartile_mean(&scores).unwrap();
        assert!(estimate.low < estimate.value && estimate.value < estimate.high);
        let shown = Estimate { value: 1.25, low: 1.0, high: 2.0 };
        assert_eq!(format!("{shown:.2}"), "1.25 [1.00, 2.00]");
    }

    #[test]
    fn what_has_no_statistic_is_refused() {
        assert!(interquartile_mean(&[]).is_err());
        let error = Estimate::interquartile_mean(&[1.0, f64::NAN]).unwrap_err().to_string();
        assert_eq!(error, "scores must be finite, got NaN");
        for confidence in [0.0, 1.0, f64::NAN] {
            assert!(bootstrap_interval(&[1.0], median, confidence, &mut rng()).is_err());
        }
    }
}
