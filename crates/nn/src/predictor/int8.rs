//! A dense layer whose weights are whole numbers of 8 bits times a scale for each output.
//!
//! ```text
//! W[o, i] ≈ s_o·q[o, i]      s_o = max_i |W[o, i]|/127      q = round(W/s) in −127..=127
//! ```
//!
//! Symmetric quantisation by channel after training, as in Krishnamoorthi 2018, arXiv:1806.08342.

use ndarray::{ArrayView2, Axis};
use reflux_softmax::simd::{Path, Simd, WithSimd};

use super::list_nonzero;

/// Outputs in a panel: the sums of one fill half of the widest register file.
const WIDTH: usize = 128;

#[derive(Debug)]
pub(super) struct Quantized {
    inputs: usize,
    /// For each panel of outputs, the weights of each input in turn; filled up with zeros.
    panels: Vec<[i8; WIDTH]>,
    scales: Vec<f32>,
    bias: Vec<f32>,
}

impl Quantized {
    /// Of weights `[outputs, inputs]` and a bias `[outputs]`.
    pub(super) fn new(weights: ArrayView2<'_, f32>, bias: &[f32]) -> Self {
        let inputs = weights.ncols();
        let scales: Vec<f32> = weights
            .rows()
            .into_iter()
            .map(|row| row.fold(0.0_f32, |max, weight| max.max(weight.abs())) / 127.0)
            .collect();
        let mut panels = Vec::with_capacity(bias.len().div_ceil(WIDTH) * inputs);
        for (weights, scales) in
            weights.axis_chunks_iter(Axis(0), WIDTH).zip(scales.chunks(WIDTH))
        {
            for column in weights.columns() {
                let mut quantized = [0; WIDTH];
                for ((slot, &weight), &scale) in quantized.iter_mut().zip(column).zip(scales) {
                    // A row of zeros has a scale of 0.
                    *slot = if scale > 0.0 { (weight / scale).round() as i8 } else { 0 };
                }
                panels.push(quantized);
            }
        }
        Self { inputs, panels, scales, bias: bias.to_vec() }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.panels.as_slice())
            + size_of_val(self.scales.as_slice())
            + size_of_val(self.bias.as_slice())
    }

    /// From rows `[rows, inputs]` at the start of `from` to rows `[rows, outputs]` at that of `to`.
    pub(super) fn run(
        &self,
        rows: usize,
        from: &[f32],
        to: &mut [f32],
        nonzero: &mut [(u32, f32)],
    ) {
        let rows = from.chunks_exact(self.inputs).take(rows);
        for (from, to) in rows.zip(to.chunks_exact_mut(self.bias.len())) {
            let nonzero = list_nonzero(from, nonzero);
            Path::best().run(OneRow { layer: self, nonzero, to });
        }
    }
}

struct OneRow<'a> {
    layer: &'a Quantized,
    nonzero: &'a [(u32, f32)],
    to: &'a mut [f32],
}

impl WithSimd for OneRow<'_> {
    type Output = ();

    /// Written for single numbers; the compiler makes vectors of them.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { layer, nonzero, to } = self;
        let panels = layer.panels.chunks_exact(layer.inputs).zip(to.chunks_mut(WIDTH));
        let scales = layer.scales.chunks(WIDTH).zip(layer.bias.chunks(WIDTH));
        for ((panel, to), (scales, bias)) in panels.zip(scales) {
            let mut sums = [0.0_f32; WIDTH];
            for &(index, value) in nonzero {
                let weights = &panel[index as usize];
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum = value.mul_add(f32::from(weight), *sum);
                }
            }
            for (((to, sum), scale), bias) in to.iter_mut().zip(sums).zip(scales).zip(bias) {
                *to = scale * sum + bias;
            }
        }
    }
}
