//! What forward and backward passes share, in memory that is reused from step to step.

use ndarray::{ArrayView2, ArrayViewMut2};
use reflux_softmax::Real;

use crate::sequence::Sequence;

/// What a network remembers between its forward and its backward pass, and the gradients.
///
/// It grows to the largest batch that it meets; after that, passes take no memory of their own.
///
/// # Example
///
/// One step of gradient descent on the squared error, by hand:
///
/// ```
/// use ndarray::array;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_nn::{Mlp, MlpConfig, Optimizer, Sgd, Workspace};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut mlp = Mlp::new(MlpConfig::new(2, &[8], 1)?, rng)?;
/// let (inputs, targets) = (array![[0.0_f32, 1.0], [1.0, 1.0]], array![[1.0_f32], [0.0]]);
/// let mut workspace = Workspace::new();
/// let mut sgd = Sgd::new(0.1)?;
///
/// let error = &mlp.forward(&inputs, &mut workspace)? - &targets;
/// workspace.output_gradient_mut().assign(&error);
/// mlp.backward(&inputs, &mut workspace)?;
/// sgd.step(mlp.parameters_mut(), workspace.gradients())?;
///
/// let after = &mlp.predict(&inputs)? - &targets;
/// assert!(after.pow2().sum() < error.pow2().sum());
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Workspace<F = f32> {
    pub(crate) rows: usize,
    /// For each layer, the values of its outputs `[width, rows]`.
    pub(crate) values: Vec<Vec<F>>,
    /// For each layer, what else it kept for the backward pass.
    pub(crate) kept: Vec<Vec<F>>,
    /// For each layer, the gradient with respect to its outputs.
    pub(crate) deltas: Vec<Vec<F>>,
    /// For each hidden layer, a gradient that the caller adds to the one from above.
    pub(crate) added: Vec<Option<Vec<F>>>,
    /// The outputs `[rows, outputs]` and the gradient with respect to them.
    pub(crate) outputs: Vec<F>,
    pub(crate) output_gradient: Vec<F>,
    pub(crate) gradients: Vec<F>,
    pub(crate) input_gradient: Vec<F>,
    /// Those of the network that the last forward pass was of.
    pub(crate) sequence: Option<Sequence>,
}

