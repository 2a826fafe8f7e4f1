//! What all losses share: a batch is taken apart into rows, each row is checked, weighted and given to
//! the loss, and the rows' losses become one number.

use std::cell::RefCell;

use ndarray::{ArrayRef2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Zip};

use super::{Pass, Reduction};
use crate::kernel::{Element, Path, Simd, WithSimd};
use crate::lanes::check_shape;
#[cfg(feature = "rayon")]
use crate::lanes::parallel;
use crate::row::check_row;
use crate::{Error, Real, Result};

/// What the logits of a batch are compared with: labels, or another array of the same shape, or both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Targets<'a, F> {
    pub(super) labels: Option<&'a [usize]>,
    pub(super) other: Option<ArrayView2<'a, F>>,
    /// What `other` is, for the message of an error.
    pub(super) name: &'static str,
}

/// One row of a batch, all of it contiguous.
pub(super) struct Row<'a, F> {
    pub(super) logits: &'a [F],
    /// Empty where the loss compares with labels alone.
    pub(super) other: &'a [F],
    pub(super) label: Option<usize>,
    /// By what the row's loss counts: its weight, and what the mean divides by.
    pub(super) factor: f64,
    pub(super) gradient: &'a mut [F],
    /// Memory as long as the row.
    pub(super) spare: [&'a mut [F]; 2],
}

impl<F> Row<'_, F> {
    pub(super) fn reborrow(&mut self) -> Row<'_, F> {
        let [a, b] = &mut self.spare;
        Row { gradient: self.gradient, spare: [a, b], ..*self }
    }
}

