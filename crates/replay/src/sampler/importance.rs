//! What the samplers with priorities have in common: settings of their importance weights.

use crate::{Error, Result, StateReader};

/// Which weight becomes 1, so that all others are below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Normalization {
    /// The largest weight of all items in the buffer that can be drawn, whether they are in the
    /// batch or not: `w_i = (min_j P(j) / P(i))^β`. An item's weight does not depend on what else is
    /// in its batch. This is what OpenAI Baselines does.
    #[default]
    Buffer,
    /// The largest weight of the batch: each batch has an item of weight 1. One item that is hardly
    /// ever drawn does not make all other weights small. This is what Dopamine does.
    Batch,
}

/// A setting on which what was saved depends.
pub(super) fn check_saved<T: PartialEq + ToString>(
    what: &'static str,
    saved: T,
    here: T,
) -> Result<()> {
    if saved == here {
        return Ok(());
    }
    Err(Error::ForeignCheckpoint { what, saved: saved.to_string(), here: here.to_string() })
}

/// The fraction of the training that was done.
pub(super) fn read_progress(state: &mut StateReader) -> Result<f64> {
    let progress = state.read_f64()?;
    if !(0.0..=1.0).contains(&progress) {
        return Err(state.damaged(format!("progress must be between 0 and 1, got {progress}")));
    }
    Ok(progress)
}

/// A setting from 0 to 1.
pub(super) fn check_fraction(name: &'static str, value: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(Error::Setting { name, legal: "between 0 and 1", got: value })
    }
}
