//! How soft targets are kept: whole, or in a fraction of the bytes.
//!
//! ```text
//! full         K numbers a row
//! top k        the k largest logits and their classes; all others are taken to have the same logit,
//!              r = T·log(1/(K − k) Σ_others exp(z_i/T)), so that their mass at T is what it was
//! quantized    z_i ≈ a + b·c_i with c_i of 8 bits, and a, b of the row's smallest and largest logit
//! ```

use ndarray::ArrayView1;
use reflux_nn::Real;

use crate::{Error, Result, Schedule};

/// In which form soft targets are kept.
///
/// What each costs in accuracy depends on the data: `cargo run --release -p reflux-distill --example
/// target_forms` prints it for the bundled digits.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum TargetForm {
    /// Every logit as it is. The default.
    #[default]
    Full,
    /// The `k` largest logits of a row; the others share, equally, the probability that is left.
    #[non_exhaustive]
    TopK {
        /// How many logits are kept, at least 1. 8 bytes each.
        k: usize,
        /// At which temperature the rest has the mass that it had.
        temperature: f64,
    },
    /// One byte a logit, in equal steps from the row's smallest to its largest: no logit is off by
    /// more than a 510th of the row's range.
    Quantized,
}

impl TargetForm {
    /// [`TargetForm::TopK`] at temperature 1.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for none.
    pub fn top_k(k: usize) -> Result<Self> {
        Self::TopK { k, temperature: 1.0 }.checked()
    }

    /// The same form, with the rest's mass kept at another temperature: the one that students are
    /// trained at. It matters to [`TargetForm::TopK`] only.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] unless it is finite and above 0.
    pub fn at_temperature(self, temperature: f64) -> Result<Self> {
        match self {
            Self::TopK { k, .. } => Self::TopK { k, temperature }.checked(),
            other => Ok(other),
        }
    }

    /// The same form, with no more logits than there are.
    pub(super) fn clamped(self, classes: usize) -> Self {
        match self {
            Self::TopK { k, temperature } => {
                Self::TopK { k: k.clamp(1, classes.max(1)), temperature }
            }
            other => other,
        }
    }

    /// What `Display` wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "full" => Some(Self::Full),
            "quantized" => Some(Self::Quantized),
            _ => {
                let (k, temperature) = text.strip_prefix("top ")?.split_once(" at temperature ")?;
                let form =
                    Self::TopK { k: k.parse().ok()?, temperature: temperature.parse().ok()? };
                form.checked().ok()
            }
        }
    }

    pub(super) fn checked(self) -> Result<Self> {
        if let Self::TopK { k, temperature } = self {
            if k == 0 {
                return Err(Error::setting("k", "at least 1", 0.0));
            }
            Schedule::from(temperature).checked_temperature()?;
        }
        Ok(self)
    }
}

impl std::fmt::Display for TargetForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::TopK { k, temperature } => write!(f, "top {k} at temperature {temperature}"),
            Self::Quantized => f.write_str("quantized"),
        }
    }
}

/// Rows of logits in some form, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rows<F> {
    Full(Vec<F>),
    TopK {
        k: usize,
        temperature: f64,
        classes: Vec<u32>,
        logits: Vec<f32>,
        /// For each row, the logit of every other class.
        rest: Vec<f32>,
    },
    Quantized {
        codes: Vec<u8>,
        smallest: Vec<f32>,
        step: Vec<f32>,
    },
}

impl<F: Real> Rows<F> {
    /// None yet, of `classes` logits.
    pub(super) fn new(form: TargetForm, classes: usize) -> Self {
        match form.clamped(classes) {
            TargetForm::Full => Self::Full(Vec::new()),
            TargetForm::TopK { k, temperature } => {
                let (classes, logits, rest) = (Vec::new(), Vec::new(), Vec::new());
                Self::TopK { k, temperature, classes, logits, rest }
            }
            TargetForm::Quantized => {
                Self::Quantized { codes: Vec::new(), smallest: Vec::new(), step: Vec::new() }
            }
        }
    }

    pub(super) fn form(&self) -> TargetForm {
        match *self {
            Self::Full(_) => TargetForm::Full,
            Self::TopK { k, temperature, .. } => TargetForm::TopK { k, temperature },
            Self::Quantized { .. } => TargetForm::Quantized,
        }
    }

