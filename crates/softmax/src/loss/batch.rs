//! What all losses share: a batch is taken apart into rows, each row is checked, weighted and given to
//! the loss, and the rows' losses become one number.

use std::cell::RefCell;

#[cfg(feature = "rayon")]
use ndarray::Axis;
use ndarray::{ArrayRef2, ArrayView1, ArrayViewMut2};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use super::part::{Part, RowLoss, Rows, Targets};
use super::{Pass, Reduction};
use crate::kernel::Element;
use crate::lanes::check_shape;
#[cfg(feature = "rayon")]
use crate::lanes::{parallel, part_of};
use crate::row::check_row;
use crate::{Error, Real, Result};

/// The reduced loss of a batch; what `pass` asks for besides is written where it says.
pub(super) fn evaluate<F: Real, L: RowLoss<F>>(
    loss: &L,
    name: &'static str,
    logits: &ArrayRef2<F>,
    targets: Targets<'_, F>,
    pass: Pass<'_, F>,
    reduction: Reduction,
) -> Result<F> {
    check(name, logits, &targets, &pass)?;
    let Pass { weights, values, gradient } = pass;
    let targets = Targets { other: targets.other.as_ref().map(|other| other.view()), ..targets };
    let scale = reduction.scale(logits.nrows());
    let rows = Rows { logits: logits.view(), targets, weights, scale };
    with_values(logits.nrows(), |losses| {
        in_parts(losses, gradient, logits.ncols(), |at, losses, mut gradient| {
            let rows = rows.part(at..at + losses.len());
            with_memory(logits.ncols(), |memory| {
                let gradient = gradient.as_mut().map(|gradient| gradient.view_mut());
                let mut part = Part { loss, rows, losses, gradient, memory };
                L::rows(&mut part);
                part.take_care();
            });
        });
        if losses.iter().any(|loss| loss.is_nan()) {
            first_error(loss, rows, losses)?;
        }
        let mut sum = 0.0;
        for (index, loss) in losses.iter_mut().enumerate() {
            *loss *= rows.weight(index);
            sum += *loss;
        }
        for (value, &loss) in values.into_iter().flatten().zip(&*losses) {
            *value = F::from_f64(loss);
        }
        Ok(F::from_f64(scale * sum))
    })
}

/// Everything that can be wrong with a batch but its numbers.
fn check<F: Real>(
    name: &'static str,
    logits: &ArrayRef2<F>,
    targets: &Targets<'_, F>,
    pass: &Pass<'_, F>,
) -> Result<()> {
    let (rows, classes) = logits.dim();
    if logits.is_empty() {
        return Err(Error::Empty(name));
    }
    if let Some(other) = &targets.other {
        check_shape(targets.name, logits.shape(), other.shape())?;
    }
    if let Some(gradient) = &pass.gradient {
        check_shape("gradient", logits.shape(), gradient.shape())?;
    }
    if let Some(values) = &pass.values {
        check_shape("values", &[rows], &[values.len()])?;
    }
    if let Some(weights) = pass.weights {
        check_shape("weights", &[rows], &[weights.len()])?;
        let illegal = |weight: &F| !(weight.is_finite() && *weight >= F::zero());
        if let Some(row) = weights.iter().position(illegal) {
            return Err(Error::Weight { row, value: weights[row].as_f64() });
        }
    }
    if let Some(labels) = targets.labels {
        check_shape("labels", &[rows], &[labels.len()])?;
        if let Some(row) = labels.iter().position(|&label| label >= classes) {
            return Err(Error::Label { row, label: labels[row], classes });
        }
    }
    Ok(())
}

/// Calls `f` with the rows in parts, one after another or shared between threads, and where in the batch
/// each begins. Rows do not depend on each other, so neither does the result on the parts.
fn in_parts<F: Real>(
    losses: &mut [f64],
    gradient: Option<ArrayViewMut2<'_, F>>,
    classes: usize,
    f: impl Fn(usize, &mut [f64], Option<ArrayViewMut2<'_, F>>) + Sync + Send,
) {
    #[cfg(feature = "rayon")]
    if parallel(losses.len() * classes) {
        let rows = part_of(losses.len());
        let losses = losses.par_chunks_mut(rows).enumerate();
        match gradient {
            Some(mut gradient) => losses
                .zip(gradient.axis_chunks_iter_mut(Axis(0), rows))
                .for_each(|((n, losses), gradient)| f(n * rows, losses, Some(gradient))),
            None => losses.for_each(|(n, losses)| f(n * rows, losses, None)),
        }
        return;
    }
    #[cfg(not(feature = "rayon"))]
    let _ = classes;
    f(0, losses, gradient);
}

/// Calls `f` with memory for five rows.
fn with_memory<F: Real, R>(classes: usize, f: impl FnOnce([&mut [F]; 5]) -> R) -> R {
    F::with_scratch(5 * classes, |memory| {
        let mut rows = memory.chunks_exact_mut(classes);
        f(std::array::from_fn(|_| rows.next().unwrap_or_default()))
    })
}

/// Told after the batch, and not when it was met, so that it is the first row's, whatever the threads
/// did.
fn first_error<'a, F: Real, L: RowLoss<F>>(
    loss: &'a L,
    rows: Rows<'a, F>,
    losses: &[f64],
) -> Result<()> {
    with_memory(rows.logits.ncols(), |memory| {
        let mut part = Part { loss, rows, losses: &mut [], gradient: None, memory };
        let mut wrong = losses.iter().enumerate().filter(|(_, loss)| loss.is_nan());
        wrong.try_for_each(|(index, _)| part.on_row(index, |row| loss.check(index, &row)))
    })
}

/// NaN and +∞ in the logits, or in others.
pub(super) fn check_logits<F: Element>(index: usize, logits: &[F]) -> Result<()> {
    check_row(ArrayView1::from(logits), index)
}

/// Calls `f` with memory for so many losses.
fn with_values<R>(rows: usize, f: impl FnOnce(&mut [f64]) -> R) -> R {
    thread_local!(static KEPT: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) });
    let mut memory = KEPT.with(RefCell::take);
    if memory.len() < rows {
        memory.resize(rows, 0.0);
    }
    let result = f(&mut memory[..rows]);
    KEPT.with(|kept| kept.replace(memory));
    result
}
