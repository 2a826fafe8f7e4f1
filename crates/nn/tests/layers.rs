//! Layers against PyTorch's, values and gradients.
//!
//! `tests/data/layers.json` was recorded by `xtask/peers/nn_reference.py`. A layer is looked at inside
//! a network whose other layers change nothing.
#![allow(clippy::unwrap_used)]

use approx::assert_relative_eq;
use ndarray::{Array1, Array2};
use reflux_nn::{Activation, Mlp, MlpConfig, Workspace};
use serde_json::Value;

fn file() -> Value {
    serde_json::from_str(include_str!("data/layers.json")).unwrap()
}

fn vector(value: &Value) -> Array1<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Array1<f64>> = value.as_array().unwrap().iter().map(vector).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| rows[row][column])
}

/// A dense layer of this width that gives back its inputs.
fn identity(width: usize) -> Vec<f64> {
    let mut parameters = Array2::<f64>::eye(width).into_raw_vec_and_offset().0;
    parameters.extend(vec![0.0; width]);
    parameters
}

/// A forward and a backward pass with this gradient with respect to the outputs.
fn both_passes(mlp: &Mlp<f64>, inputs: &Array2<f64>, upstream: &Array2<f64>) -> Workspace<f64> {
    let mut workspace = Workspace::new();
    mlp.forward(inputs, &mut workspace).unwrap();
    workspace.output_gradient_mut().assign(upstream);
    mlp.backward(inputs, &mut workspace).unwrap();
    workspace
}

#[test]
fn activations_and_their_derivatives_are_pytorchs() {
    let file = file();
    let grid = vector(&file["grid"]).insert_axis(ndarray::Axis(1));
    let mut seen = vec![Activation::Identity];
    for recorded in file["activations"].as_array().unwrap() {
        let name = match recorded["name"].as_str().unwrap() {
            "leaky_relu 0.01" => "leaky_relu",
            "gelu tanh" => "gelu_tanh",
            name => name,
        };
        let activation = Activation::from_name(name).unwrap();
        seen.push(activation);
        let config = MlpConfig::new(1, &[1], 1).unwrap().with_activation(activation);
        let mlp = Mlp::from_parameters(config, [identity(1), identity(1)].concat()).unwrap();
        let mut workspace = both_passes(&mlp, &grid, &Array2::ones(grid.dim()));
        // What PyTorch's own formulas lose far out on the negative side is absolute.
        let expected = vector(&recorded["values"]);
        assert_relative_eq!(
            workspace.outputs().column(0),
            expected,
            max_relative = 1e-13,
            epsilon = 2e-14
        );
        let expected = vector(&recorded["derivatives"]);
        let derivatives = mlp.input_gradient(&mut workspace).unwrap();
        assert_relative_eq!(derivatives.column(0), expected, max_relative = 1e-13, epsilon = 2e-14);
    }
    assert_eq!(seen.len(), Activation::all().count(), "one activation was not recorded");
}

#[test]
fn layer_norm_and_its_gradients_are_pytorchs() {
    let recorded = &file()["layer_norm"];
    let [inputs, upstream, outputs, input_gradient] =
        ["inputs", "upstream", "outputs", "input_gradient"].map(|key| matrix(&recorded[key]));
    let [gain, shift, gain_gradient, shift_gradient] =
        ["gain", "shift", "gain_gradient", "shift_gradient"].map(|key| vector(&recorded[key]));
    let width = inputs.ncols();
    let config = MlpConfig::new(width, &[width], width).unwrap();
    let config = config.with_layer_norm(true).with_activation(Activation::Identity);
    let norm = [gain.to_vec(), shift.to_vec()].concat();
    let parameters = [identity(width), norm, identity(width)].concat();
    let mlp = Mlp::from_parameters(config, parameters).unwrap();
    let mut workspace = both_passes(&mlp, &inputs, &upstream);
    assert_relative_eq!(workspace.outputs(), outputs, max_relative = 1e-12, epsilon = 1e-14);
    let start = width * (width + 1);
    let gradient = &workspace.gradients()[start..start + 2 * width];
    let expected = [gain_gradient.to_vec(), shift_gradient.to_vec()].concat();
    assert_relative_eq!(gradient, &expected[..], max_relative = 1e-12, epsilon = 1e-14);
    let gradient = mlp.input_gradient(&mut workspace).unwrap();
    assert_relative_eq!(gradient, input_gradient, max_relative = 1e-11, epsilon = 1e-14);
}

#[test]
fn the_dueling_head_and_its_gradients_are_pytorchs() {
    let recorded = &file()["dueling"];
    let [hidden, upstream, q, hidden_gradient] =
        ["hidden", "upstream", "q", "hidden_gradient"].map(|key| matrix(&recorded[key]));
    // Our last dense layer gives the value and then the advantages.
    let joined = |ending: &str| -> Vec<f64> {
        let part = |name: &str| &recorded[format!("{name}{ending}")];
        let weights = ["value_weight", "advantage_weight"]
            .map(|name| matrix(part(name)).into_raw_vec_and_offset().0);
        let biases = ["value_bias", "advantage_bias"].map(|name| vector(part(name)).to_vec());
        [weights.concat(), biases.concat()].concat()
    };
    let config = MlpConfig::new(hidden.ncols(), &[], q.ncols()).unwrap().with_dueling(1).unwrap();
    let mlp = Mlp::from_parameters(config, joined("")).unwrap();
    let mut workspace = both_passes(&mlp, &hidden, &upstream);
    assert_relative_eq!(workspace.outputs(), q, max_relative = 1e-13, epsilon = 1e-14);
    let expected = joined("_gradient");
    assert_relative_eq!(
        workspace.gradients(),
        &expected[..],
        max_relative = 1e-12,
        epsilon = 1e-14
    );
    let gradient = mlp.input_gradient(&mut workspace).unwrap();
    assert_relative_eq!(gradient, hidden_gradient, max_relative = 1e-12, epsilon = 1e-14);
}
