//! The layers that a network is made of, each with its forward and its backward pass.
//!
//! Between layers, a batch lies with the values of one feature side by side, `[width, rows]`, which is
//! how the matrix product wants it. A layer knows its sizes; its parameters, what it keeps from the
//! forward for the backward pass, and the gradients are slices of the network's and the workspace's
//! memory.

mod dropout;
mod dueling;
mod layer_norm;
mod linear;
mod noisy;

use ndarray::ArrayView2;
use rand::RngCore;
use reflux_softmax::Real;

use crate::Activation;
pub(crate) use dropout::Dropout;
pub(crate) use dueling::Dueling;
pub(crate) use layer_norm::LayerNorm;
pub(crate) use linear::Linear;
pub(crate) use noisy::Noisy;

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Layer {
    Linear(Linear),
    Noisy(Noisy),
    LayerNorm(LayerNorm),
    Activation(Activation, usize),
    Dropout(Dropout),
    Dueling(Dueling),
}

/// What a layer saw and made in the forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a, F> {
    /// Its inputs `[width, rows]`.
    pub(crate) inputs: ArrayView2<'a, F>,
    /// Its outputs.
    pub(crate) outputs: &'a [F],
    /// What else it kept.
    pub(crate) kept: &'a [F],
}

impl Layer {
    /// How many values of a row go in, and how many come out.
    pub(crate) fn widths(&self) -> (usize, usize) {
        match *self {
            Self::Linear(Linear { inputs, outputs })
            | Self::Noisy(Noisy { linear: Linear { inputs, outputs }, .. }) => (inputs, outputs),
            Self::LayerNorm(LayerNorm { width })
            | Self::Activation(_, width)
            | Self::Dropout(Dropout { width, .. }) => (width, width),
            Self::Dueling(dueling) => (dueling.inputs(), dueling.outputs()),
        }
    }

    /// How many parameters it has.
    pub(crate) fn parameters(&self) -> usize {
        match self {
            Self::Linear(linear) => linear.parameters(),
            Self::Noisy(noisy) => noisy.parameters(),
            Self::LayerNorm(norm) => 2 * norm.width,
            Self::Activation(..) | Self::Dropout(_) | Self::Dueling(_) => 0,
        }
    }

    /// The outputs `[width, rows]` for `inputs` `[width, rows]`. With `rng`, as in training: noise and
    /// dropped values are drawn; without, none.
    pub(crate) fn forward<F: Real>(
        &self,
        parameters: &[F],
        inputs: ArrayView2<'_, F>,
        kept: &mut Vec<F>,
        outputs: &mut [F],
        rng: Option<&mut dyn RngCore>,
    ) {
        match self {
            Self::Linear(linear) => linear.forward(parameters, inputs, outputs),
            Self::Noisy(noisy) => noisy.forward(parameters, inputs, kept, outputs, rng),
            Self::LayerNorm(norm) => norm.forward(parameters, inputs, kept, outputs),
            Self::Activation(activation, _) => {
                copy(inputs, outputs);
                activation.apply_inplace(outputs);
            }
            Self::Dropout(dropout) => dropout.forward(inputs, kept, outputs, rng),
            Self::Dueling(dueling) => dueling.forward(inputs, outputs),
        }
    }

    /// The gradient with respect to its parameters, from `delta`, that with respect to its outputs.
    pub(crate) fn parameter_gradient<F: Real>(
        &self,
        seen: Seen<'_, F>,
        delta: &[F],
        gradient: &mut [F],
    ) {
        match self {
            Self::Linear(linear) => linear.parameter_gradient(seen.inputs, delta, gradient),
            Self::Noisy(noisy) => noisy.parameter_gradient(seen, delta, gradient),
            Self::LayerNorm(norm) => norm.parameter_gradient(seen, delta, gradient),
            Self::Activation(..) | Self::Dropout(_) | Self::Dueling(_) => {}
        }
    }

    /// The gradient with respect to its inputs, into `below`.
    pub(crate) fn input_gradient<F: Real>(
        &self,
        parameters: &[F],
        seen: Seen<'_, F>,
        delta: &[F],
        below: &mut [F],
    ) {
        match self {
            Self::Linear(linear) => linear.input_gradient(parameters, delta, below),
            Self::Noisy(noisy) => noisy.input_gradient(parameters, seen, delta, below),
            Self::LayerNorm(norm) => norm.input_gradient(parameters, seen, delta, below),
            Self::Activation(activation, _) => {
                let inputs = seen.inputs.as_standard_layout();
                let sums = inputs.as_slice().unwrap_or_default();
                activation.backward(sums, seen.outputs, delta, below);
            }
            Self::Dropout(_) => Dropout::input_gradient(seen.kept, delta, below),
            Self::Dueling(dueling) => dueling.input_gradient(delta, below),
        }
    }
}

/// `from` in standard order.
fn copy<F: Real>(from: ArrayView2<'_, F>, to: &mut [F]) {
    if let Some(from) = from.as_slice() {
        to.copy_from_slice(from);
    } else {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
    }
}