impl<F: Real> Workspace<F> {
    /// An empty one; the first forward pass sizes it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The network's outputs `[batch, outputs]` of the last forward pass; empty before the first.
    pub fn outputs(&self) -> ArrayView2<'_, F> {
        view(self.output_shape(), &self.outputs)
    }

    /// The gradient of the loss with respect to the outputs `[batch, outputs]`: to be filled in
    /// before the backward pass.
    pub fn output_gradient_mut(&mut self) -> ArrayViewMut2<'_, F> {
        self.outputs_and_gradient_mut().1
    }

    /// [`outputs`](Self::outputs) and [`output_gradient_mut`](Self::output_gradient_mut) at once, for
    /// a loss that reads the one and writes the other.
    pub fn outputs_and_gradient_mut(&mut self) -> (ArrayView2<'_, F>, ArrayViewMut2<'_, F>) {
        let shape = self.output_shape();
        self.output_gradient.resize(self.outputs.len(), F::zero());
        (view(shape, &self.outputs), view_mut(shape, &mut self.output_gradient))
    }

    /// The gradient with respect to every parameter, from the last backward pass, in the order of
    /// [`Mlp::parameters`](crate::Mlp::parameters).
    pub fn gradients(&self) -> &[F] {
        &self.gradients
    }

    /// The same, to be clipped or added to.
    pub fn gradients_mut(&mut self) -> &mut [F] {
        &mut self.gradients
    }

    /// The values `[batch, width]` of hidden layer `index` after its activation, if there is such a
    /// layer. The values of one feature lie side by side.
    pub fn hidden(&self, index: usize) -> Option<ArrayView2<'_, F>> {
        let layer = self.hidden_layer(index)?;
        Some(turned(self.rows, &self.values[layer]))
    }

    /// [`hidden`](Self::hidden), and a gradient `[batch, width]` with respect to it that the next
    /// backward pass adds to the one that comes from the outputs; 0 until it is written to. This is
    /// what feature distillation needs.
    pub fn hidden_and_gradient_mut(
        &mut self,
        index: usize,
    ) -> Option<(ArrayView2<'_, F>, ArrayViewMut2<'_, F>)> {
        let layer = self.hidden_layer(index)?;
        let values = &self.values[layer];
        let added = self.added[layer].get_or_insert_default();
        added.clear();
        added.resize(values.len(), F::zero());
        let shape = (values.len() / self.rows.max(1), self.rows);
        Some((turned(self.rows, values), view_mut(shape, added).reversed_axes()))
    }

    /// After a backward pass, the gradient with respect to the values `[batch, width]` of hidden
    /// layer `index` after its activation.
    pub fn hidden_gradient(&self, index: usize) -> Option<ArrayView2<'_, F>> {
        let layer = self.hidden_layer(index)?;
        Some(turned(self.rows, self.deltas.get(layer)?))
    }

    /// After a backward pass, the gradient with respect to the sums `[batch, width]` of dense layer
    /// `index`, before its normalisation and activation.
    pub fn deltas(&self, index: usize) -> Option<ArrayView2<'_, F>> {
        let layer = *self.sequence.as_ref()?.dense.get(index)?;
        Some(turned(self.rows, self.deltas.get(layer)?))
    }

    fn hidden_layer(&self, index: usize) -> Option<usize> {
        self.sequence.as_ref()?.hidden.get(index).copied()
    }

    fn output_shape(&self) -> (usize, usize) {
        (self.rows, self.outputs.len() / self.rows.max(1))
    }

    /// Sizes what the forward pass of `rows` rows needs.
    pub(crate) fn prepare(&mut self, sequence: &Sequence, rows: usize) {
        if self.sequence.as_ref() != Some(sequence) {
            *self = Self { sequence: Some(sequence.clone()), ..Self::default() };
            let layers = sequence.layers.len();
            self.values.resize_with(layers, Vec::new);
            self.kept.resize_with(layers, Vec::new);
            self.added.resize_with(layers, || None);
        }
        self.rows = rows;
        for (values, layer) in self.values.iter_mut().zip(&sequence.layers) {
            values.resize(layer.widths().1 * rows, F::zero());
        }
        self.added.iter_mut().for_each(|added| *added = None);
        let outputs = self.values.last().map_or(0, Vec::len);
        self.outputs.resize(outputs, F::zero());
    }

    /// Sizes what the backward pass needs besides.
    pub(crate) fn prepare_backward(&mut self, parameters: usize) {
        self.deltas.resize_with(self.values.len(), Vec::new);
        for (deltas, values) in self.deltas.iter_mut().zip(&self.values) {
            deltas.resize(values.len(), F::zero());
        }
        self.gradients.resize(parameters, F::zero());
        self.output_gradient.resize(self.outputs.len(), F::zero());
    }
}

/// Values that lie feature by feature, as `[rows, width]`.
fn turned<F: Real>(rows: usize, values: &[F]) -> ArrayView2<'_, F> {
    view((values.len() / rows.max(1), rows), values).reversed_axes()
}

/// The buffers are sized by `prepare`, so the shape always matches.
#[allow(clippy::expect_used)]
pub(crate) fn view<F: Real>(shape: (usize, usize), values: &[F]) -> ArrayView2<'_, F> {
    ArrayView2::from_shape(shape, values).expect("a buffer has its layer's size")
}

#[allow(clippy::expect_used)]
pub(crate) fn view_mut<F: Real>(shape: (usize, usize), values: &mut [F]) -> ArrayViewMut2<'_, F> {
    ArrayViewMut2::from_shape(shape, values).expect("a buffer has its layer's size")
}
