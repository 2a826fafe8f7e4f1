//! The one error type of the crate.

use std::path::PathBuf;

/// What can go wrong in `reflux-nn`, with the value that was wrong and the values that are legal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its legal range.
    #[error("{name} must be {legal}, got {got}")]
    Config {
        /// The setting.
        name: &'static str,
        /// What it may be.
        legal: &'static str,
        /// What it was.
        got: String,
    },
    /// An array has the wrong shape.
    #[error("{what} must have shape {expected:?}, got {got:?}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// The shape that fits.
        expected: Vec<usize>,
        /// The shape that came.
        got: Vec<usize>,
    },
    /// The data set has no rows, or fewer than the work needs.
    #[error("{what} needs at least {needed} rows, got {got}")]
    TooFewRows {
        /// What was to be done.
        what: &'static str,
        /// The least number of rows.
        needed: usize,
        /// The rows that came.
        got: usize,
    },
    /// A row is named that the data set does not have.
    #[error("row {row} must be less than the number of rows, {rows}")]
    Row {
        /// The row.
        row: usize,
        /// How many there are.
        rows: usize,
    },
    /// An input, parameter or gradient holds a NaN or an infinity.
    #[error("{what} must be finite, got {value} at index {index}")]
    NonFinite {
        /// Which array.
        what: &'static str,
        /// Its flat index, in row-major order.
        index: usize,
        /// The value found there.
        value: f64,
    },
    /// Training met a loss that is NaN or infinite; the parameters are those before this step.
    #[error(
        "loss became {loss} at step {step}; parameters are unchanged since step {step}: \
         lower the learning rate or check the data"
    )]
    Diverged {
        /// The optimizer step, from 0.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// The state of an optimizer is not one that it can go on from.
    #[error("the state of an optimizer must be one of {optimizer:?} and whole, but {problem}")]
    State {
        /// The optimizer that was to take it.
        optimizer: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A loss on logits refused its input.
    #[error(transparent)]
    Softmax(#[from] reflux_softmax::Error),
    /// An objective written outside this crate refused its input.
    #[error("the objective failed: {0}")]
    Objective(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Bytes are truncated, corrupt, or not what they should be.
    #[error("{what} cannot be read or written: it {problem}")]
    Format {
        /// What they should be.
        what: &'static str,
        /// What is wrong with them and what would be right.
        problem: String,
    },
    /// A file is missing, truncated, corrupt, or not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what would be right.
        problem: String,
    },
}

impl Error {
    pub(crate) fn config(
        name: &'static str,
        legal: &'static str,
        got: impl std::fmt::Display,
    ) -> Self {
        Self::Config { name, legal, got: got.to_string() }
    }

    pub(crate) fn state(optimizer: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::State { optimizer, problem: problem.to_string() }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, problem: impl std::fmt::Display) -> Self {
        Self::File { path: path.into(), problem: problem.to_string() }
    }
}

/// A setting that has to be finite and above 0.
pub(crate) fn check_positive(name: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(Error::config(name, "finite and above 0", value))
    }
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
