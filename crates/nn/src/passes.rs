//! The forward and the backward pass, layer by layer.
//!
//! ```text
//! forward:   x_{l+1} = f_l(x_l; θ_l)
//! backward:  δ_l = ∂L/∂x_l = (∂f_l/∂x_l)ᵀ δ_{l+1},      ∂L/∂θ_l = (∂f_l/∂θ_l)ᵀ δ_{l+1}
//! ```

use ndarray::{ArrayRef2, ArrayView2};
use rand::{Rng, RngCore};
use reflux_softmax::Real;

use crate::layer::Seen;
use crate::sequence::Sequence;
use crate::workspace::{view, view_mut};
use crate::{Error, Mlp, Result, Workspace};

impl<F: Real> Mlp<F> {
    /// The outputs `[batch, outputs]` for `inputs` `[batch, inputs]`, left in `workspace` with all that
    /// a backward pass needs. Nothing is dropped out, and noisy layers use their means.
    ///
    /// NaN or infinite inputs give such outputs; [`Mlp::predict`] refuses them.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there are as many columns as inputs.
    pub fn forward<'w>(
        &self,
        inputs: &ArrayRef2<F>,
        workspace: &'w mut Workspace<F>,
    ) -> Result<ArrayView2<'w, F>> {
        self.run(inputs, workspace, None)
    }

    /// [`forward`](Self::forward) as in training: what is dropped out, and the noise, are drawn from
    /// `rng`, and a backward pass goes through the same. A network without either draws nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there are as many columns as inputs.
    pub fn forward_train<'w, R: Rng + ?Sized>(
        &self,
        inputs: &ArrayRef2<F>,
        workspace: &'w mut Workspace<F>,
        rng: &mut R,
    ) -> Result<ArrayView2<'w, F>> {
        let mut rng = rng;
        self.run(inputs, workspace, Some(&mut rng))
    }

    fn run<'w>(
        &self,
        inputs: &ArrayRef2<F>,
        workspace: &'w mut Workspace<F>,
        mut rng: Option<&mut dyn RngCore>,
    ) -> Result<ArrayView2<'w, F>> {
        self.check_inputs(inputs, inputs.nrows())?;
        let (sequence, rows) = (self.sequence(), inputs.nrows());
        workspace.prepare(sequence, rows);
        let Workspace { values, kept, outputs, .. } = &mut *workspace;
        for (index, layer) in sequence.layers.iter().enumerate() {
            let (before, from) = values.split_at_mut(index);
            let inputs = layer_inputs(inputs, before.last(), rows);
            let parameters = sequence.part(self.parameters(), index);
            let rng: Option<&mut dyn RngCore> = match &mut rng {
                Some(rng) => Some(&mut **rng),
                None => None,
            };
            layer.forward(parameters, inputs, &mut kept[index], &mut from[0], rng);
        }
        if let Some(last) = values.last() {
            let width = self.config().outputs();
            view_mut((rows, width), outputs).assign(&view((width, rows), last).t());
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
        let (sequence, rows) = (self.sequence(), workspace.rows);
        workspace.prepare_backward(self.parameters().len());
        let Workspace { values, kept, deltas, added, output_gradient, gradients, .. } = workspace;
        if let Some(last) = deltas.last_mut() {
            let width = self.config().outputs();
            view_mut((width, rows), last).assign(&view((rows, width), output_gradient).t());
        }
        // What lies below the first dense layer has no parameters.
        for index in (sequence.dense[0]..sequence.layers.len()).rev() {
            let layer = &sequence.layers[index];
            let (below, delta) = deltas.split_at_mut(index);
            let delta = &mut delta[0];
            delta.iter_mut().zip(&added[index]).for_each(|(delta, &added)| *delta += added);
            let inputs = layer_inputs(inputs, values[..index].last(), rows);
            let seen = Seen { inputs, outputs: &values[index], kept: &kept[index] };
            layer.parameter_gradient(seen, delta, sequence.part_mut(gradients, index));
            if index > sequence.dense[0] {
                let parameters = sequence.part(self.parameters(), index);
                layer.input_gradient(parameters, seen, delta, &mut below[index - 1]);
            }
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
        let (sequence, rows) = (self.sequence(), workspace.rows);
        workspace.prepare_backward(self.parameters().len());
        let Workspace { values, kept, deltas, input_gradient, .. } = workspace;
        let shape = (self.config().inputs(), rows);
        input_gradient.resize(shape.0 * shape.1, F::zero());
        for index in (0..=sequence.dense[0]).rev() {
            let (below, delta) = deltas.split_at_mut(index);
            let below = below.last_mut().unwrap_or(input_gradient);
            // Neither a dense layer nor a dropout, which are all that there is down here, looks at its
            // inputs again.
            let seen =
                Seen { inputs: view((0, rows), &[]), outputs: &values[index], kept: &kept[index] };
            let parameters = sequence.part(self.parameters(), index);
            sequence.layers[index].input_gradient(parameters, seen, &delta[0], below);
        }
        Ok(view(shape, input_gradient).reversed_axes())
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
        if workspace.sequence.as_ref() == Some(self.sequence()) {
            return Ok(());
        }
        Err(Error::Shape {
            what: "the workspace (run this network's forward pass first)",
            expected: self.sequence().widths(),
            got: workspace.sequence.as_ref().map_or_else(Vec::new, Sequence::widths),
        })
    }
}

/// What goes into a layer `[width, rows]`: the outputs of the one before, or the network's inputs.
fn layer_inputs<'a, F: Real>(
    inputs: &'a ArrayRef2<F>,
    before: Option<&'a Vec<F>>,
    rows: usize,
) -> ArrayView2<'a, F> {
    match before {
        None => inputs.view().reversed_axes(),
        Some(before) => view((before.len() / rows.max(1), rows), before),
    }
}
