//! The layers of a network in order, and where the parameters of each lie.

use crate::layer::{Dropout, Dueling, Layer, LayerNorm, Linear, Noisy};
use crate::{Activation, MlpConfig};

/// What an [`MlpConfig`] says, layer by layer. The number of a layer here is its number in the
/// equivalent `torch.nn.Sequential`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sequence {
    pub(crate) layers: Vec<Layer>,
    /// Where the parameters of each layer start, and at the end where they end.
    pub(crate) starts: Vec<usize>,
    /// The numbers of the dense layers, noisy or not.
    pub(crate) dense: Vec<usize>,
    /// The numbers of the activations: what gives a hidden layer's values.
    pub(crate) hidden: Vec<usize>,
}

impl Sequence {
    pub(crate) fn new(config: &MlpConfig) -> Self {
        let mut layers = Vec::new();
        let (mut dense, mut hidden) = (Vec::new(), Vec::new());
        if config.input_dropout() > 0.0 {
            let probability = config.input_dropout();
            layers.push(Layer::Dropout(Dropout { width: config.inputs(), probability }));
        }
        let mut inputs = config.inputs();
        for (index, &width) in config.hidden().iter().enumerate() {
            dense.push(layers.len());
            layers.push(dense_layer(config, index, inputs, width));
            if config.layer_norm() {
                layers.push(Layer::LayerNorm(LayerNorm { width }));
            }
            if config.activation() != Activation::Identity {
                layers.push(Layer::Activation(config.activation(), width));
            }
            hidden.push(layers.len() - 1);
            if config.dropout() > 0.0 {
                let probability = config.dropout();
                layers.push(Layer::Dropout(Dropout { width, probability }));
            }
            inputs = width;
        }
        let head = config
            .dueling_atoms()
            .map(|atoms| Dueling { actions: config.outputs() / atoms, atoms });
        dense.push(layers.len());
        let outputs = head.map_or(config.outputs(), |head| head.inputs());
        layers.push(dense_layer(config, config.hidden().len(), inputs, outputs));
        layers.extend(head.map(Layer::Dueling));

        let mut starts = vec![0];
        for layer in &layers {
            starts.push(starts[starts.len() - 1] + layer.parameters());
        }
        Self { layers, starts, dense, hidden }
    }

    /// The number of parameters.
    pub(crate) fn parameters(&self) -> usize {
        self.starts[self.layers.len()]
    }

    /// How many values come out of each layer.
    pub(crate) fn widths(&self) -> Vec<usize> {
        self.layers.iter().map(|layer| layer.widths().1).collect()
    }

    /// The part of a slice of parameters, or of their gradients, that belongs to a layer.
    pub(crate) fn part<'a, F>(&self, all: &'a [F], layer: usize) -> &'a [F] {
        &all[self.starts[layer]..self.starts[layer + 1]]
    }

    /// [`part`](Self::part), to be changed.
    pub(crate) fn part_mut<'a, F>(&self, all: &'a mut [F], layer: usize) -> &'a mut [F] {
        &mut all[self.starts[layer]..self.starts[layer + 1]]
    }
}

fn dense_layer(config: &MlpConfig, index: usize, inputs: usize, outputs: usize) -> Layer {
    let linear = Linear { inputs, outputs };
    match config.noisy() {
        Some(noisy) if index + noisy.layers > config.hidden().len() => {
            Layer::Noisy(Noisy { linear, sigma: noisy.sigma })
        }
        _ => Layer::Linear(linear),
    }
}
