//! Layer normalisation: each row to mean 0 and variance 1 over its features, then scaled and moved.
//!
//! ```text
//! x̂ = (x − mean)/√(var + ε)        y = γ·x̂ + β
//! ∂L/∂x = (g − mean(g) − x̂·mean(g·x̂))/√(var + ε),  g = γ·δ
//! ```
//!
//! Ba, Kiros & Hinton 2016, arXiv:1607.06450; ε = 1e-5 as in PyTorch.

use ndarray::ArrayView2;
use reflux_softmax::Real;

use super::{Seen, copy};

/// Its parameters are the scale γ and then the shift β.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LayerNorm {
    pub(crate) width: usize,
}

/// Added to the variance.
pub(crate) const EPSILON: f64 = 1e-5;

impl LayerNorm {
    /// Keeps the normalised inputs `[width, rows]`, and one over each row's deviation.
    pub(super) fn forward<F: Real>(
        &self,
        parameters: &[F],
        inputs: ArrayView2<'_, F>,
        kept: &mut Vec<F>,
        outputs: &mut [F],
    ) {
        let rows = inputs.ncols();
        kept.resize((self.width + 2) * rows, F::zero());
        let (normal, rest) = kept.split_at_mut(self.width * rows);
        let (scale, mean) = rest.split_at_mut(rows);
        
        copy(inputs, normal);
        let per_feature = F::from_f64(1.0 / self.width as f64);

        average(normal, per_feature, mean, |x| x);
        for features in normal.chunks_exact_mut(rows) {
            features.iter_mut().zip(mean.iter()).for_each(|(x, &mean)| *x -= mean);
        }
        average(normal, per_feature, scale, |x| x * x);
        for scale in scale.iter_mut() {
            *scale = (*scale + F::from_f64(EPSILON)).sqrt().recip();
        }
        let (gain, shift) = parameters.split_at(self.width);
        let features = normal.chunks_exact_mut(rows).zip(outputs.chunks_exact_mut(rows));
        for (((normal, outputs), &gain), &shift) in features.zip(gain).zip(shift) {
            for ((normal, output), &scale) in normal.iter_mut().zip(outputs).zip(scale.iter()) {
                *normal *= scale;
                *output = gain * *normal + shift;
            }
        }
    }

    pub(super) fn parameter_gradient<F: Real>(
        &self,
        seen: Seen<'_, F>,
        delta: &[F],
        gradient: &mut [F],
    ) {
        let rows = seen.inputs.ncols();
        let (gain, shift) = gradient.split_at_mut(self.width);
        let features = delta.chunks_exact(rows).zip(seen.kept.chunks_exact(rows));
        for (((delta, normal), gain), shift) in features.zip(gain).zip(shift) {
            *gain = delta.iter().zip(normal).map(|(&d, &x)| d * x).sum();
            *shift = delta.iter().copied().sum();
        }
    }

    pub(super) fn input_gradient<F: Real>(
        &self,
        parameters: &[F],
        seen: Seen<'_, F>,
        delta: &[F],
        below: &mut [F],
    ) {
        let rows = seen.inputs.ncols();
        let (normal, rest) = seen.kept.split_at(self.width * rows);
        let scale = &rest[..rows];
        for ((below, delta), &gain) in
            below.chunks_exact_mut(rows).zip(delta.chunks_exact(rows)).zip(parameters)
        {
            below.iter_mut().zip(delta).for_each(|(below, &delta)| *below = gain * delta);
        }
        for row in 0..rows {
            let at = |feature: usize| feature * rows + row;
            let per_feature = F::from_f64(1.0 / self.width as f64);
            let (mut mean, mut product) = (F::zero(), F::zero());
            for feature in 0..self.width {
                mean += below[at(feature)];
                product += below[at(feature)] * normal[at(feature)];
            }
            let (mean, product) = (mean * per_feature, product * per_feature);
            for feature in 0..self.width {
                let x = &mut below[at(feature)];
                *x = scale[row] * (*x - mean - normal[at(feature)] * product);
            }
        }
    }
}

/// The mean over the features of `f` of each row's values.
fn average<F: Real>(values: &[F], per_feature: F, mean: &mut [F], f: impl Fn(F) -> F) {
    mean.fill(F::zero());
    for feature in values.chunks_exact(mean.len()) {
        mean.iter_mut().zip(feature).for_each(|(mean, &x)| *mean += f(x));
    }
    mean.iter_mut().for_each(|mean| *mean *= per_feature);
}
