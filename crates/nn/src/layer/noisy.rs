//! A dense layer with learned noise in its weights, for exploration.
//!
//! ```text
//! W = μ_W + σ_W ⊙ (f(ε_out) f(ε_in)ᵀ)        b = μ_b + σ_b ⊙ f(ε_out)        f(x) = sign(x)·√|x|
//! ```
//!
//! Fortunato et al. 2018, arXiv:1706.10295, with factorised noise, drawn once a pass for the whole
//! batch as the paper does. Without noise the layer is its means.

use ndarray::ArrayView2;
use rand::RngCore;
use rand_distr::{Distribution, StandardNormal};
use reflux_softmax::Real;

use super::{Linear, Seen};

/// Its parameters are μ_W, μ_b, σ_W and σ_b.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Noisy {
    pub(crate) linear: Linear,
    /// σ at the start, times √inputs: the paper's σ₀.
    pub(crate) sigma: f64,
}

impl Noisy {
    pub(crate) fn parameters(&self) -> usize {
        2 * self.linear.parameters()
    }

    /// Keeps W and b as they were with the noise, and the factors of both.
    pub(super) fn forward<F: Real>(
        &self,
        parameters: &[F],
        inputs: ArrayView2<'_, F>,
        kept: &mut Vec<F>,
        outputs: &mut [F],
        rng: Option<&mut dyn RngCore>,
    ) {
        let (means, sigmas) = parameters.split_at(self.linear.parameters());
        kept.clear();
        let Some(rng) = rng else {
            return self.linear.forward(means, inputs, outputs);
        };
        let Linear { inputs: width_in, outputs: width } = self.linear;
        kept.extend_from_slice(means);
        for _ in 0..width_in + width {
            let x: f64 = StandardNormal.sample(rng);
            kept.push(F::from_f64(x.signum() * x.abs().sqrt()));
        }
        let (noisy, factors) = kept.split_at_mut(means.len());
        self.each_factor(factors, |index, factor| noisy[index] += sigmas[index] * factor);
        self.linear.forward(noisy, inputs, outputs);
    }

    pub(super) fn parameter_gradient<F: Real>(
        &self,
        seen: Seen<'_, F>,
        delta: &[F],
        gradient: &mut [F],
    ) {
        let (means, sigmas) = gradient.split_at_mut(self.linear.parameters());
        self.linear.parameter_gradient(seen.inputs, delta, means);
        match seen.kept.split_at_checked(means.len()) {
            None => sigmas.fill(F::zero()),
            Some((_, factors)) => {
                self.each_factor(factors, |index, factor| sigmas[index] = means[index] * factor);
            }
        }
    }

    pub(super) fn input_gradient<F: Real>(
        &self,
        parameters: &[F],
        seen: Seen<'_, F>,
        delta: &[F],
        below: &mut [F],
    ) {
        let weights = if seen.kept.is_empty() { parameters } else { seen.kept };
        self.linear.input_gradient(&weights[..self.linear.parameters()], delta, below);
    }

    /// Calls `f` with the index of each weight and bias, and what its σ is multiplied by.
    fn each_factor<F: Real>(&self, factors: &[F], mut f: impl FnMut(usize, F)) {
        let (of_inputs, of_outputs) = factors.split_at(self.linear.inputs);
        for (output, &of_output) in of_outputs.iter().enumerate() {
            for (input, &of_input) in of_inputs.iter().enumerate() {
                f(output * self.linear.inputs + input, of_output * of_input);
            }
            f(self.linear.inputs * self.linear.outputs + output, of_output);
        }
    }
}
