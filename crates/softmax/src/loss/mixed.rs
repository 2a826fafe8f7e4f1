//! The distillation loss of one row: the cross-entropy with its label and the divergence from its
//! teacher, in as few passes as can be.

use super::batch::check_logits;
use super::careful::{has_mass, masked_with_mass};
use super::compiled::Losses;
use super::cross_entropy::Hard;
use super::divergence::DivergenceKind;
use super::divergence::forward_kl::from_sums;
use super::part::{Part, Row, RowLoss, legal};
use super::softened::{splat, two_sides};
use super::tempered::Tempered;
use crate::kernel::{Simd, powers, update_aligned};
use crate::{Error, Result};

/// Both losses of one row.
#[derive(Debug, Clone, Copy)]
pub struct Mixed<F> {
    alpha: f64,
    hard: Tempered<Hard, F>,
    soft: Tempered<DivergenceKind, F>,
}

impl<F: Losses> Mixed<F> {
    pub(super) fn new(alpha: f64, temperature: f64) -> Result<Self> {
        Ok(Self {
            alpha,
            hard: Tempered::new(Hard { smoothing: 0.0 }, 1.0)?,
            soft: Tempered::new(DivergenceKind::ForwardKl, temperature)?,
        })
    }

    /// At the common temperatures 1, 2 and 4 the student's exponentials at 1 are powers of those at
    /// T, so that both losses take two exponentials a class and not three.
    #[inline(always)]
    fn in_one_go<S: Simd>(&self, s: S, row: Row<'_, F>, squarings: u32) -> f64 {
        let Row { logits, other, label: Some(label), factor, gradient, spare: [ez, _] } = row
        else {
            return f64::NAN;
        };
        let temperature = self.soft.temperature();
        let mut sum = F::splat(s, F::default());
        let softened = two_sides(
            s,
            temperature,
            [logits, other],
            [&mut *gradient, &mut *ez],
            Some(squarings),
            #[inline(always)]
            |[dx, dz, ex, ez]| {
                sum = F::add(s, sum, powers::<S, F>(s, ex, squarings));
                F::mul(s, ez, F::sub(s, dz, dx))
            },
        );
        let Some((student, teacher, weighted)) = softened else {
            return f64::NAN;
        };
        let sum = F::reduce_sum(s, sum).widen();
        let at_label = logits[label].widen() - student.at().widen();
        let cross_entropy = student.powers_log_sum(s, sum, squarings) - at_label;
        let divergence = from_sums(temperature, &student, &teacher, weighted);

        let (alpha, soft) = self.factors(factor);
        let hard = splat::<S, F>(s, alpha * (1.0 / sum));
        let q = splat::<S, F>(s, soft * student.scale());
        let p = splat::<S, F>(s, -soft * teacher.scale());
        update_aligned(
            s,
            gradient,
            [ez],
            #[inline(always)]
            |ex, [ez]| {
                let power = powers::<S, F>(s, ex, squarings);
                F::mul_add(s, power, hard, F::mul_add(s, ex, q, F::mul(s, ez, p)))
            },
        );
        gradient[label] -= F::narrow(alpha);
        self.value(cross_entropy, divergence)
    }

    /// At any other temperature the divergence adds its gradient to that of the labels.
    #[inline(always)]
    fn one_by_one<S: Simd>(&self, s: S, mut row: Row<'_, F>) -> f64 {
        let (alpha, soft) = self.factors(row.factor);
        let cross_entropy = self.hard.fast(s, Row { factor: alpha, ..row.reborrow() });
        let Row { logits, other, gradient, spare: [ex, ez], .. } = row;
        let temperature = self.soft.temperature();
        let softened = two_sides(
            s,
            temperature,
            [logits, other],
            [&mut *ex, &mut *ez],
            None,
            #[inline(always)]
            |[dx, dz, _, ez]| F::mul(s, ez, F::sub(s, dz, dx)),
        );
        let Some((student, teacher, weighted)) = softened else {
            return f64::NAN;
        };
        let q = splat::<S, F>(s, soft * student.scale());
        let p = splat::<S, F>(s, -soft * teacher.scale());
        update_aligned(
            s,
            gradient,
            [ex, ez],
            #[inline(always)]
            |hard, [ex, ez]| F::mul_add(s, ez, p, F::mul_add(s, ex, q, hard)),
        );
        self.value(cross_entropy, from_sums(temperature, &student, &teacher, weighted))
    }

    /// What the two gradients, with respect to x and to x/T, are multiplied by.
    #[inline(always)]
    fn factors(&self, factor: f64) -> (f64, f64) {
        (factor * self.alpha, factor * (1.0 - self.alpha) * self.soft.temperature().value())
    }

    #[inline(always)]
    fn value(&self, cross_entropy: f64, divergence: f64) -> f64 {
        let temperature = self.soft.temperature().value();
        self.alpha * cross_entropy + (1.0 - self.alpha) * (temperature * (temperature * divergence))
    }
}

impl<F: Losses> RowLoss<F> for Mixed<F> {
    fn rows(part: &mut Part<'_, '_, F, Self>) {
        F::mixed(part);
    }

    #[inline(always)]
    fn fast<S: Simd>(&self, s: S, row: Row<'_, F>) -> f64 {
        if self.alpha == 0.0 {
            return self.soft.fast(s, row);
        }
        if self.alpha == 1.0 {
            return self.hard.fast(s, row);
        }
        if self.factors(row.factor).1 > F::MODERATE {
            return f64::NAN;
        }
        match self.soft.temperature().value() {
            1.0 => self.in_one_go(s, row, 0),
            2.0 => self.in_one_go(s, row, 1),
            4.0 => self.in_one_go(s, row, 2),
            _ => self.one_by_one(s, row),
        }
    }

    fn careful(&self, mut row: Row<'_, F>) -> f64 {
        let (mut value, mut gradient) = (0.0, vec![F::default(); row.logits.len()]);
        for (weight, hard) in [(self.alpha, true), (1.0 - self.alpha, false)] {
            if weight == 0.0 {
                continue;
            }
            let part = Row { factor: weight * row.factor, ..row.reborrow() };
            let loss = if hard { legal(&self.hard, part) } else { legal(&self.soft, part) };
            value += weight * loss;
            for (sum, &slope) in gradient.iter_mut().zip(&*row.gradient) {
                *sum += slope;
            }
        }
        row.gradient.copy_from_slice(&gradient);
        value
    }

    fn check(&self, index: usize, row: &Row<'_, F>) -> Result<()> {
        check_logits(index, row.logits)?;
        check_logits(index, row.other)?;
        let taught = has_mass(row.other, self.soft.temperature().value());
        let mass = |class| {
            (self.alpha > 0.0 && row.label == Some(class)) || (self.alpha < 1.0 && taught(class))
        };
        match masked_with_mass(row.logits, mass) {
            Some(class) => Err(Error::MaskedTarget { row: index, class }),
            None => Ok(()),
        }
    }
}
