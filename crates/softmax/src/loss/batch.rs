//! What all losses share: a batch is taken apart into rows, each row is checked, weighted and given to
//! the loss, and the rows' losses become one number.

use std::cell::RefCell;
use std::ops::Range;

use ndarray::{ArrayRef2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use super::{Pass, Reduction};
use crate::kernel::{Element, Path, Simd, WithSimd};
use crate::lanes::check_shape;
#[cfg(feature = "rayon")]
use crate::lanes::parallel;
use crate::row::check_row;
use crate::{Error, Real, Result};

/// A thread gets so many parts of a large batch, in case another is slower.
#[cfg(feature = "rayon")]
const PARTS: usize = 4;

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

/// The loss of a row, as its numbers are, with the fastest instructions there are.
pub(super) fn run<F: Element, L: RowLoss<F>>(loss: &L, row: Row<'_, F>) -> f64 {
    let line = |row| ArrayView1::from(row).insert_axis(Axis(0));
    let other = if row.other.is_empty() { None } else { Some(line(row.other)) };
    let targets = Targets { labels: row.label.as_ref().map(std::slice::from_ref), other, name: "" };
    let rows = Rows { logits: line(row.logits), targets, weights: None, scale: row.factor };
    let gradient = ArrayViewMut1::from(row.gradient).insert_axis(Axis(0));
    let ([a, b], mut value) = (row.spare, [f64::NAN]);
    let memory = [&mut [], &mut [], a, b, &mut []];
    let mut part = Part { loss, rows, losses: &mut value, gradient: Some(gradient), memory };
    Path::best().run(&mut part);
    value[0]
}

/// The loss of a row that has been checked.
pub(super) fn legal<F: Element, L: RowLoss<F>>(loss: &L, mut row: Row<'_, F>) -> f64 {
    let value = run(loss, row.reborrow());
    if value.is_finite() { value } else { loss.careful(row) }
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
                Path::best().run(&mut part);
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

/// Rows of a batch, what they are compared with, and by what each counts.
#[derive(Clone, Copy)]
struct Rows<'a, F> {
    logits: ArrayView2<'a, F>,
    targets: Targets<'a, F>,
    weights: Option<&'a [F]>,
    /// What the mean divides by.
    scale: f64,
}

impl<'a, F: Element> Rows<'a, F> {
    fn part(&self, range: Range<usize>) -> Self {
        let part = |rows: ArrayView2<'a, F>| rows.slice_move(s![range.clone(), ..]);
        let Targets { labels, other, name } = self.targets;
        let labels = labels.map(|labels| &labels[range.clone()]);
        Self {
            logits: part(self.logits),
            targets: Targets { labels, other: other.map(part), name },
            weights: self.weights.map(|weights| &weights[range.clone()]),
            scale: self.scale,
        }
    }

    #[inline(always)]
    fn weight(&self, index: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[index].widen())
    }
}

/// Some rows, where their losses and gradients go, and memory for five rows.
struct Part<'a, 'm, F, L> {
    loss: &'a L,
    rows: Rows<'a, F>,
    losses: &'m mut [f64],
    gradient: Option<ArrayViewMut2<'m, F>>,
    memory: [&'m mut [F]; 5],
}

impl<F: Element, L: RowLoss<F>> Part<'_, '_, F, L> {
    /// Brings one row together and gives it to `f`; copies only what is not contiguous.
    #[inline(always)]
    fn on_row<R>(&mut self, index: usize, f: impl FnOnce(Row<'_, F>) -> R) -> R {
        let Self { rows, gradient, memory, .. } = self;
        let Rows { logits, targets, scale, .. } = &*rows;
        let [first, second, third, fourth, fifth] = memory;
        let own = gradient.as_mut().and_then(|gradient| gradient.row_mut(index).into_slice());
        let is_copied = own.is_none();
        let result = f(Row {
            logits: contiguous(logits.row(index), first),
            other: targets.other.as_ref().map_or(&[], |other| contiguous(other.row(index), second)),
            label: targets.labels.map(|labels| labels[index]),
            factor: scale * rows.weight(index),
            gradient: own.unwrap_or(&mut *fifth),
            spare: [third, fourth],
        });
        if let (true, Some(gradient)) = (is_copied, gradient) {
            gradient.row_mut(index).assign(&ArrayView1::from(&**fifth));
        }
        result
    }

    /// Does the rows again that the fast way gave up on, if there is nothing wrong with them.
    fn take_care(&mut self) {
        for index in 0..self.losses.len() {
            let (loss, value) = (self.loss, self.losses[index]);
            if !value.is_finite() {
                self.losses[index] = self.on_row(index, |row| match loss.check(index, &row) {
                    Ok(()) => loss.careful(row),
                    Err(_) => f64::NAN,
                });
            }
            if self.rows.weight(index) == 0.0 && !self.losses[index].is_nan() {
                // Also where the loss is too large for the type.
                self.losses[index] = 0.0;
                self.on_row(index, |row| row.gradient.fill(F::default()));
            }
        }
    }
}

impl<F: Element, L: RowLoss<F>> WithSimd for &mut Part<'_, '_, F, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let loss = self.loss;
        for index in 0..self.losses.len() {
            self.losses[index] = self.on_row(
                index,
                #[inline(always)]
                |row| loss.fast(simd, row),
            );
        }
    }
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
        let rows = losses.len().div_ceil(PARTS * rayon::current_num_threads());
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
fn with_memory<F: Real>(classes: usize, f: impl FnOnce([&mut [F]; 5])) {
    F::with_scratch(5 * classes, |memory| {
        let mut rows = memory.chunks_exact_mut(classes);
        f(std::array::from_fn(|_| rows.next().unwrap_or_default()));
    });
}

#[inline(always)]
fn contiguous<'a, F: Element>(row: ArrayView1<'a, F>, memory: &'a mut [F]) -> &'a [F] {
    match row.to_slice() {
        Some(row) => row,
        None => {
            for (to, &from) in memory.iter_mut().zip(&row) {
                *to = from;
            }
            memory
        }
    }
}

/// Told after the batch, and not when it was met, so that it is the first row's, whatever the threads
/// did.
fn first_error<'a, F: Real, L: RowLoss<F>>(
    loss: &'a L,
    rows: Rows<'a, F>,
    losses: &mut [f64],
) -> Result<()> {
    let wrong: Vec<usize> = (0..losses.len()).filter(|&row| losses[row].is_nan()).collect();
    let mut result = Ok(());
    with_memory(rows.logits.ncols(), |memory| {
        let mut part = Part { loss, rows, losses, gradient: None, memory };
        result = wrong.into_iter().try_for_each(|row| part.on_row(row, |it| loss.check(row, &it)));
    });
    result
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
