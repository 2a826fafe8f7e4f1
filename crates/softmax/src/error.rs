//! The one error type of the crate.

/// What can go wrong in `reflux-softmax`, with the value that was wrong and the values that are
/// legal.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The temperature is zero, negative, NaN or infinite.
    #[error("temperature must be finite and > 0, got {0}")]
    Temperature(f64),
    /// The weight of the hard labels is not a fraction.
    #[error("alpha must be between 0 and 1, got {0}")]
    Alpha(f64),
    /// The label smoothing is not a fraction.
    #[error("label smoothing must be at least 0 and less than 1, got {0}")]
    LabelSmoothing(f64),
    /// A logit is NaN or +∞. (−∞ is legal where it masks a class out.)
    #[error("logits must be finite, or -inf for a masked class; got {value} in row {row}")]
    Logit {
        /// The row, counted along all axes but the one that is normalised, in logical order.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Every logit of a row is −∞, so that no class is left to put probability on.
    #[error("row {row} is masked out whole: at least one logit must be finite")]
    AllMasked {
        /// The row, counted as in [`Error::Logit`].
        row: usize,
    },
    /// A loss is infinite: its target puts probability on a class that the logits mask out.
    #[error(
        "the target of row {row} puts probability on class {class}, \
         which the logits mask out with -inf"
    )]
    MaskedTarget {
        /// The row.
        row: usize,
        /// The class.
        class: usize,
    },
    /// A divergence is infinite: the logits put probability on a class that the teacher masks out.
    #[error(
        "the teacher of row {row} masks out class {class} with -inf, \
         on which the logits put probability"
    )]
    MaskedTeacher {
        /// The row.
        row: usize,
        /// The class.
        class: usize,
    },
    /// A sample's weight is negative, NaN or infinite.
    #[error("weights must be finite and >= 0, got {value} for row {row}")]
    Weight {
        /// The row.
        row: usize,
        /// The weight.
        value: f64,
    },
    /// A target distribution has a negative or non-finite entry, or does not sum to 1.
    #[error("target row {row} must be probabilities >= 0 that sum to 1, {problem}")]
    Target {
        /// The row.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A label names a class that the logits do not have.
    #[error("label {label} in row {row} must be less than the number of classes, {classes}")]
    Label {
        /// The row.
        row: usize,
        /// The label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Labels are needed, because alpha is above 0, and none were given.
    #[error("alpha is {alpha}, so labels are needed; give them or set alpha to 0")]
    LabelsMissing {
        /// The weight of the hard labels.
        alpha: f64,
    },
    /// Two arrays that belong together have different shapes.
    #[error("{what} must have shape {expected:?}, got {got:?}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// The shape that fits.
        expected: Vec<usize>,
        /// The shape that came.
        got: Vec<usize>,
    },
    /// The axis is not one of the array's.
    #[error("axis must be less than the number of dimensions, {dimensions}, got {axis}")]
    Axis {
        /// The axis.
        axis: usize,
        /// The number of dimensions.
        dimensions: usize,
    },
    /// The mean over no rows, or a softmax over no classes, does not exist.
    #[error("{0} needs at least one row and one class, got an empty array")]
    Empty(&'static str),
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
