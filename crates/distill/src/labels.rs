//! Labels, checked.

use crate::{Error, Result};

/// That there is a label for each of `rows` rows, and that each is one of `classes` classes.
pub(crate) fn check(labels: &[usize], rows: usize, classes: usize) -> Result<()> {
    if labels.len() != rows {
        let (expected, got) = (vec![rows], vec![labels.len()]);
        return Err(Error::Shape { what: "labels", expected, got });
    }
    match labels.iter().enumerate().find(|&(_, &label)| label >= classes) {
        Some((row, &label)) => Err(reflux_softmax::Error::Label { row, label, classes }.into()),
        None => Ok(()),
    }
}
