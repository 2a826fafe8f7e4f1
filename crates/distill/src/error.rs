//! The one error type of the crate.

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
    /// An ensemble without members has no opinion.
    #[error("an ensemble needs at least 1 teacher, got 0")]
    EmptyEnsemble,
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
    /// A loss or softmax refused its input.
    #[error(transparent)]
    Softmax(#[from] reflux_softmax::Error),
}

impl Error {
    pub(crate) fn setting(name: &'static str, legal: &'static str, got: f64) -> Self {
        Self::Setting { name, legal, got }
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
