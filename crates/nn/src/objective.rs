//! What a network is trained towards.

use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2};
use reflux_softmax::{CrossEntropy, Pass, Real};

use crate::workspace::view_mut;
use crate::{Error, Regression, Result, Workspace};

/// A loss over the rows of a data set.
///
/// [`Fit`](crate::Fit) asks it once a step: the rows of the data set that make up the batch and the
/// network's outputs for them go in, the loss comes out, and its gradient with respect to the outputs
/// is written. Whatever belongs to a row, a label or a teacher's logits, the objective looks up by the
/// row's number.
pub trait Objective<F: Real> {
    /// How many rows it knows the targets of.
    fn rows(&self) -> usize;

    /// The loss of `outputs` `[batch, outputs]` for the data set's `rows` `[batch]`; the gradient
    /// overwrites `gradient`, of the shape of `outputs`.
    ///
    /// # Errors
    ///
    /// Whatever the loss refuses.
    fn value_and_gradient(
        &mut self,
        rows: &[usize],
        outputs: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F>;

    /// A second loss, on hidden values: the objective reads them from `workspace`, adds its gradients
    /// with [`Workspace::hidden_and_gradient_mut`] and gives its value, which is added to that of the
    /// first. By default there is none.
    ///
    /// # Errors
    ///
    /// Whatever the loss refuses.
    fn hidden_value_and_gradient(
        &mut self,
        rows: &[usize],
        workspace: &mut Workspace<F>,
    ) -> Result<F> {
        let _ = (rows, workspace);
        Ok(F::zero())
    }
}

/// Cross-entropy with one label a row: ordinary training of a classifier.
///
/// # Example
///
/// Rows count as much as their weights say; the loss is still divided by the number of rows.
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_nn::{HardLabels, Objective};
///
/// let mut objective = HardLabels::new(&[0, 1, 1]).with_weights(&[1.0, 0.0, 2.0]);
/// let mut gradient = Array2::zeros((2, 2));
/// // The batch is rows 1 and 2 of the data set.
/// let loss = objective.value_and_gradient(&[1, 2], &Array2::zeros((2, 2)), &mut gradient)?;
/// assert!((loss - 2.0_f64.ln()).abs() < 1e-12);
/// assert_eq!(gradient, array![[0.0, 0.0], [0.5, -0.5]]);
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HardLabels<'a, F = f32> {
    loss: CrossEntropy,
    labels: &'a [usize],
    weights: Option<&'a [F]>,
    batch: Vec<usize>,
    batch_weights: Vec<F>,
}

impl<'a, F: Real> HardLabels<'a, F> {
    /// For `labels` `[rows]`.
    pub fn new(labels: &'a [usize]) -> Self {
        Self::with_loss(labels, CrossEntropy::new())
    }

    /// The same with a loss of the caller's, for label smoothing say.
    pub fn with_loss(labels: &'a [usize], loss: CrossEntropy) -> Self {
        Self { loss, labels, weights: None, batch: Vec::new(), batch_weights: Vec::new() }
    }

    /// Multiplies the loss of each row by its weight `[rows]`, finite and at least 0.
    pub fn with_weights(self, weights: &'a [F]) -> Self {
        Self { weights: Some(weights), ..self }
    }
}

impl<F: Real> Objective<F> for HardLabels<'_, F> {
    fn rows(&self) -> usize {
        self.labels.len()
    }

    fn value_and_gradient(
        &mut self,
        rows: &[usize],
        outputs: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        gather_labels(self.labels, rows, &mut self.batch)?;
        let mut pass = Pass::new().with_gradient(gradient);
        if let Some(weights) = self.weights {
            gather_values(weights, rows, &mut self.batch_weights)?;
            pass = pass.with_weights(&self.batch_weights);
        }
        Ok(self.loss.evaluate(outputs, &self.batch, pass)?)
    }
}

/// A [`Regression`] loss on targets `[rows, outputs]`: the mean over rows of the sum over outputs.
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_nn::{Objective, Regression, Targets};
///
/// let targets = array![[1.0, 2.0], [0.0, -1.0]];
/// let mut objective = Targets::new(targets.view(), Regression::SquaredError);
/// let mut gradient = Array2::zeros((2, 2));
/// let loss = objective.value_and_gradient(&[0, 1], &Array2::zeros((2, 2)), &mut gradient)?;
/// assert_eq!(loss, (0.5 + 2.0 + 0.5) / 2.0);
/// assert_eq!(gradient, targets.mapv(|target| -target / 2.0));
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Targets<'a, F = f32> {
    targets: ArrayView2<'a, F>,
    regression: Regression,
    weights: Option<&'a [F]>,
}

impl<'a, F: Real> Targets<'a, F> {
    /// For `targets` `[rows, outputs]`.
    pub fn new(targets: ArrayView2<'a, F>, regression: Regression) -> Self {
        Self { targets, regression, weights: None }
    }

