//! Dropout: in training, each value is 0 with probability p and `x/(1 − p)` otherwise.
//!
//! Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", in the
//! inverted form that leaves nothing to do afterwards.

use ndarray::ArrayView2;
use rand::RngCore;
use reflux_softmax::Real;

use super::copy;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dropout {
    pub(crate) width: usize,
    pub(crate) probability: f64,
}

/// Probabilities are multiples of one over this.
const STEPS: u64 = 1 << 16;

impl Dropout {
    pub(super) fn forward<F: Real>(
        &self,
        inputs: ArrayView2<'_, F>,
        kept: &mut Vec<F>,
        outputs: &mut [F],
        rng: Option<&mut dyn RngCore>,
    ) {
        copy(inputs, outputs);
        kept.clear();
        let Some(rng) = rng else { return };
        // Sixteen bits a value, so a number from the generator serves four of them.
        let dropped = (self.probability * STEPS as f64).round() as u64;
        let factor = F::from_f64(STEPS as f64 / (STEPS - dropped).max(1) as f64);
        kept.resize(outputs.len(), F::zero());
        for factors in kept.chunks_mut(4) {
            let mut bits = rng.next_u64();
            for slot in factors {
                *slot = if bits % STEPS < dropped { F::zero() } else { factor };
                bits /= STEPS;
            }
        }
        outputs.iter_mut().zip(kept.iter()).for_each(|(output, &factor)| *output *= factor);
    }

    pub(super) fn input_gradient<F: Real>(kept: &[F], delta: &[F], below: &mut [F]) {
        below.copy_from_slice(delta);
        below.iter_mut().zip(kept).for_each(|(below, &factor)| *below *= factor);
    }
}
