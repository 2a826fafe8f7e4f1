//! Learning curves: what a policy was worth after so many steps, of one run and of many.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use reflux_dqn::{Event, Run};
use reflux_envs::Env;
use reflux_replay::Sampler;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plots::{Line, Style};
use crate::statistics::Estimate;
use crate::{interrupt, output};

/// The mean return of each evaluation of a run, by the number of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Curve {
    pub(super) points: Vec<(u64, f64)>,
}

impl Curve {
    /// Trains for `steps` steps, in a run that evaluates itself.
    pub(super) fn learn<E: Env, S: Sampler, R: rand::Rng>(
        run: &mut Run<E, S, R>,
        steps: u64,
    ) -> Result<Self> {
        let mut points = Vec::new();
        run.train(steps, |agent, event| {
            if let Event::Evaluated { mean_return, .. } = event {
                points.push((agent.steps(), *mean_return));
            }
            interrupt::flow()
        })?;
        interrupt::check()?;
        Ok(Self { points })
    }

    /// The steps after which the return was first at least `goal`.
    pub(super) fn steps_to(&self, goal: f64) -> Option<u64> {
        self.points.iter().find(|(_, value)| *value >= goal).map(|(steps, _)| *steps)
    }
}

/// The interquartile mean of several runs at each number of steps.
pub(super) fn interquartile(curves: &[Curve]) -> Result<Vec<(u64, Estimate)>> {
    let first = curves.first().context("there is no run")?;
    (0..first.points.len())
        .map(|index| {
            let steps = first.points[index].0;
            let values = curves.iter().map(|curve| {
                let point = curve.points.get(index).filter(|point| point.0 == steps);
                Ok(point.context("runs were evaluated at other steps")?.1)
            });
            let values: Vec<f64> = values.collect::<Result<_>>()?;
            Ok((steps, Estimate::interquartile_mean(&values)?))
        })
        .collect()
}

/// A line through interquartile means, and the band of their intervals.
pub(super) fn plotted(
    name: &str,
    colour: plotters::style::RGBColor,
    estimates: &[(u64, Estimate)],
) -> [Line; 2] {
    let at = |of: fn(&Estimate) -> f64| {
        estimates.iter().map(move |(steps, estimate)| (*steps as f64, of(estimate)))
    };
    let band = at(|e| e.high).chain(at(|e| e.low).rev());
    [
        Line { name: String::new(), colour, points: band.collect(), style: Style::Band },
        Line {
            name: name.to_owned(),
            colour,
            points: at(|e| e.value).collect(),
            style: Style::Solid,
        },
    ]
}

/// What was made before and kept in `file`, or is made now and then kept.
pub(super) fn kept<T: Serialize + DeserializeOwned>(
    file: &Path,
    make: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if let Ok(text) = std::fs::read_to_string(file) {
        let kept = serde_json::from_str(&text);
        return kept.with_context(|| format!("{} is not what it was", file.display()));
    }
    let made = make()?;
    output::write(file, &serde_json::to_string(&made)?)?;
    Ok(made)
}

/// The seeds from 0 on; none is refused.
pub(super) fn seeds(count: u64) -> Result<std::ops::Range<u64>> {
    ensure!(count > 0, "seeds must be at least 1");
    Ok(0..count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interquartile_means_are_taken_at_each_number_of_steps() {
        let curve = |a: f64, b: f64| Curve { points: vec![(10, a), (20, b)] };
        let curves = [curve(1.0, 5.0), curve(2.0, 5.0), curve(4.0, 5.0), curve(9.0, 5.0)];
        let estimates = interquartile(&curves).unwrap();
        assert_eq!((estimates[0].0, estimates[0].1.value), (10, 3.0));
        assert_eq!((estimates[1].0, estimates[1].1.value), (20, 5.0));
        assert!(interquartile(&[curve(1.0, 2.0), Curve { points: vec![(10, 1.0)] }]).is_err());
        assert_eq!(curve(1.0, 5.0).steps_to(2.0), Some(20));
        assert_eq!(curve(1.0, 5.0).steps_to(6.0), None);
    }

    #[test]
    fn what_is_kept_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("curve.json");
        let curve = Curve { points: vec![(1, 0.5)] };
        assert_eq!(kept(&file, || Ok(curve.clone())).unwrap(), curve);
        assert_eq!(kept::<Curve>(&file, || anyhow::bail!("made again")).unwrap(), curve);
        std::fs::write(&file, "{").unwrap();
        assert!(kept(&file, || Ok(curve)).is_err());
    }
}
