//! Forward and backward passes, in memory that is reused from step to step.
//!
//! ```text
//! forward:   a_l = f(a_{l−1} W_l + b_l)
//! backward:  δ_l = ∂L/∂(sums of l),   ∂L/∂W_l = a_{l−1}ᵀ δ_l,   ∂L/∂b_l = Σ_rows δ_l,
//!            δ_{l−1} = (δ_l W_lᵀ) ⊙ f'
//! ```

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayRef2, ArrayView1, ArrayView2, ArrayViewMut2};
use reflux_softmax::Real;

use crate::mlp::{split_layer, split_layer_mut};
use crate::{Error, Mlp, Result};

/// Rows up to which a product is done row by row: packing the weights for a matrix product costs
/// more than it saves there.
const FEW_ROWS: usize = 3;

/// What a network remembers between its forward and its backward pass, and the gradients.
///
/// It grows to the largest batch that it meets; after that, passes take no memory of their own (but
/// for the packing buffers of the matrix product).
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
    rows: usize,
    /// For each layer, its outputs `[rows, outputs]`.
    activations: Vec<Vec<F>>,
    /// For each layer, the gradient with respect to its outputs and then to its sums.
    deltas: Vec<Vec<F>>,
    /// The outputs of each layer.
    widths: Vec<usize>,
    gradients: Vec<F>,
    input_gradient: Vec<F>,
}

impl<F: Real> Workspace<F> {
    /// An empty one; the first forward pass sizes it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The network's outputs `[batch, outputs]` of the last forward pass; empty before the first.
    pub fn outputs(&self) -> ArrayView2<'_, F> {
        view(self.output_shape(), self.activations.last().map_or(&[], Vec::as_slice))
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
        let outputs = self.activations.last().map_or(&[][..], Vec::as_slice);
        let gradient = self.deltas.last_mut().map_or(&mut [][..], Vec::as_mut_slice);
        (view(shape, outputs), view_mut(shape, gradient))
    }

    /// The gradient with respect to every parameter, from the last backward pass, in the order of
    /// [`Mlp::parameters`].
    pub fn gradients(&self) -> &[F] {
        &self.gradients
    }

    /// The same, to be clipped or added to.
    pub fn gradients_mut(&mut self) -> &mut [F] {
        &mut self.gradients
    }

    /// The outputs `[batch, width]` of layer `index` after its activation, if there is such a layer.
    pub fn activations(&self, index: usize) -> Option<ArrayView2<'_, F>> {
        let shape = (self.rows, *self.widths.get(index)?);
        Some(view(shape, &self.activations[index]))
    }

    /// After a backward pass, the gradient with respect to the sums `[batch, width]` of layer
    /// `index`, before its activation.
    pub fn deltas(&self, index: usize) -> Option<ArrayView2<'_, F>> {
        let shape = (self.rows, *self.widths.get(index)?);
        Some(view(shape, &self.deltas[index]))
    }

    fn output_shape(&self) -> (usize, usize) {
        (self.rows, self.widths.last().copied().unwrap_or(0))
    }

    /// Sizes every buffer for a batch of `rows`.
    fn fit(&mut self, mlp: &Mlp<F>, rows: usize) {
        let config = mlp.config();
        self.rows = rows;
        self.widths.clear();
        self.widths.extend((0..config.layers()).map(|index| config.layer(index).1));
        self.activations.resize_with(self.widths.len(), Vec::new);
        self.deltas.resize_with(self.widths.len(), Vec::new);
        let buffers = self.activations.iter_mut().zip(&mut self.deltas);
        for ((activations, deltas), width) in buffers.zip(&self.widths) {
            activations.resize(rows * width, F::zero());
            deltas.resize(rows * width, F::zero());
        }
        self.gradients.resize(config.parameters(), F::zero());
    }
}

