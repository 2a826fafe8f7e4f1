//! The events of a training, read back from its files.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::output;

/// What a page shows: numbers, each with its step.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) returns: Vec<(f64, f64)>,
    pub(super) losses: Vec<(f64, f64)>,
    pub(super) mean_q: Vec<(f64, f64)>,
    pub(super) trials: Vec<(f64, f64)>,
}

impl Metrics {
    /// From lines of JSON.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut metrics = Self::default();
        for line in text.lines() {
            let event: Value =
                serde_json::from_str(line).with_context(|| path.display().to_string())?;
            let note = |list: &mut Vec<(f64, f64)>, name: &str| {
                if let (Some(step), Some(value)) = (event["step"].as_f64(), event[name].as_f64()) {
                    list.push((step, value));
                }
            };
            note(&mut metrics.returns, "total_reward");
            note(&mut metrics.losses, "loss");
            note(&mut metrics.mean_q, "mean_q");
            note(&mut metrics.trials, "mean_return");
        }
        Ok(metrics)
    }
}

/// Removes all lines whose step is after `step`, and a last line that is cut short. A heading, which has
/// no step, stays. A file that is not there has nothing to remove.
pub(super) fn keep_until(
    path: &Path,
    step: u64,
    step_of: impl Fn(&str) -> Option<u64>,
) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let kept: String = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n') && step_of(line).is_none_or(|at| at <= step))
        .collect();
    if kept.len() == text.len() { Ok(()) } else { output::write(path, &kept) }
}

/// Of a line of JSON.
pub(super) fn step_of_line(line: &str) -> Option<u64> {
    serde_json::from_str::<Value>(line).ok()?["step"].as_u64()
}

/// Of a row of the table.
pub(super) fn step_of_row(row: &str) -> Option<u64> {
    row.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_after_a_step_goes_and_so_does_a_line_that_is_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let after = |text: &str, of: fn(&str) -> Option<u64>| {
            std::fs::write(&path, text).unwrap();
            keep_until(&path, 7, of).unwrap();
            std::fs::read_to_string(&path).unwrap()
        };
        let rows = "step,event,name,value\n7,a,b,1.0\n8,a,b,2.0\n1";
        assert_eq!(after(rows, step_of_row), "step,event,name,value\n7,a,b,1.0\n");
        let lines = "{\"step\":2}\n{\"step\":70}\n";
        assert_eq!(after(lines, step_of_line), "{\"step\":2}\n");
    }
}
