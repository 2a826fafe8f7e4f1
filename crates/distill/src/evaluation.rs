//! How good a classifier is, and how much of its teacher it has become.

use ndarray::{ArrayRef2, Axis};
use reflux_nn::{Real, accuracy, argmax};
use reflux_softmax::log_softmax;

use crate::{Error, Result, labels};

/// Bins of the calibration error, as in Guo et al. 2017.
const BINS: usize = 15;

/// A classifier's quality on labelled data.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use reflux_distill::Evaluation;
///
/// let logits = array![[4.0_f32, 0.0], [0.0, 4.0], [4.0, 0.0]];
/// let evaluation = Evaluation::new(&logits, &[0, 1, 1])?;
/// assert_eq!((evaluation.errors, evaluation.rows), (1, 3));
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Evaluation {
    /// How many rows were judged.
    pub rows: usize,
    /// How many were wrong.
    pub errors: usize,
    /// The fraction that was right, 0 to 1.
    pub accuracy: f64,
    /// The mean negative log-likelihood of the labels, in nats.
    pub negative_log_likelihood: f64,
    /// The mean squared distance between probabilities and label, 0 to 2 (Brier 1950).
    pub brier: f64,
    /// The expected calibration error, 0 to 1, over bins of equal width (Guo et al. 2017,
    /// arXiv:1706.04599): how far the confidence is from the accuracy, on average.
    pub calibration_error: f64,
    /// How many bins that is over.
    pub calibration_bins: usize,
}

impl Evaluation {
    /// Of `logits` `[rows, classes]` against `labels` `[rows]`, with 15 bins.
    ///
    /// # Errors
    ///
    /// No rows, another number of labels than rows, a label that is no class, logits that are not
    /// finite.
    pub fn new<F: Real>(logits: &ArrayRef2<F>, labels: &[usize]) -> Result<Self> {
        Self::with_bins(logits, labels, BINS)
    }

    /// The same with another number of bins for the calibration error.
    ///
    /// # Errors
    ///
    /// As [`Evaluation::new`], and [`Error::Setting`] for no bins.
    pub fn with_bins<F: Real>(
        logits: &ArrayRef2<F>,
        labels: &[usize],
        calibration_bins: usize,
    ) -> Result<Self> {
        if calibration_bins == 0 {
            return Err(Error::setting("the number of bins", "at least 1", 0.0));
        }
        let accuracy = accuracy(logits, labels)?;
        let (rows, classes) = logits.dim();
        labels::check(labels, rows, classes)?;
        let log_probabilities = log_softmax(logits, Axis(1), F::one())?;
        let (mut likelihood, mut brier) = (0.0, 0.0);
        // For each bin, the sums of confidence and of right answers.
        let mut bins = vec![(0.0, 0.0); calibration_bins];
        for (row, &label) in log_probabilities.rows().into_iter().zip(labels) {
            likelihood -= row[label].as_f64();
            let squares = row.iter().enumerate().map(|(class, log_p)| {
                let hit = if class == label { 1.0 } else { 0.0 };
                (log_p.as_f64().exp() - hit).powi(2)
            });
            brier += squares.sum::<f64>();
            let guess = argmax(row);
            let confidence = row[guess].as_f64().exp();
            let bin = (confidence * calibration_bins as f64) as usize;
            let bin = &mut bins[bin.min(calibration_bins - 1)];
            bin.0 += confidence;
            bin.1 += if guess == label { 1.0 } else { 0.0 };
        }
        let n = rows as f64;
        Ok(Self {
            rows,
            errors: ((1.0 - accuracy) * n).round() as usize,
            accuracy,
            negative_log_likelihood: likelihood / n,
            brier: brier / n,
            calibration_error: bins.iter().map(|(said, was)| (said - was).abs()).sum::<f64>() / n,
            calibration_bins,
        })
    }
}

/// The fraction, from 0 to 1, of rows in which two classifiers choose the same class, from their
/// logits `[rows, classes]`.
///
/// # Errors
///
/// [`Error::Shape`] for logits of different shapes; none or no rows at all count as such.
pub fn agreement<F: Real>(one: &ArrayRef2<F>, other: &ArrayRef2<F>) -> Result<f64> {
    if one.shape() != other.shape() || one.nrows() == 0 {
        return Err(Error::Shape {
            what: "the logits to compare",
            expected: one.shape().iter().map(|&n| n.max(1)).collect(),
            got: other.shape().to_vec(),
        });
    }
    let pairs = one.rows().into_iter().zip(other.rows());
    let same = pairs.filter(|(one, other)| argmax(*one) == argmax(*other)).count();
    Ok(same as f64 / one.nrows() as f64)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::array;

    use super::*;

    #[test]
    fn figures_worked_by_hand() {
        // Probabilities [3/4, 1/4] twice, right once and wrong once.
        let logits = array![[3.0_f64.ln(), 0.0], [3.0_f64.ln(), 0.0]];
        let evaluation = Evaluation::new(&logits, &[0, 1]).unwrap();
        assert_eq!((evaluation.rows, evaluation.errors, evaluation.accuracy), (2, 1, 0.5));
        let likelihood = -(0.75_f64.ln() + 0.25_f64.ln()) / 2.0;
        assert_relative_eq!(evaluation.negative_log_likelihood, likelihood, max_relative = 1e-12);
        // ((1/4)² + (1/4)² + (3/4)² + (3/4)²) / 2
        assert_relative_eq!(evaluation.brier, 0.625, max_relative = 1e-12);
        // Confidence 3/4, accuracy 1/2.
        assert_relative_eq!(evaluation.calibration_error, 0.25, max_relative = 1e-12);
        assert_eq!(evaluation.calibration_bins, 15);
        // One right with 3/4, one wrong with 9/10: 1/4 and 9/10 apart in two bins, 13/20 in one.
        let logits = array![[3.0_f64.ln(), 0.0], [9.0_f64.ln(), 0.0]];
        for (bins, expected) in [(10, (0.25 + 0.9) / 2.0), (1, 0.65 / 2.0)] {
            let evaluation = Evaluation::with_bins(&logits, &[0, 1], bins).unwrap();
            assert_relative_eq!(evaluation.calibration_error, expected, max_relative = 1e-12);
        }
        assert!(Evaluation::with_bins(&logits, &[0, 1], 0).is_err());
    }

    #[test]
    fn agreement_counts_equal_choices() {
        let one = array![[1.0_f32, 0.0], [0.0, 1.0], [2.0, 1.0]];
        let other = array![[9.0_f32, 8.0], [1.0, 0.0], [2.0, 0.0]];
        assert_relative_eq!(agreement(&one, &other).unwrap(), 2.0 / 3.0);
        assert!(agreement(&one, &array![[1.0, 0.0]]).is_err());
        assert!(Evaluation::new(&one, &[0, 1, 2]).is_err());
        assert!(Evaluation::new(&one, &[0]).is_err());
    }
}
