//! A dense layer: `y = W x + b`, with W `[outputs, inputs]` as in PyTorch.
//!
//! ```text
//! ∂L/∂W = δ xᵀ        ∂L/∂b = Σ_rows δ        ∂L/∂x = Wᵀ δ
//! ```

use ndarray::{ArrayView2, Axis};
use reflux_softmax::Real;
use reflux_softmax::simd::{Element, Path, Simd, WithSimd};

use crate::matmul::{Onto, matmul, matrix_vector};
use crate::workspace::view;

/// The sizes of a dense layer. Its parameters are the weights, row after row, and then the bias.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linear {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

impl Linear {
    pub(crate) fn parameters(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// The weights `[outputs, inputs]` and the bias `[outputs]`.
    pub(crate) fn split<'a, F: Real>(&self, parameters: &'a [F]) -> (ArrayView2<'a, F>, &'a [F]) {
        let (weights, bias) = parameters.split_at(self.inputs * self.outputs);
        (view((self.outputs, self.inputs), weights), bias)
    }

    pub(super) fn forward<F: Real>(
        &self,
        parameters: &[F],
        inputs: ArrayView2<'_, F>,
        outputs: &mut [F],
    ) {
        let (weights, bias) = self.split(parameters);
        let row = if inputs.ncols() == 1 { inputs.index_axis(Axis(1), 0).to_slice() } else { None };
        match row {
            Some(row) => matrix_vector(weights, row, bias, outputs),
            None => matmul(weights, inputs, outputs, Onto::Rows(bias)),
        }
    }

    pub(super) fn parameter_gradient<F: Real>(
        &self,
        inputs: ArrayView2<'_, F>,
        delta: &[F],
        gradient: &mut [F],
    ) {
        let rows = inputs.ncols();
        let (weights, bias) = gradient.split_at_mut(self.inputs * self.outputs);
        let delta = view((self.outputs, rows), delta);
        matmul(delta, inputs.reversed_axes(), weights, Onto::Zero);
        Path::best().run(RowSums { of: delta.to_slice().unwrap_or_default(), sums: bias });
    }

    pub(super) fn input_gradient<F: Real>(&self, parameters: &[F], delta: &[F], below: &mut [F]) {
        let (weights, _) = self.split(parameters);
        let delta = view((self.outputs, delta.len() / self.outputs), delta);
        matmul(weights.reversed_axes(), delta, below, Onto::Zero);
    }
}

/// The sum of each of as many rows as there are `sums`.
struct RowSums<'a, F> {
    of: &'a [F],
    sums: &'a mut [F],
}

impl<F: Element> WithSimd for RowSums<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { of, sums } = self;
        let zero = F::splat(s, F::default());
        let rows = of.chunks_exact((of.len() / sums.len()).max(1));
        sums.fill(F::default());
        for (row, sum) in rows.zip(sums) {
            let (vectors, rest) = F::vectors::<S>(row);
            let mut total = F::load_part(s, rest, zero);
            for &vector in vectors {
                total = F::add(s, total, vector);
            }
            *sum = F::reduce_sum(s, total);
        }
    }
}