/// A loss of one row.
pub(super) trait RowLoss<F: Element>: Copy + Sync {
    /// The loss of the row, before its factor; its gradient with the factor goes to
    /// `row.gradient`. What is not finite asks for [`RowLoss::careful`]: where logits are −∞ or
    /// extreme, or anything is wrong.
    fn fast<S: Simd>(&self, s: S, row: Row<'_, F>) -> f64;

    /// The same of any row that [`RowLoss::check`] finds nothing wrong with.
    fn careful(&self, row: Row<'_, F>) -> f64;

    /// What is wrong with a row. It is asked of those rows alone that the fast way gave up on.
    fn check(&self, index: usize, row: &Row<'_, F>) -> Result<()>;
}

/// Runs a loss on one row, with the fastest instructions there are.
pub(super) fn run<F: Element, L: RowLoss<F>>(loss: &L, row: Row<'_, F>) -> f64 {
    Path::best().run(OnRow { loss, row })
}

pub(super) struct OnRow<'a, F, L> {
    pub(super) loss: &'a L,
    pub(super) row: Row<'a, F>,
}

impl<F: Element, L: RowLoss<F>> WithSimd for OnRow<'_, F, L> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        self.loss.fast(simd, self.row)
    }
}

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
    let rows = logits.nrows();
    let Pass { weights, values, gradient } = pass;
    let scale = reduction.scale(rows);
    let weight = |index: usize| weights.map_or(1.0, |weights| weights[index].as_f64());
    let one = |index: usize, gradient: Option<ArrayViewMut1<'_, F>>| {
        let loss_of_row = |mut row: Row<'_, F>| {
            let value = value(loss, index, row.reborrow()).unwrap_or(f64::NAN);
            if row.factor == 0.0 {
                // Also where the loss is too large for the type.
                row.gradient.fill(F::zero());
                return if value.is_nan() { value } else { 0.0 };
            }
            value
        };
        on_row(logits, &targets, index, scale * weight(index), gradient, loss_of_row)
    };

    with_values(rows, |losses| {
        each_row(losses, gradient, logits.len(), one);
        if losses.iter().any(|loss| loss.is_nan()) {
            first_error(loss, logits, &targets, losses)?;
        }
        let mut sum = 0.0;
        for (index, loss) in losses.iter_mut().enumerate() {
            *loss *= weight(index);
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

/// The loss of a row, if there is nothing wrong with it.
fn value<F: Element, L: RowLoss<F>>(loss: &L, index: usize, mut row: Row<'_, F>) -> Result<f64> {
    let value = run(loss, row.reborrow());
    if value.is_finite() {
        return Ok(value);
    }
    loss.check(index, &row)?;
    Ok(loss.careful(row))
}

/// The loss of a row that has been checked.
pub(super) fn legal<F: Element, L: RowLoss<F>>(loss: &L, mut row: Row<'_, F>) -> f64 {
    let value = run(loss, row.reborrow());
    if value.is_finite() { value } else { loss.careful(row) }
}

/// Rows do not depend on each other, so neither does the result on how they are shared between
/// threads.
fn each_row<F: Real>(
    losses: &mut [f64],
    gradient: Option<ArrayViewMut2<'_, F>>,
    elements: usize,
    one: impl Fn(usize, Option<ArrayViewMut1<'_, F>>) -> f64 + Sync + Send,
) {
    #[cfg(not(feature = "rayon"))]
    let _ = elements;
    let losses = ndarray::ArrayViewMut1::from(losses);
    match gradient {
        Some(mut gradient) => {
            let rows = Zip::indexed(losses).and(gradient.rows_mut());
            let each = |index, loss: &mut f64, row: ArrayViewMut1<'_, F>| {
                *loss = one(index, Some(row));
            };
            #[cfg(feature = "rayon")]
            if parallel(elements) {
                return rows.par_for_each(each);
            }
            rows.for_each(each);
        }
        None => {
            let rows = Zip::indexed(losses);
            let each = |index, loss: &mut f64| *loss = one(index, None);
            #[cfg(feature = "rayon")]
            if parallel(elements) {
                return rows.par_for_each(each);
            }
            rows.for_each(each);
        }
    }
}

/// Brings one row together and gives it to `f`; copies only what is not contiguous.
fn on_row<F: Real, R>(
    logits: &ArrayRef2<F>,
    targets: &Targets<'_, F>,
    index: usize,
    factor: f64,
    gradient: Option<ArrayViewMut1<'_, F>>,
    f: impl FnOnce(Row<'_, F>) -> R,
) -> R {
    let classes = logits.ncols();
    let label = targets.labels.map(|labels| labels[index]);
    F::with_scratch(5 * classes, |memory| {
        let (first, memory) = memory.split_at_mut(classes);
        let (second, memory) = memory.split_at_mut(classes);
        let (third, memory) = memory.split_at_mut(classes);
        let (fourth, fifth) = memory.split_at_mut(classes);
        let (logits, mut gradient) = (logits.row(index), gradient);
        let logits = contiguous(&logits, first);
        let other = targets.other.as_ref().map(|other| other.row(index));
        let other = other.as_ref().map_or(&[][..], |other| contiguous(other, second));
        let spare = [third, fourth];
        match gradient.as_mut().and_then(|gradient| gradient.as_slice_mut()) {
            Some(gradient) => f(Row { logits, other, label, factor, gradient, spare }),
            None => {
                let result = f(Row { logits, other, label, factor, gradient: fifth, spare });
                if let Some(mut gradient) = gradient {
                    gradient.assign(&ArrayView1::from(&*fifth));
                }
                result
            }
        }
    })
}

fn contiguous<'a, F: Real>(row: &'a ArrayView1<'_, F>, memory: &'a mut [F]) -> &'a [F] {
    match row.as_slice() {
        Some(row) => row,
        None => {
            for (to, &from) in memory.iter_mut().zip(row) {
                *to = from;
            }
            memory
        }
    }
}

/// Told after the batch, and not when it was met, so that it is the first row's, whatever the threads
/// did.
fn first_error<F: Real, L: RowLoss<F>>(
    loss: &L,
    logits: &ArrayRef2<F>,
    targets: &Targets<'_, F>,
    losses: &[f64],
) -> Result<()> {
    losses.iter().enumerate().filter(|(_, loss)| loss.is_nan()).try_for_each(|(index, _)| {
        on_row(logits, targets, index, 1.0, None, |row| loss.check(index, &row))
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
