//! What all losses at a temperature share: the row is softened by T, the loss is multiplied by T², and
//! so its gradient by T.

use super::careful::centred;
use super::compiled::Losses;
use super::part::{Part, Row, RowLoss, run};
use crate::Result;
use crate::kernel::{Element, Simd};
use crate::temperature::Temperature;

/// A loss of the softmax of `x/T`, as a function of `x/T`.
pub trait OfSoftened<F: Losses>: Copy + Sync {
    /// Whether the other row is logits too, to be softened likewise.
    const TEACHER: bool;

    /// As [`RowLoss::rows`].
    fn rows(part: &mut Part<'_, '_, F, Tempered<Self, F>>);

    /// The loss of a row; its gradient with respect to `x/T`, times the row's factor, goes to
    /// `row.gradient`. `None`, or what is not finite, asks for care.
    fn row<S: Simd>(&self, s: S, temperature: &Temperature<F>, row: Row<'_, F>) -> Option<f64>;

    /// As [`RowLoss::check`].
    fn check(&self, temperature: f64, index: usize, row: &Row<'_, F>) -> Result<()>;
}

/// Such a loss at one temperature.
#[derive(Debug, Clone, Copy)]
pub struct Tempered<L, F> {
    loss: L,
    temperature: Temperature<F>,
    /// That of the logits as they came, even where the row has been rescaled; 1 where whoever asks
    /// multiplies by it.
    outer: f64,
}

impl<L, F: Element> Tempered<L, F> {
    pub(super) fn new(loss: L, temperature: f64) -> Result<Self> {
        Ok(Self { loss, temperature: Temperature::new(temperature)?, outer: temperature })
    }

    pub(super) fn temperature(&self) -> &Temperature<F> {
        &self.temperature
    }
}

impl<F: Losses, L: OfSoftened<F>> RowLoss<F> for Tempered<L, F> {
    fn rows(part: &mut Part<'_, '_, F, Self>) {
        L::rows(part);
    }

    #[inline(always)]
    fn fast<S: Simd>(&self, s: S, row: Row<'_, F>) -> f64 {
        let row = Row { factor: row.factor * self.outer, ..row };
        if row.factor > F::MODERATE {
            return f64::NAN;
        }
        let value = self.loss.row(s, &self.temperature, row).unwrap_or(f64::NAN);
        self.outer * (self.outer * value)
    }

    /// Runs the loss on a centred copy of the row, and multiplies its gradient in f64.
    fn careful(&self, row: Row<'_, F>) -> f64 {
        let plain = Self { temperature: self.temperature.of_centred(), outer: 1.0, ..*self };
        let logits = centred(&self.temperature, row.logits);
        let other =
            if L::TEACHER { centred(&self.temperature, row.other) } else { row.other.to_vec() };
        let (factor, gradient) = ((row.factor * self.outer).min(f64::MAX), row.gradient);
        let of_copy =
            Row { logits: &logits, other: &other, gradient: &mut *gradient, factor: 1.0, ..row };
        let value = run(&plain, of_copy);
        for (slot, logit) in gradient.iter_mut().zip(row.logits) {
            let slope = if *logit == F::MASKED { 0.0 } else { slot.widen() };
            *slot = F::narrow(slope * factor);
        }
        self.outer * (self.outer * value)
    }

    fn check(&self, index: usize, row: &Row<'_, F>) -> Result<()> {
        self.loss.check(self.outer, index, row)
    }
}
