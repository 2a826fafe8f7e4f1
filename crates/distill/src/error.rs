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

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
