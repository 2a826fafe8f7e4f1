//! A mean over seeds, and how far to trust it.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{Error, Result};

/// A mean with its 95% confidence interval, `mean ± half_width`, by Student's t.
///
/// # Example
///
/// ```
/// use reflux_distill::Interval;
///
/// let accuracy = Interval::new(&[0.95, 0.96, 0.94, 0.95, 0.95])?;
/// assert_eq!(accuracy.to_string(), "0.9500 ± 0.0088");
///
/// // Two students that shared their seeds are compared seed by seed.
/// let gain = Interval::of_differences(&[0.95, 0.96, 0.94], &[0.94, 0.95, 0.93])?;
/// assert!(gain.is_above(0.0));
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval.
    pub half_width: f64,
    /// How many values it was made of.
    pub count: usize,
}

impl Interval {
    /// Of independent values, one a seed.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewValues`] for fewer than two, [`Error::NonFiniteValue`] for a NaN among them.
    pub fn new(values: &[f64]) -> Result<Self> {
        if let Some((index, &value)) = values.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFiniteValue { index, value });
        }
        let count = values.len();
        if count < 2 {
            return Err(Error::TooFewValues(count));
        }
        let n = count as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let student = StudentsT::new(0.0, 1.0, n - 1.0).map_err(|_| Error::TooFewValues(count))?;
        Ok(Self { mean, half_width: student.inverse_cdf(0.975) * (variance / n).sqrt(), count })
    }

    /// Of `ours − theirs`, value by value: what to look at when both used the same seeds.
    ///
    /// # Errors
    ///
    /// As [`Interval::new`], and [`Error::Shape`] for different numbers of values.
    pub fn of_differences(ours: &[f64], theirs: &[f64]) -> Result<Self> {
        if ours.len() != theirs.len() {
            let (expected, got) = (vec![ours.len()], vec![theirs.len()]);
            return Err(Error::Shape { what: "the values to compare", expected, got });
        }
        let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
        Self::new(&differences)
    }

    /// Whether the whole interval lies above `value`.
    pub fn is_above(&self, value: f64) -> bool {
        self.mean - self.half_width > value
    }
}

impl std::fmt::Display for Interval {
    /// `mean ± half width`, with four decimals or as many as the formatter asks for.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimals = f.precision().unwrap_or(4);
        write!(f, "{:.decimals$} ± {:.decimals$}", self.mean, self.half_width)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn half_widths_are_those_of_the_printed_t_table() {
        // Sample deviation 1 in each; t(0.975) is 12.706 for 1 degree of freedom, 4.303 for 2 and
        // 2.776 for 4 in any printed table.
        let two = Interval::new(&[-0.5_f64.sqrt(), 0.5_f64.sqrt()]).unwrap();
        assert_relative_eq!(two.half_width, 12.706 / 2.0_f64.sqrt(), max_relative = 1e-4);
        let three = Interval::new(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(three.mean, 2.0);
        assert_relative_eq!(three.half_width, 4.303 / 3.0_f64.sqrt(), max_relative = 1e-4);
        let five = Interval::new(&[-1.0, -1.0, 0.0, 1.0, 1.0]).unwrap();
        assert_relative_eq!(five.half_width, 2.776 / 5.0_f64.sqrt(), max_relative = 1e-3);
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        assert!(matches!(Interval::new(&[1.0]), Err(Error::TooFewValues(1))));
        let nan = Interval::new(&[1.0, f64::NAN]);
        assert!(matches!(nan, Err(Error::NonFiniteValue { index: 1, .. })));
        assert!(Interval::of_differences(&[1.0], &[1.0, 2.0]).is_err());
    }
}
