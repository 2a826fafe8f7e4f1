//! Labelled images in memory.

use ndarray::{Array2, ArrayView2, Axis};

use crate::mlp::check_finite;
use crate::{Error, Result};

/// Images, one a row, each with a label.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use reflux_nn::data::Dataset;
///
/// // Two images of 1 x 3 pixels.
/// let both = Dataset::new(array![[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]], vec![0, 1], 2, [1, 3])?;
/// let second = both.select(&[1])?;
/// assert_eq!((second.inputs(), second.labels()), (array![[1.0, 0.5, 0.0]].view(), &[1][..]));
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    inputs: Array2<f32>,
    labels: Vec<usize>,
    classes: usize,
    image: [usize; 2],
}

impl Dataset {
    /// `inputs` `[rows, features]` with `labels` `[rows]`, each less than `classes`. A row is an image
    /// of `[height, width]` pixels, line by line.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there is a label for each row and a pixel for each feature,
    /// [`Error::NonFinite`] for a NaN or an infinity among the inputs, and
    /// [`reflux_softmax::Error::Label`] for a label that is no class.
    pub fn new(
        inputs: Array2<f32>,
        labels: Vec<usize>,
        classes: usize,
        [height, width]: [usize; 2],
    ) -> Result<Self> {
        let (rows, features) = inputs.dim();
        if labels.len() != rows {
            let (expected, got) = (vec![rows], vec![labels.len()]);
            return Err(Error::Shape { what: "labels", expected, got });
        }
        if height.checked_mul(width) != Some(features) {
            let (expected, got) = (vec![features], vec![height, width]);
            return Err(Error::Shape { what: "each row as an image", expected, got });
        }
        check_finite("inputs", inputs.iter())?;
        if let Some((row, &label)) = labels.iter().enumerate().find(|&(_, &label)| label >= classes)
        {
            return Err(reflux_softmax::Error::Label { row, label, classes }.into());
        }
        Ok(Self { inputs, labels, classes, image: [height, width] })
    }

    /// A copy of these rows, in this order; a row may occur more than once.
    ///
    /// # Errors
    ///
    /// [`Error::Row`] for a row that there is not.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.len()) {
            return Err(Error::Row { row, rows: self.len() });
        }
        Ok(Self {
            inputs: self.inputs.select(Axis(0), rows),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            ..*self
        })
    }

    /// The pixels `[rows, features]`, 0 for background to 1 for ink in the sets of this module.
    pub fn inputs(&self) -> ArrayView2<'_, f32> {
        self.inputs.view()
    }

    /// The class of each row.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The number of pixels of a row.
    pub fn features(&self) -> usize {
        self.inputs.ncols()
    }

    /// The number of classes, whether or not each occurs.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The height of an image, in pixels.
    pub fn height(&self) -> usize {
        self.image[0]
    }

    /// The width of an image, in pixels.
    pub fn width(&self) -> usize {
        self.image[1]
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn three() -> Dataset {
        let inputs = array![[0.0, 0.1], [1.0, 1.1], [2.0, 2.1]];
        Dataset::new(inputs, vec![0, 1, 2], 3, [2, 1]).unwrap()
    }

    #[test]
    fn a_selection_keeps_pixels_and_labels_together() {
        let selected = three().select(&[2, 0, 2]).unwrap();
        assert_eq!(selected.inputs(), array![[2.0, 2.1], [0.0, 0.1], [2.0, 2.1]]);
        assert_eq!(selected.labels(), [2, 0, 2]);
        assert_eq!((selected.classes(), selected.height(), selected.width()), (3, 2, 1));
        assert!(three().select(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_does_not_fit_is_a_typed_error() {
        let one = || array![[0.0, 1.0]];
        for (labels, image) in [(vec![], [1, 2]), (vec![0], [2, 2]), (vec![0], [usize::MAX, 3])] {
            assert!(matches!(Dataset::new(one(), labels, 1, image), Err(Error::Shape { .. })));
        }
        let label = Dataset::new(one(), vec![1], 1, [1, 2]).unwrap_err().to_string();
        assert_eq!(label, "label 1 in row 0 must be less than the number of classes, 1");
        let nan = Dataset::new(array![[0.0, f32::NAN]], vec![0], 1, [1, 2]);
        assert!(matches!(nan, Err(Error::NonFinite { index: 1, .. })));
        let row = three().select(&[0, 3]).unwrap_err().to_string();
        assert_eq!(row, "row 3 must be less than the number of rows, 3");
    }
}