    /// Multiplies the loss of each row by its weight `[rows]`.
    pub fn with_weights(self, weights: &'a [F]) -> Self {
        Self { weights: Some(weights), ..self }
    }
}

impl<F: Real> Objective<F> for Targets<'_, F> {
    fn rows(&self) -> usize {
        self.targets.nrows()
    }

    fn value_and_gradient(
        &mut self,
        rows: &[usize],
        outputs: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        let expected = [rows.len(), self.targets.ncols()];
        for (what, got) in [("outputs", outputs.shape()), ("gradient", gradient.shape())] {
            if got != expected {
                let (expected, got) = (expected.to_vec(), got.to_vec());
                return Err(Error::Shape { what, expected, got });
            }
        }
        let share = F::from_f64(1.0 / rows.len().max(1) as f64);
        let mut sum = F::zero();
        let batch = rows.iter().zip(outputs.rows()).zip(gradient.rows_mut());
        for ((&row, outputs), mut slopes) in batch {
            let targets = value(row, self.targets.nrows(), |row| self.targets.row(row))?;
            let weight = match self.weights {
                None => share,
                Some(weights) => share * value(row, weights.len(), |row| weights[row])?,
            };
            for ((&output, &target), slot) in outputs.iter().zip(targets).zip(&mut slopes) {
                let (loss, slope) = self.regression.value_and_slope(output, target);
                sum += weight * loss;
                *slot = weight * slope;
            }
        }
        Ok(sum)
    }
}

/// The rows `rows` of `inputs`, one after the other, into memory that is reused.
///
/// # Errors
///
/// [`Error::TooFewRows`] for a row that there is not.
pub fn gather_rows<'m, F: Real>(
    inputs: &ArrayRef2<F>,
    rows: &[usize],
    batch: &'m mut Vec<F>,
) -> Result<ArrayViewMut2<'m, F>> {
    batch.clear();
    for &row in rows {
        let row = value(row, inputs.nrows(), |row| inputs.row(row))?;
        match row.as_slice() {
            Some(row) => batch.extend_from_slice(row),
            None => batch.extend(row),
        }
    }
    Ok(view_mut((rows.len(), inputs.ncols()), batch))
}

/// The labels of `rows`, into memory that is reused.
///
/// # Errors
///
/// [`Error::TooFewRows`] for a row that has no label.
pub fn gather_labels(labels: &[usize], rows: &[usize], batch: &mut Vec<usize>) -> Result<()> {
    gather_values(labels, rows, batch)
}

fn gather_values<T: Copy>(values: &[T], rows: &[usize], batch: &mut Vec<T>) -> Result<()> {
    batch.clear();
    for &row in rows {
        batch.push(value(row, values.len(), |row| values[row])?);
    }
    Ok(())
}

/// What belongs to a row, if there is such a row.
fn value<T>(row: usize, rows: usize, get: impl FnOnce(usize) -> T) -> Result<T> {
    if row < rows {
        return Ok(get(row));
    }
    let needed = row.saturating_add(1);
    Err(Error::TooFewRows { what: "the objective", needed, got: rows })
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn weights_multiply_what_a_row_adds_to_the_loss_and_its_gradient() {
        let targets = array![[1.0], [3.0], [-2.0]];
        let mut objective =
            Targets::new(targets.view(), Regression::SquaredError).with_weights(&[2.0, 1.0, 0.5]);
        let mut gradient = Array2::zeros((2, 1));
        let loss = objective.value_and_gradient(&[2, 0], &array![[0.0], [0.0]], &mut gradient);
        // (0.5·4/2 + 2·1/2)/2 and −weight·target/2.
        assert_relative_eq!(loss.unwrap(), 1.0);
        assert_relative_eq!(gradient, array![[0.5], [-1.0]]);
    }

    #[test]
    fn rows_that_are_not_there_and_wrong_shapes_are_refused() {
        let targets = array![[1.0_f64], [3.0]];
        let mut objective = Targets::new(targets.view(), Regression::SquaredError);
        let mut gradient = Array2::zeros((1, 1));
        let beyond = objective.value_and_gradient(&[2], &array![[0.0]], &mut gradient);
        assert!(matches!(beyond, Err(Error::TooFewRows { needed: 3, got: 2, .. })));
        let wide = objective.value_and_gradient(&[0], &array![[0.0, 1.0]], &mut gradient);
        assert!(matches!(wide, Err(Error::Shape { what: "outputs", .. })));
        let mut labels = HardLabels::new(&[0, 1]).with_weights(&[1.0_f64]);
        let mut gradient = Array2::zeros((1, 2));
        let short = labels.value_and_gradient(&[1], &array![[0.0, 1.0]], &mut gradient);
        assert!(matches!(short, Err(Error::TooFewRows { needed: 2, got: 1, .. })));
    }
}
