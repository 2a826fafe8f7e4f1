//! Networks as ONNX models, for whatever runs those.
//!
//! Operator set 17, of 2022, is the first with layer normalisation; GELU and SiLU are written out in
//! operators that it has. Dropout is left out, and noisy layers are their means.

mod graph;
mod proto;

use std::path::Path;

use prost::Message;

use crate::activation::{GELU_CUBE, LEAK};
use crate::archive::write_whole;
use crate::layer::{Dueling, Layer, LayerNorm, Linear};
use crate::{Activation, Mlp, Result};
use graph::Builder;

/// ONNX's version of its operators, and of its format.
const OPERATORS: i64 = 17;
const FORMAT: i64 = 8;

impl Mlp<f32> {
    /// Writes the network to `path` as an ONNX model, beside it first and then renamed.
    ///
    /// It has an input `input` `[batch, inputs]` and an output `logits` `[batch, outputs]` in f32, the
    /// batch of any size; it uses operator set 17 and ONNX's format 8, which onnxruntime reads from
    /// 1.12 on. What it computes is [`Mlp::forward`]: nothing is dropped out, and noisy layers use
    /// their means.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) where the folder cannot be written to or the disk is full.
    pub fn save_onnx(&self, path: impl AsRef<Path>) -> Result<()> {
        write_whole(path.as_ref(), &self.to_onnx_bytes())
    }

    /// The bytes that [`save_onnx`](Self::save_onnx) writes. The same network gives the same bytes.
    ///
    /// # Example
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use rand_xoshiro::Xoshiro256PlusPlus;
    /// use reflux_nn::{Mlp, MlpConfig};
    ///
    /// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    /// let mlp = Mlp::new(MlpConfig::new(4, &[64, 64], 2)?, rng)?;
    /// let bytes = mlp.to_onnx_bytes();
    /// assert!(bytes.len() > 4 * mlp.parameters().len());
    /// # Ok::<(), reflux_nn::Error>(())
    /// ```
    pub fn to_onnx_bytes(&self) -> Vec<u8> {
        let sequence = self.sequence();
        let mut graph = Builder::new("input", self.config().inputs());
        for (index, layer) in sequence.layers.iter().enumerate() {
            let parameters = sequence.part(self.parameters(), index);
            graph.begin_layer(index);
            match layer {
                Layer::Linear(linear) => add_linear(&mut graph, *linear, parameters),
                // The means come first.
                Layer::Noisy(noisy) => add_linear(&mut graph, noisy.linear, parameters),
                Layer::LayerNorm(norm) => add_layer_norm(&mut graph, *norm, parameters),
                Layer::Activation(activation, _) => add_activation(&mut graph, *activation),
                Layer::Dropout(_) => {}
                Layer::Dueling(dueling) => add_dueling(&mut graph, *dueling),
            }
        }
        let graph = graph.finish("logits", self.config().outputs());
        let model = proto::Model {
            ir_version: FORMAT,
            producer_name: "reflux-nn".to_owned(),
            graph: Some(graph),
            opset_import: vec![proto::OperatorSet { domain: String::new(), version: OPERATORS }],
        };
        model.encode_to_vec()
    }
}

fn add_linear(graph: &mut Builder, linear: Linear, parameters: &[f32]) {
    let (weights, bias) = parameters.split_at(linear.inputs * linear.outputs);
    let weights = graph.floats("weight", &[linear.outputs, linear.inputs], weights);
    let bias = graph.floats("bias", &[linear.outputs], &bias[..linear.outputs]);
    let inputs = graph.last();
    graph.add("Gemm", &[&inputs, &weights, &bias]).integer("transB", 1);
}

fn add_layer_norm(graph: &mut Builder, norm: LayerNorm, parameters: &[f32]) {
    let (scale, shift) = parameters.split_at(norm.width);
    let scale = graph.floats("weight", &[norm.width], scale);
    let shift = graph.floats("bias", &[norm.width], shift);
    let inputs = graph.last();
    graph
        .add("LayerNormalization", &[&inputs, &scale, &shift])
        .integer("axis", -1)
        .float("epsilon", LayerNorm::EPSILON as f32);
}

fn add_activation(graph: &mut Builder, activation: Activation) {
    let x = graph.last();
    match activation {
        Activation::Identity => {}
        Activation::Relu => _ = graph.add("Relu", &[&x]),
        Activation::LeakyRelu => _ = graph.add("LeakyRelu", &[&x]).float("alpha", LEAK as f32),
        Activation::Tanh => _ = graph.add("Tanh", &[&x]),
        Activation::Sigmoid => _ = graph.add("Sigmoid", &[&x]),
        Activation::Silu => {
            graph.add("Sigmoid", &[&x]);
            graph.then("Mul", &x);
        }
        Activation::Gelu => {
            // x/2·(1 + erf(x/√2))
            graph.then_number("Mul", "root_half", std::f32::consts::FRAC_1_SQRT_2);
            let argument = graph.last();
            graph.add("Erf", &[&argument]);
            half_of_one_more(graph, &x);
        }
        Activation::GeluTanh => {
            // x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
            graph.add("Mul", &[&x, &x]);
            graph.then("Mul", &x);
            graph.then_number("Mul", "cubic", GELU_CUBE as f32);
            graph.then("Add", &x);
            graph.then_number("Mul", "root", (2.0 / std::f64::consts::PI).sqrt() as f32);
            let argument = graph.last();
            graph.add("Tanh", &[&argument]);
            half_of_one_more(graph, &x);
        }
    }
}

/// `x/2·(1 + last)`
fn half_of_one_more(graph: &mut Builder, x: &str) {
    graph.then_number("Add", "one", 1.0);
    graph.then("Mul", x);
    graph.then_number("Mul", "half", 0.5);
}

fn add_dueling(graph: &mut Builder, dueling: Dueling) {
    let Dueling { actions, atoms } = dueling;
    // [batch, 1 + actions, atoms]; a 0 stands for the extent that there was.
    let shape = graph.integers("split_shape", &[0, 1 + actions as i64, atoms as i64]);
    graph.then("Reshape", &shape);
    let parts = graph.integers("parts", &[1, actions as i64]);
    let joined = graph.last();
    let (value, advantage) = graph.split(&joined, &parts, 1);
    graph.add("ReduceMean", &[&advantage]).integers("axes", &[1]).integer("keepdims", 1);
    let mean = graph.last();
    graph.add("Sub", &[&advantage, &mean]);
    graph.then("Add", &value);
    let shape = graph.integers("shape", &[0, (actions * atoms) as i64]);
    graph.then("Reshape", &shape);
}
