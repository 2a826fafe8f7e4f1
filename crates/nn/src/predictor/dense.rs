//! A dense layer in f32, its weights packed in panels.

#![allow(clippy::needless_range_loop)]

use ndarray::ArrayView2;
use reflux_softmax::simd::{Path, Simd, WithSimd};

use super::list_nonzero;
use crate::matmul::{pack, panel_width, times_packed};
use crate::workspace::view;

/// Weights in the panels of a matrix product: for each group of outputs, what input 0 has for them,
/// what input 1 has, and so on.
#[derive(Debug)]
pub(super) struct Packed {
    inputs: usize,
    outputs: usize,
    panels: Vec<f32>,
    bias: Vec<f32>,
}

impl Packed {
    /// Of weights `[outputs, inputs]` and a bias `[outputs]`.
    pub(super) fn new(weights: ArrayView2<'_, f32>, bias: &[f32]) -> Self {
        let (outputs, inputs) = weights.dim();
        Self { inputs, outputs, panels: pack(weights.reversed_axes()), bias: bias.to_vec() }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.panels.as_slice()) + size_of_val(self.bias.as_slice())
    }

    /// From rows `[rows, inputs]` at the start of `from` to rows `[rows, outputs]` at that of `to`.
    pub(super) fn run(
        &self,
        rows: usize,
        from: &[f32],
        to: &mut [f32],
        nonzero: &mut [(u32, f32)],
    ) {
        let to = &mut to[..rows * self.outputs];
        if rows == 1 {
            let nonzero = list_nonzero(&from[..self.inputs], nonzero);
            Path::best().run(OneRow { layer: self, nonzero, to });
            return;
        }
        to.chunks_exact_mut(self.outputs).for_each(|row| row.copy_from_slice(&self.bias));
        let from = view((rows, self.inputs), &from[..rows * self.inputs]);
        times_packed(from, &self.panels, to);
    }
}

struct OneRow<'a> {
    layer: &'a Packed,
    nonzero: &'a [(u32, f32)],
    to: &'a mut [f32],
}

impl WithSimd for OneRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let lanes = size_of::<S::f32s>() / size_of::<f32>();
        if panel_width::<S, f32>(self.layer.outputs) == lanes {
            self.panels::<S, 1>(s);
        } else {
            self.panels::<S, 2>(s);
        }
    }
}

/// Panels that are summed side by side, to hide the latency of a fused multiply-add.
const ABREAST: usize = 4;

impl OneRow<'_> {
    /// For panels of `VECTORS` vectors a row.
    #[inline(always)]
    fn panels<S: Simd, const VECTORS: usize>(self, s: S) {
        let Self { layer, nonzero, to } = self;
        let width = VECTORS * size_of::<S::f32s>() / size_of::<f32>();
        let size = layer.inputs * width;
        let groups = layer.panels.chunks(ABREAST * size).zip(to.chunks_mut(ABREAST * width));
        for (group, (panels, to)) in groups.enumerate() {
            let bias = &layer.bias[group * ABREAST * width..];
            if to.len() == ABREAST * width {
                sum::<S, VECTORS, ABREAST>(s, panels, nonzero, bias, to, size);
            } else {
                let rest = panels.chunks(size).zip(to.chunks_mut(width)).zip(bias.chunks(width));
                for ((panel, to), bias) in rest {
                    sum::<S, VECTORS, 1>(s, panel, nonzero, bias, to, size);
                }
            }
        }
    }
}

/// `N` panels of `size` numbers times the inputs that are not 0, plus the bias.
#[inline(always)]
fn sum<S: Simd, const VECTORS: usize, const N: usize>(
    s: S,
    panels: &[f32],
    nonzero: &[(u32, f32)],
    bias: &[f32],
    to: &mut [f32],
    size: usize,
) {
    let zero = s.splat_f32s(0.0);
    let mut sums = [[zero; VECTORS]; N];
    let mut vectors = [&[][..]; N];
    for n in 0..N {
        vectors[n] = S::as_simd_f32s(&panels[n * size..(n + 1) * size]).0;
    }
    for &(index, value) in nonzero {
        let at = index as usize * VECTORS;
        let x = s.splat_f32s(value);
        for n in 0..N {
            let weights = &vectors[n][at..at + VECTORS];
            for v in 0..VECTORS {
                sums[n][v] = s.mul_add_e_f32s(x, weights[v], sums[n][v]);
            }
        }
    }
    let lanes = size_of::<S::f32s>() / size_of::<f32>();
    for n in 0..N {
        for v in 0..VECTORS {
            let start = to.len().min((n * VECTORS + v) * lanes);
            let end = to.len().min(start + lanes);
            let (to, bias) = (&mut to[start..end], &bias[start..end]);
            s.partial_store_f32s(to, s.add_f32s(sums[n][v], s.partial_load_f32s(bias)));
        }
    }
}