    pub(super) fn push(&mut self, row: ArrayView1<'_, F>) {
        match self {
            Self::Full(values) => values.extend(row),
            Self::TopK { k, temperature, classes, logits, rest } => {
                let mut order: Vec<usize> = (0..row.len()).collect();
                order.sort_by(|&a, &b| row[b].as_f64().total_cmp(&row[a].as_f64()));
                let (top, others) = order.split_at(*k);
                classes.extend(top.iter().map(|&class| class as u32));
                logits.extend(top.iter().map(|&class| row[class].as_f64() as f32));
                rest.push(rest_logit(
                    others.iter().map(|&class| row[class].as_f64()),
                    *temperature,
                ));
            }
            Self::Quantized { codes, smallest, step } => {
                let values = || row.iter().map(|x| x.as_f64());
                let low = values().fold(f64::INFINITY, f64::min);
                let width = (values().fold(f64::NEG_INFINITY, f64::max) - low) / 255.0;
                let scale = if width > 0.0 { width.recip() } else { 0.0 };
                codes.extend(values().map(|x| ((x - low) * scale).round() as u8));
                smallest.push(low as f32);
                step.push(width as f32);
            }
        }
    }

    /// Adds rows of the same form.
    pub(super) fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Full(own), Self::Full(other)) => own.extend(other),
            (
                Self::TopK { classes, logits, rest, .. },
                Self::TopK { classes: classes2, logits: logits2, rest: rest2, .. },
            ) => {
                classes.extend(classes2);
                logits.extend(logits2);
                rest.extend(rest2);
            }
            (
                Self::Quantized { codes, smallest, step },
                Self::Quantized { codes: codes2, smallest: smallest2, step: step2 },
            ) => {
                codes.extend(codes2);
                smallest.extend(smallest2);
                step.extend(step2);
            }
            _ => debug_assert!(false, "rows of different forms"),
        }
    }

    /// Writes the logits of row `row` to `out`, of length `classes`.
    pub(super) fn read(&self, row: usize, out: &mut [F]) {
        match self {
            Self::Full(values) => out.copy_from_slice(&values[row * out.len()..][..out.len()]),
            Self::TopK { k, classes, logits, rest, .. } => {
                out.fill(F::from_f64(f64::from(rest[row])));
                let kept = row * k..(row + 1) * k;
                for (&class, &logit) in classes[kept.clone()].iter().zip(&logits[kept]) {
                    out[class as usize] = F::from_f64(f64::from(logit));
                }
            }
            Self::Quantized { codes, smallest, step } => {
                let (low, step) = (f64::from(smallest[row]), f64::from(step[row]));
                let codes = &codes[row * out.len()..];
                for (slot, &code) in out.iter_mut().zip(codes) {
                    *slot = F::from_f64(low + step * f64::from(code));
                }
            }
        }
    }

    /// The row and the class of the first number that is not finite, without making logits of all.
    pub(super) fn not_finite(&self, classes: usize) -> Option<(usize, usize, f64)> {
        let of_rows = |values: &[f32]| {
            let row = values.iter().position(|value| !value.is_finite())?;
            Some((row, 0, f64::from(values[row])))
        };
        match self {
            Self::Full(values) => {
                let at = values.iter().position(|value| !value.is_finite())?;
                Some((at / classes, at % classes, values[at].as_f64()))
            }
            Self::TopK { k, classes, logits, rest, .. } => {
                let at = logits.iter().position(|value| !value.is_finite());
                let kept = at.map(|at| (at / k, classes[at] as usize, f64::from(logits[at])));
                kept.or_else(|| of_rows(rest))
            }
            Self::Quantized { smallest, step, .. } => of_rows(smallest).or_else(|| of_rows(step)),
        }
    }

    /// The bytes that the rows take.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Full(values) => size_of_val(values.as_slice()),
            Self::TopK { classes, logits, rest, .. } => {
                4 * (classes.len() + logits.len() + rest.len())
            }
            Self::Quantized { codes, smallest, step } => {
                codes.len() + 4 * (smallest.len() + step.len())
            }
        }
    }
}

