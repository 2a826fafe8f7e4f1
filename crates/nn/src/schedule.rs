//! How the learning rate changes while training.
//!
//! ```text
//! warm-up:  start + (1 − start)·t/w,   t < w;   what follows counts its steps t' = t − w of T' = T − w
//! constant: 1      step: factor^⌊t'/every⌋      cosine: floor + (1 − floor)·(1 + cos(π·t'/T'))/2
//! ```
//!
//! Cosine: Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts. Warm-up: Goyal et al. 2017,
//! arXiv:1706.02677.

use crate::{Error, Result};

/// What the learning rate is multiplied by at each step of a training.
///
/// # Example
///
/// ```
/// use reflux_nn::Schedule;
///
/// // From a tenth up to the whole rate in 10 steps, and along half a cosine down to 0.
/// let schedule = Schedule::cosine(0.0)?.with_warm_up(10, 0.1)?;
/// let factors: Vec<f64> = [0, 5, 10, 55, 100].map(|step| schedule.rate_at(step, 100)).into();
/// assert_eq!(factors, [0.1, 0.55, 1.0, 0.5, 0.0]);
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct Schedule {
    shape: Shape,
    warm_up: Option<WarmUp>,
}

/// What there is after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
enum Shape {
    #[default]
    Constant,
    Step {
        every: u64,
        factor: f64,
    },
    Cosine {
        floor: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct WarmUp {
    steps: u64,
    start: f64,
}

impl Schedule {
    /// The rate as it is: the default.
    pub fn constant() -> Self {
        Self::default()
    }

    /// Multiplies the rate by `factor` after each `every` steps, as PyTorch's `StepLR` does.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless `every` is at least 1 and `factor` between 0 and 1.
    pub fn step(every: u64, factor: f64) -> Result<Self> {
        if every == 0 {
            return Err(Error::config("steps between changes of the rate", "at least 1", every));
        }
        let factor = check_part("factor of a step schedule", factor)?;
        Ok(Self { shape: Shape::Step { every, factor }, warm_up: None })
    }

    /// Lowers the rate along half a cosine to `floor` times itself at the end of the training.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless `floor` is between 0 and 1.
    pub fn cosine(floor: f64) -> Result<Self> {
        let floor = check_part("floor of a cosine schedule", floor)?;
        Ok(Self { shape: Shape::Cosine { floor }, warm_up: None })
    }

    /// [`cosine`](Self::cosine) with a floor of 0.
    pub fn cosine_to_zero() -> Self {
        Self { shape: Shape::Cosine { floor: 0.0 }, warm_up: None }
    }

    /// Starts with `start` times the rate and goes up to all of it in a straight line of `steps`
    /// steps; what the schedule does otherwise comes after them. With a `start` of 0, the first step
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless `start` is between 0 and 1.
    pub fn with_warm_up(self, steps: u64, start: f64) -> Result<Self> {
        let start = check_part("start of the warm-up", start)?;
        Ok(Self { warm_up: Some(WarmUp { steps, start }), ..self })
    }

    /// What the learning rate is multiplied by at `step`, from 0, of a training of `total_steps`:
    /// from 0 to 1. Past the end it stays where it ended.
    pub fn rate_at(&self, step: u64, total_steps: u64) -> f64 {
        let WarmUp { steps: warm_up, start } =
            self.warm_up.unwrap_or(WarmUp { steps: 0, start: 1.0 });
        if step < warm_up {
            return start + (1.0 - start) * (step as f64 / warm_up as f64);
        }
        let (step, total) = (step - warm_up, total_steps.saturating_sub(warm_up));
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Step { every, factor } => factor.powf((step / every) as f64),
            Shape::Cosine { floor } if step >= total => floor,
            Shape::Cosine { floor } => {
                let angle = std::f64::consts::PI * (step as f64 / total as f64);
                floor + (1.0 - floor) * 0.5 * (1.0 + angle.cos())
            }
        }
    }
}

fn check_part(name: &'static str, part: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&part) {
        Ok(part)
    } else {
        Err(Error::config(name, "between 0 and 1", part))
    }
}

/// What is read from a file, before it is checked.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    shape: Shape,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warm_up: Option<WarmUp>,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for Schedule {
    type Error = Error;
    fn try_from(unchecked: Unchecked) -> Result<Self> {
        let schedule = match unchecked.shape {
            Shape::Constant => Self::constant(),
            Shape::Step { every, factor } => Self::step(every, factor)?,
            Shape::Cosine { floor } => Self::cosine(floor)?,
        };
        match unchecked.warm_up {
            Some(WarmUp { steps, start }) => schedule.with_warm_up(steps, start),
            None => Ok(schedule),
        }
    }
}

#[cfg(feature = "serde")]
impl From<Schedule> for Unchecked {
    fn from(Schedule { shape, warm_up }: Schedule) -> Self {
        Self { shape, warm_up }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn each_schedule_at_known_steps() {
        let at = |schedule: Schedule, step| schedule.rate_at(step, 120);
        assert_eq!(at(Schedule::constant(), 77), 1.0);
        let step = Schedule::step(30, 0.5).unwrap();
        let factors = [0, 29, 30, 59, 60, 90].map(|t| at(step, t));
        assert_eq!(factors, [1.0, 1.0, 0.5, 0.5, 0.25, 0.125]);
        // cos 60° is 1/2, cos 90° is 0.
        let cosine = Schedule::cosine(0.2).unwrap();
        for (t, expected) in [(0, 1.0), (40, 0.8), (60, 0.6), (120, 0.2), (500, 0.2)] {
            assert_relative_eq!(at(cosine, t), expected, max_relative = 1e-14);
        }
        let warm = step.with_warm_up(20, 0.5).unwrap();
        assert_eq!([0, 10, 20, 49, 50].map(|t| at(warm, t)), [0.5, 0.75, 1.0, 1.0, 0.5]);
        // A training that ends before its warm-up does.
        assert_eq!(
            Schedule::cosine(0.0).unwrap().with_warm_up(10, 0.0).unwrap().rate_at(5, 6),
            0.5
        );
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(Schedule::step(0, 0.5).is_err());
        for part in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(Schedule::step(1, part), Err(Error::Config { .. })));
            assert!(matches!(Schedule::cosine(part), Err(Error::Config { .. })));
            assert!(Schedule::constant().with_warm_up(1, part).is_err());
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn what_is_read_is_checked() {
        let schedule = Schedule::cosine(0.25).unwrap().with_warm_up(3, 0.5).unwrap();
        let text = serde_json::to_string(&schedule).unwrap();
        let expected = r#"{"shape":{"cosine":{"floor":0.25}},"warm_up":{"steps":3,"start":0.5}}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
        let constant = r#"{"shape":"constant"}"#;
        assert_eq!(serde_json::to_string(&Schedule::constant()).unwrap(), constant);
        assert!(serde_json::from_str::<Schedule>(&text.replace("0.25", "2")).is_err());
    }
}
