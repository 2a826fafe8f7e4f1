//! Rows of a batch that go through a loss's kernel together.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};

use super::compiled::Losses;
use crate::Result;
use crate::kernel::{Element, Simd, WithSimd};

/// What the logits of a batch are compared with: labels, or another array of the same shape, or both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Targets<'a, F> {
    pub(super) labels: Option<&'a [usize]>,
    pub(super) other: Option<ArrayView2<'a, F>>,
    /// What `other` is, for the message of an error.
    pub(super) name: &'static str,
}

/// One row of a batch, all of it contiguous.
#[derive(Debug)]
pub struct Row<'a, F> {
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
pub trait RowLoss<F: Losses>: Copy + Sync {
    /// [`RowLoss::fast`] of rows, on the best path, as it is compiled in this crate.
    fn rows(part: &mut Part<'_, '_, F, Self>);

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
pub(super) fn run<F: Losses, L: RowLoss<F>>(loss: &L, row: Row<'_, F>) -> f64 {
    let line = |row| ArrayView1::from(row).insert_axis(Axis(0));
    let other = if row.other.is_empty() { None } else { Some(line(row.other)) };
    let targets = Targets { labels: row.label.as_ref().map(std::slice::from_ref), other, name: "" };
    let rows = Rows { logits: line(row.logits), targets, weights: None, scale: row.factor };
    let gradient = Some(ArrayViewMut1::from(row.gradient).insert_axis(Axis(0)));
    let ([a, b], mut value) = (row.spare, [f64::NAN]);
    let memory = [&mut [], &mut [], a, b, &mut []];
    L::rows(&mut Part { loss, rows, losses: &mut value, gradient, memory });
    value[0]
}

/// The loss of a row that has been checked.
pub(super) fn legal<F: Losses, L: RowLoss<F>>(loss: &L, mut row: Row<'_, F>) -> f64 {
    let value = run(loss, row.reborrow());
    if value.is_finite() { value } else { loss.careful(row) }
}

/// Rows of a batch, what they are compared with, and by what each counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a, F> {
    pub(super) logits: ArrayView2<'a, F>,
    pub(super) targets: Targets<'a, F>,
    pub(super) weights: Option<&'a [F]>,
    /// What each row's loss is multiplied by besides: one over their number, for a mean.
    pub(super) scale: f64,
}

impl<'a, F: Element> Rows<'a, F> {
    pub(super) fn part(&self, range: Range<usize>) -> Self {
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
    pub(super) fn weight(&self, index: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[index].widen())
    }
}

/// Some rows, where their losses and gradients go, and memory for five rows.
#[derive(Debug)]
pub struct Part<'a, 'm, F, L> {
    pub(super) loss: &'a L,
    pub(super) rows: Rows<'a, F>,
    pub(super) losses: &'m mut [f64],
    pub(super) gradient: Option<ArrayViewMut2<'m, F>>,
    pub(super) memory: [&'m mut [F]; 5],
}

impl<F: Losses, L: RowLoss<F>> Part<'_, '_, F, L> {
    /// Brings one row together and gives it to `f`; copies only what is not contiguous.
    #[inline(always)]
    pub(super) fn on_row<R>(&mut self, index: usize, f: impl FnOnce(Row<'_, F>) -> R) -> R {
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
    pub(super) fn take_care(&mut self) {
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

impl<F: Losses, L: RowLoss<F>> WithSimd for &mut Part<'_, '_, F, L> {
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