/// The logit which all of these may have without changing their mass at `temperature`; 0 for none.
fn rest_logit(others: impl Iterator<Item = f64> + Clone, temperature: f64) -> f32 {
    let (count, max) = others
        .clone()
        .fold((0.0, f64::NEG_INFINITY), |(count, max): (f64, f64), x| (count + 1.0, max.max(x)));
    if count == 0.0 {
        return 0.0;
    }
    let sum: f64 = others.map(|x| ((x - max) / temperature).exp()).sum();
    (max + temperature * (sum / count).ln()) as f32
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array1, Axis, array};
    use reflux_softmax::softmax;

    use super::*;

    fn through(form: TargetForm, row: &Array1<f64>) -> Array1<f64> {
        let mut rows = Rows::new(form, row.len());
        rows.push(Array1::ones(row.len()).view());
        rows.push(row.view());
        let mut out = Array1::zeros(row.len());
        rows.read(1, out.as_slice_mut().unwrap());
        out
    }

    #[test]
    fn the_top_keep_their_probabilities_and_the_rest_its_mass() {
        let row = array![0.5, 3.0, -1.0, 2.0, 0.0];
        for temperature in [1.0, 4.0] {
            let form = TargetForm::top_k(2).unwrap().at_temperature(temperature).unwrap();
            let kept = through(form, &row);
            let (before, after) = (
                softmax(&row, Axis(0), temperature).unwrap(),
                softmax(&kept, Axis(0), temperature).unwrap(),
            );
            for class in [1, 3] {
                assert_relative_eq!(after[class], before[class], max_relative = 1e-6);
            }
            let share = (before[0] + before[2] + before[4]) / 3.0;
            for class in [0, 2, 4] {
                assert_relative_eq!(after[class], share, max_relative = 1e-6);
            }
        }
        // All of them is all of it.
        let all = through(TargetForm::TopK { k: 9, temperature: 1.0 }, &row);
        assert_eq!(all, row);
    }

    #[test]
    fn a_byte_is_off_by_half_a_step_at_most_and_exact_at_both_ends() {
        let row = Array1::from_shape_fn(1000, |i| (i as f64 * 0.7).sin() * 12.0);
        let kept = through(TargetForm::Quantized, &row);
        let (low, high) = row.iter().fold((0.0_f64, 0.0_f64), |(a, b), &x| (a.min(x), b.max(x)));
        assert!((&kept - &row).iter().all(|d| d.abs() <= (high - low) / 510.0 + 1e-5));
        let (low2, high2) = kept.iter().fold((0.0_f64, 0.0_f64), |(a, b), &x| (a.min(x), b.max(x)));
        assert_relative_eq!(low, low2, max_relative = 1e-6);
        assert_relative_eq!(high, high2, max_relative = 1e-6);
        let flat = array![2.5, 2.5];
        assert_eq!(through(TargetForm::Quantized, &flat), flat);
    }

    #[test]
    fn ties_keep_the_first_classes() {
        let row = array![1.0, 5.0, 5.0, 5.0];
        let kept = through(TargetForm::top_k(2).unwrap(), &row);
        assert_eq!((kept[1], kept[2]), (5.0, 5.0));
        assert!(kept[3] < 5.0 && kept[3] == kept[0]);
    }

    #[test]
    fn numbers_that_are_not_finite_are_found_in_every_form() {
        let nan = f32::NAN;
        let full = Rows::Full(vec![0.0, 1.0, 2.0, f64::INFINITY]);
        assert_eq!(full.not_finite(2), Some((1, 1, f64::INFINITY)));
        let (classes, rest) = (vec![3, 1, 0, 2], vec![0.0, 0.0]);
        let top = |logits: Vec<f32>, rest| Rows::<f64>::TopK {
            k: 2,
            temperature: 1.0,
            classes: classes.clone(),
            logits,
            rest,
        };
        let found = top(vec![0.0, 1.0, nan, 3.0], rest.clone()).not_finite(4);
        assert!(matches!(found, Some((1, 0, value)) if value.is_nan()));
        let found = top(vec![0.0; 4], vec![0.0, nan]).not_finite(4);
        assert!(matches!(found, Some((1, 0, value)) if value.is_nan()));
        assert_eq!(top(vec![0.0; 4], rest).not_finite(4), None);
        let step = vec![1.0, nan];
        let bytes = Rows::<f64>::Quantized { codes: vec![0; 4], smallest: vec![0.0; 2], step };
        assert!(matches!(bytes.not_finite(2), Some((1, 0, _))));
    }

    #[test]
    fn bad_settings_are_refused() {
        assert!(TargetForm::top_k(0).is_err());
        assert!(TargetForm::top_k(1).unwrap().at_temperature(f64::NAN).is_err());
    }
}