impl<F: Real> Mlp<F> {
    /// The outputs `[batch, outputs]` for `inputs` `[batch, inputs]`, kept in `workspace` together
    /// with every layer's activations.
    ///
    /// Inputs are not searched for NaN: one ends up in the outputs, where every loss refuses it.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there are as many columns as inputs.
    pub fn forward<'w>(
        &self,
        inputs: &ArrayRef2<F>,
        workspace: &'w mut Workspace<F>,
    ) -> Result<ArrayView2<'w, F>> {
        self.check_inputs(inputs, inputs.nrows())?;
        workspace.fit(self, inputs.nrows());
        for index in 0..self.config().layers() {
            let (weights, bias) = split_layer(self.config(), self.parameters(), index);
            let (before, from) = workspace.activations.split_at_mut(index);
            let out = &mut from[0];
            match before.last() {
                None => affine(&inputs.view(), &weights, &bias, out),
                Some(last) => {
                    let last = view((inputs.nrows(), weights.nrows()), last);
                    affine(&last, &weights, &bias, out);
                }
            }
            self.config().layer_activation(index).apply_inplace(out);
        }
        Ok(workspace.outputs())
    }

    /// From the gradient with respect to the outputs, which the caller has put into
    /// [`Workspace::output_gradient_mut`], the gradients with respect to every parameter. `inputs`
    /// are those of the forward pass before.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless `inputs` has the shape of the last forward pass and that pass was this
    /// network's.
    pub fn backward(&self, inputs: &ArrayRef2<F>, workspace: &mut Workspace<F>) -> Result<()> {
        self.check_inputs(inputs, workspace.rows)?;
        self.check_workspace(workspace)?;
        let rows = workspace.rows;
        for index in (0..self.config().layers()).rev() {
            let (width_in, width) = self.config().layer(index);
            let (lower, upper) = workspace.deltas.split_at_mut(index);
            let delta = view((rows, width), &upper[0]);
            let (mut weight_gradient, mut bias_gradient) =
                split_layer_mut(self.config(), &mut workspace.gradients, index);
            bias_gradient.fill(F::zero());
            delta.rows().into_iter().for_each(|row| bias_gradient += &row);
            let Some(below) = lower.last_mut() else {
                general_mat_mul(F::one(), &inputs.t(), &delta, F::zero(), &mut weight_gradient);
                break;
            };
            let activations = &workspace.activations[index - 1];
            let activations_view = view((rows, width_in), activations);
            general_mat_mul(
                F::one(),
                &activations_view.t(),
                &delta,
                F::zero(),
                &mut weight_gradient,
            );
            let (weights, _) = split_layer(self.config(), self.parameters(), index);
            let mut below_view = view_mut((rows, width_in), below);
            general_mat_mul(F::one(), &delta, &weights.t(), F::zero(), &mut below_view);
            self.config().layer_activation(index - 1).backward_inplace(activations, below);
        }
        Ok(())
    }

    /// After a backward pass, the gradient with respect to the inputs `[batch, inputs]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless that pass was this network's.
    pub fn input_gradient<'w>(&self, workspace: &'w mut Workspace<F>) -> Result<ArrayView2<'w, F>> {
        self.check_workspace(workspace)?;
        let shape = (workspace.rows, self.config().inputs());
        workspace.input_gradient.resize(shape.0 * shape.1, F::zero());
        let delta = view((workspace.rows, workspace.widths[0]), &workspace.deltas[0]);
        let (weights, _) = split_layer(self.config(), self.parameters(), 0);
        let mut gradient = view_mut(shape, &mut workspace.input_gradient);
        general_mat_mul(F::one(), &delta, &weights.t(), F::zero(), &mut gradient);
        Ok(view(shape, &workspace.input_gradient))
    }

    fn check_inputs(&self, inputs: &ArrayRef2<F>, rows: usize) -> Result<()> {
        let expected = [rows, self.config().inputs()];
        if inputs.shape() == expected {
            return Ok(());
        }
        Err(Error::Shape {
            what: "inputs",
            expected: expected.to_vec(),
            got: inputs.shape().to_vec(),
        })
    }

    fn check_workspace(&self, workspace: &Workspace<F>) -> Result<()> {
        let expected = &self.config().widths()[1..];
        if workspace.widths == expected && workspace.gradients.len() == self.parameters().len() {
            return Ok(());
        }
        Err(Error::Shape {
            what: "the workspace (run this network's forward pass first)",
            expected: expected.to_vec(),
            got: workspace.widths.clone(),
        })
    }
}

/// `inputs · weights + bias` into `out` `[rows, outputs]`.
fn affine<F: Real>(
    inputs: &ArrayView2<'_, F>,
    weights: &ArrayView2<'_, F>,
    bias: &ArrayView1<'_, F>,
    out: &mut [F],
) {
    let mut out = view_mut((inputs.nrows(), weights.ncols()), out);
    out.assign(bias);
    if inputs.nrows() > FEW_ROWS {
        general_mat_mul(F::one(), inputs, weights, F::one(), &mut out);
        return;
    }
    for (input, mut out) in inputs.rows().into_iter().zip(out.rows_mut()) {
        for (&x, weights) in input.iter().zip(weights.rows()) {
            // After a ReLU about half of them are 0.
            if x != F::zero() {
                out.scaled_add(x, &weights);
            }
        }
    }
}

/// The buffers are sized by `fit` and the configuration, so the shape always matches.
#[allow(clippy::expect_used)]
fn view<F: Real>(shape: (usize, usize), values: &[F]) -> ArrayView2<'_, F> {
    ArrayView2::from_shape(shape, values).expect("a buffer has its layer's size")
}

#[allow(clippy::expect_used)]
fn view_mut<F: Real>(shape: (usize, usize), values: &mut [F]) -> ArrayViewMut2<'_, F> {
    ArrayViewMut2::from_shape(shape, values).expect("a buffer has its layer's size")
}
