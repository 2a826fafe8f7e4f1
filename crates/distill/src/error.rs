//! The one error type of the crate.

use std::path::PathBuf;

use crate::Fingerprint;

/// What can go wrong in `reflux-distill`, with the value that was wrong and the values that are legal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The teacher and what it is to teach have different numbers of classes, rows or features.
    #[error("{what} must have shape {expected:?}, got {got:?}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// The shape that fits.
        expected: Vec<usize>,
        /// The shape that came.
        got: Vec<usize>,
    },
    /// The teacher gave a logit that is NaN or infinite.
    #[error("the teacher's logits must be finite, got {value} for class {class} of row {row}")]
    TeacherLogit {
        /// The row of the data set.
        row: usize,
        /// The class.
        class: usize,
        /// The logit.
        value: f64,
    },
    /// A setting is outside its legal range.
    #[error("{name} must be {legal}, got {got}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it may be.
        legal: &'static str,
        /// What it was.
        got: f64,
    },
    /// A loss that looks at labels was given none.
    #[error("{loss} needs labels, got none")]
    LabelsMissing {
        /// The loss.
        loss: &'static str,
    },
    /// A network does not have the hidden layer whose features are to be compared.
    #[error("there is no hidden layer {layer} (they count from 0)")]
    HiddenLayer {
        /// The layer, from 0.
        layer: usize,
    },
    /// A hidden activation is NaN or infinite.
    #[error("the {whose}'s features must be finite, got {value} in row {row}")]
    Feature {
        /// The student's or the teacher's.
        whose: &'static str,
        /// The row of the batch.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A teacher cannot be cached that does not say when it has changed.
    #[error(
        "this teacher has no fingerprint to know its answers by: implement Teacher::fingerprint"
    )]
    NoFingerprint,
    /// Soft targets on disk are those of another teacher, of other data, or in another form.
    #[error(
        "{}: was made with another {what}: {found}, and not {expected}; delete it, or name another \
         file",
        path.display()
    )]
    Stale {
        /// The file.
        path: PathBuf,
        /// What is another.
        what: &'static str,
        /// What was asked for: a fingerprint, or the name of a form.
        expected: String,
        /// What the file is of.
        found: String,
    },
    /// A teacher was asked about other data than that which its answers are for.
    #[error("this teacher knows the data {expected:.16}..., and was asked about {got:.16}...")]
    OtherData {
        /// What its answers are for.
        expected: Fingerprint,
        /// What it was asked about.
        got: Fingerprint,
    },
    /// The observer ended the labelling.
    #[error("labelling was stopped after {rows} rows")]
    Stopped {
        /// How many rows were done.
        rows: usize,
    },
    /// A file is missing, truncated, corrupt, or not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// An ONNX model has operators that the runtime lacks.
    #[cfg(feature = "onnx")]
    #[error("{}: the runtime lacks operators of this model: {lacking}", path.display())]
    OnnxOperators {
        /// The file.
        path: PathBuf,
        /// The operators, each with the name of its node.
        lacking: String,
    },
    /// An ONNX model takes or gives something else than a teacher does, or failed while running.
    #[cfg(feature = "onnx")]
    #[error("{}: {problem}", path.display())]
    Onnx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// An ensemble without members has no opinion.
    #[error("an ensemble needs at least 1 teacher, got 0")]
    EmptyEnsemble,
    /// A network alone has nobody to learn from.
    #[error("mutual learning needs at least 2 networks, got {0}")]
    TooFewNetworks(usize),
    /// A report has nobody of this name.
    #[error("the report has nobody called {0:?}")]
    NoContender(String),
    /// An interval needs a spread.
    #[error("a confidence interval needs at least 2 finite values, got {0}")]
    TooFewValues(usize),
    /// A value that a statistic is made of is NaN or infinite.
    #[error("values must be finite, got {value} at index {index}")]
    NonFiniteValue {
        /// Its index.
        index: usize,
        /// The value.
        value: f64,
    },
    /// The network refused its input.
    #[error(transparent)]
    Nn(#[from] reflux_nn::Error),
    /// The memory of past examples refused its settings or its input.
    #[cfg(feature = "continual")]
    #[error(transparent)]
    Replay(#[from] reflux_replay::Error),
    /// A loss or softmax refused its input.
    #[error(transparent)]
    Softmax(#[from] reflux_softmax::Error),
}

impl Error {
    pub(crate) fn setting(name: &'static str, legal: &'static str, got: f64) -> Self {
        Self::Setting { name, legal, got }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, problem: impl std::fmt::Display) -> Self {
        Self::File { path: path.into(), problem: problem.to_string() }
    }
}

/// What an objective tells the training loop.
impl From<Error> for reflux_nn::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Nn(error) => error,
            Error::Softmax(error) => error.into(),
            other => Self::Objective(Box::new(other)),
        }
    }
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
