//! The entropy of the softmax of a row.
//!
//! ```text
//! H = −Σ_i q_i log q_i        L = T²·H        ∂L/∂x_i = −T·q_i·(log q_i + H)
//! ```
//!
//! with `q` the softmax at temperature T.

use ndarray::ArrayRef2;

use super::batch::{check_logits, evaluate};
use super::compiled::Losses;
use super::part::{Part, Row, Targets};
use super::settings::checked_settings;
use super::softened::{one_side, splat};
use super::tempered::{OfSoftened, Tempered};
use super::{Pass, Reduction};
use crate::kernel::{Simd, map_aligned};
use crate::row::check_temperature;
use crate::temperature::Temperature;
use crate::{Real, Result};

/// The entropy of the softmax of logits, in nats, times T².
///
/// Added with a negative sign to a loss it keeps a classifier from being too sure (the confidence
/// penalty of Pereyra et al. 2017, arXiv:1701.06548) or a policy from settling too early (Williams &
/// Peng 1991).
///
/// # Example
///
/// ```
/// use ndarray::{Array2, array};
/// use reflux_softmax::Entropy;
///
/// let logits = array![[0.0_f64, 0.0], [3.0, 3.0]];
/// let mut gradient = Array2::zeros(logits.dim());
/// let entropy = Entropy::new().value_and_gradient(&logits, &mut gradient)?;
/// assert!((entropy - 2.0_f64.ln()).abs() < 1e-15);
/// assert!(gradient.iter().all(|slope| slope.abs() < 1e-15)); // it cannot be more
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct Entropy {
    temperature: f64,
    reduction: Reduction,
}

impl Default for Entropy {
    fn default() -> Self {
        Self { temperature: 1.0, reduction: Reduction::Mean }
    }
}

impl Entropy {
    /// At temperature 1, the mean over the batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the temperature T.
    ///
    /// # Errors
    ///
    /// [`Error::Temperature`](crate::Error::Temperature) unless it is finite and above 0.
    pub fn with_temperature(self, temperature: f64) -> Result<Self> {
        Ok(Self { temperature: check_temperature(temperature)?, ..self })
    }

    /// Mean or sum over the batch.
    pub fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// The temperature T.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Mean or sum.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The entropy of `logits` `[batch, classes]`; its gradient with respect to the logits overwrites
    /// `gradient` `[batch, classes]`. A class that is masked with −∞ takes no part.
    ///
    /// # Errors
    ///
    /// Shapes that differ, an empty batch, a logit that is NaN or +∞, a row that is −∞ throughout.
    pub fn value_and_gradient<F: Real>(
        &self,
        logits: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> Result<F> {
        self.evaluate(logits, Pass::new().with_gradient(gradient))
    }

    /// The entropy, and whatever else `pass` asks for.
    ///
    /// # Errors
    ///
    /// As [`Entropy::value_and_gradient`], and for weights that are negative, not finite or not one a
    /// row.
    pub fn evaluate<F: Real>(&self, logits: &ArrayRef2<F>, pass: Pass<'_, F>) -> Result<F> {
        let loss = Tempered::new(OfRow, self.temperature)?;
        let targets = Targets { labels: None, other: None, name: "" };
        evaluate(&loss, "entropy", logits, targets, pass, self.reduction)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct OfRow;

impl<F: Losses> OfSoftened<F> for OfRow {
    const TEACHER: bool = false;

    fn rows(part: &mut Part<'_, '_, F, Tempered<Self, F>>) {
        F::entropy(part);
    }

    #[inline(always)]
    fn row<S: Simd>(&self, s: S, temperature: &Temperature<F>, row: Row<'_, F>) -> Option<f64> {
        let Row { logits, factor, gradient, spare: [exponentials, _], .. } = row;
        let mut least = F::splat(s, F::default());
        let (student, weighted) = one_side(
            s,
            temperature,
            logits,
            logits,
            exponentials,
            #[inline(always)]
            |below, _, e| {
                least = F::min(s, least, below);
                F::mul(s, e, below)
            },
        )?;
        if F::reduce_min(s, least).widen() < -F::FAR {
            return None;
        }
        let cold = 1.0 / temperature.value();
        // log Σ − H, which is what the two differ by
        let offset = weighted * student.scale() * cold;
        let entropy = student.exact_log_sum() - offset;

        // −q·(log q + H) = q·((max − x)/T + log Σ − H)
        let scale = splat::<S, F>(s, factor * student.scale());
        let at = F::splat(s, student.at());
        let (slope, offset) = (splat::<S, F>(s, cold), splat::<S, F>(s, offset));
        map_aligned(
            s,
            [logits, exponentials],
            gradient,
            #[inline(always)]
            |[x, e]| {
                let above = F::mul_add(s, F::sub(s, at, x), slope, offset);
                F::mul(s, F::mul(s, e, scale), above)
            },
        );
        Some(entropy)
    }

    fn check(&self, _temperature: f64, index: usize, row: &Row<'_, F>) -> Result<()> {
        check_logits(index, row.logits)
    }
}

checked_settings! {
    Entropy { temperature: f64, reduction: Reduction }
    default Entropy::default();
    |read| Ok(Entropy::new().with_temperature(read.temperature)?.with_reduction(read.reduction))
}
