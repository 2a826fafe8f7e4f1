//! Our ONNX models are what they were when onnxruntime ran them, and we compute what it did.
//!
//! `tests/data/onnx` holds models of ours and, in `outputs.json`, what onnxruntime made of them; the
//! head of `xtask/peers/onnx_reference.py` says how to record both again.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use approx::assert_relative_eq;
use ndarray::Array2;
use reflux_nn::{Activation, Mlp, MlpConfig};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx")
}

/// A network for each activation, and one with every kind of layer. Parameters are multiples of 1/64,
/// so that they are the same on every machine.
fn networks() -> Vec<(&'static str, Mlp)> {
    let plain = |activation| MlpConfig::new(3, &[4], 2).unwrap().with_activation(activation);
    let mut configs: Vec<(&str, MlpConfig)> =
        Activation::all().map(|activation| (activation.name(), plain(activation))).collect();
    let all = MlpConfig::new(3, &[4, 3], 6).unwrap().with_layer_norm(true);
    let all = all.with_dropout(0.5).unwrap().with_input_dropout(0.25).unwrap();
    configs.push(("every_layer", all.with_dueling(2).unwrap().with_noisy(0.5, 2).unwrap()));
    let network = |config: MlpConfig| {
        let parameters = (1..=config.parameters()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0);
        Mlp::from_parameters(config.clone(), parameters.collect()).unwrap()
    };
    configs.into_iter().map(|(name, config)| (name, network(config))).collect()
}

#[test]
fn models_and_outputs_are_those_that_onnxruntime_ran() {
    let text = std::fs::read_to_string(folder().join("outputs.json")).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let matrix = |value: &Value| -> Array2<f32> {
        let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).unwrap();
        Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| rows[row][column])
    };
    let inputs = matrix(&recorded["inputs"]);
    for (name, mlp) in networks() {
        let model = std::fs::read(folder().join(format!("{name}.onnx"))).unwrap();
        assert!(mlp.to_onnx_bytes() == model, "{name}.onnx is not what it was: record it again");
        let outputs = mlp.predict(&inputs).unwrap();
        let expected = matrix(&recorded["outputs"][name]);
        assert_relative_eq!(outputs, expected, max_relative = 1e-5, epsilon = 1e-5);
    }
}

#[test]
#[ignore = "writes the models that onnx_reference.py runs"]
fn write_models() {
    std::fs::create_dir_all(folder()).unwrap();
    for (name, mlp) in networks() {
        mlp.save_onnx(folder().join(format!("{name}.onnx"))).unwrap();
    }
}
