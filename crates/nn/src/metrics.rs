//! How good a classifier is.

use ndarray::{ArrayRef2, ArrayView1};
use reflux_softmax::Real;

use crate::{Error, Result};

/// The index of the largest value; the first of them where several are equal, 0 for an empty row.
pub fn argmax<F: Real>(row: ArrayView1<'_, F>) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
}

/// The fraction, from 0 to 1, of rows of `logits` `[batch, classes]` whose largest entry is the label.
///
/// # Errors
///
/// [`Error::Shape`] unless there is one label a row, [`Error::TooFewRows`] for no rows.
///
/// # Example
///
/// ```
/// use ndarray::array;
///
/// let logits = array![[1.0_f32, 2.0], [0.5, 0.1]];
/// assert_eq!(reflux_nn::accuracy(&logits, &[1, 1])?, 0.5);
/// # Ok::<(), reflux_nn::Error>(())
/// ```
pub fn accuracy<F: Real>(logits: &ArrayRef2<F>, labels: &[usize]) -> Result<f64> {
    if logits.nrows() != labels.len() {
        return Err(Error::Shape {
            what: "labels",
            expected: vec![logits.nrows()],
            got: vec![labels.len()],
        });
    }
    if labels.is_empty() {
        return Err(Error::TooFewRows { what: "an accuracy", needed: 1, got: 0 });
    }
    let right =
        logits.rows().into_iter().zip(labels).filter(|(row, label)| argmax(*row) == **label);
    Ok(right.count() as f64 / labels.len() as f64)
}
