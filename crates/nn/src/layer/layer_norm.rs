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

impl LayerNorm {
    /// Added to the variance.
    pub(crate) const EPSILON: f64 = 1e-5;

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
            *scale = (*scale + F::from_f64(Self::EPSILON)).sqrt().recip();
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
        let per_feature = F::from_f64(1.0 / self.width as f64);
        F::with_scratch(2 * rows, |memory| {
            memory.fill(F::zero());
            let (means, products) = memory.split_at_mut(rows);
            for (g, normal) in below.chunks_exact(rows).zip(normal.chunks_exact(rows)) {
                let sums = means.iter_mut().zip(products.iter_mut());
                for (((mean, product), &g), &normal) in sums.zip(g).zip(normal) {
                    *mean += per_feature * g;
                    *product += per_feature * g * normal;
                }
            }
            for (g, normal) in below.chunks_exact_mut(rows).zip(normal.chunks_exact(rows)) {
                let of_row = means.iter().zip(products.iter()).zip(scale);
                for (((&mean, &product), &scale), (g, &normal)) in
                    of_row.zip(g.iter_mut().zip(normal))
                {
                    *g = scale * (*g - mean - normal * product);
                }
            }
        });
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
