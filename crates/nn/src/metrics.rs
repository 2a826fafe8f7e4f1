//! How good a classifier is.

use ndarray::{ArrayRef2, ArrayView1, Axis};
use reflux_softmax::Real;

use crate::{Error, Mlp, Objective, Result, Workspace};

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

/// The mean of `objective` over all its rows, whose `inputs` are `[rows, features]`, without training:
/// a validation loss.
///
/// # Errors
///
/// [`Error::Shape`] unless the inputs fit the network and the objective, [`Error::TooFewRows`] for no
/// rows, and whatever the objective refuses.
pub fn mean_loss<F: Real>(
    mlp: &Mlp<F>,
    inputs: &ArrayRef2<F>,
    objective: &mut dyn Objective<F>,
) -> Result<f64> {
    let rows: Vec<usize> = (0..inputs.nrows()).collect();
    if objective.rows() != rows.len() {
        return Err(Error::Shape {
            what: "inputs",
            expected: vec![objective.rows(), mlp.config().inputs()],
            got: inputs.shape().to_vec(),
        });
    }
    if rows.is_empty() {
        return Err(Error::TooFewRows { what: "a mean loss", needed: 1, got: 0 });
    }
    let mut workspace = Workspace::new();
    let mut sum = 0.0;
    for (batch, rows) in inputs.axis_chunks_iter(Axis(0), ROWS_AT_ONCE).zip(rows.chunks(ROWS_AT_ONCE))
    {
        mlp.forward(&batch, &mut workspace)?;
        let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
        let loss = objective.value_and_gradient(rows, &outputs, &mut gradient)?;
        sum += loss.as_f64() * rows.len() as f64;
    }
    Ok(sum / rows.len() as f64)
}

/// Rows that pass through a network together where a whole data set is wanted: what they leave behind
/// then stays in the cache.
pub(crate) const ROWS_AT_ONCE: usize = 256;
