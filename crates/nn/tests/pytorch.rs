//! Files and models between us and PyTorch and onnxruntime.
//!
//! `tests/data/torch.*` was recorded by `xtask/peers/nn_reference.py`. With the environment variable
//! `REFLUX_PYTHON` naming a Python that has the packages of `xtask/peers/requirements-torch.txt`,
//! `xtask/peers/check_export.py` is asked too whether PyTorch and onnxruntime compute what we do.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use approx::assert_relative_eq;
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{Activation, Mlp, MlpConfig};
use serde_json::Value;

fn matrix(value: &Value) -> Array2<f32> {
    let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| rows[row][column])
}

#[test]
fn a_file_of_pytorchs_gives_pytorchs_outputs() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let recorded: Value = serde_json::from_str(include_str!("data/torch.json")).unwrap();
    let mlp = Mlp::load(data.join("torch.safetensors")).unwrap();
    assert_eq!(mlp.config(), &MlpConfig::new(5, &[7], 3).unwrap());
    let outputs = mlp.predict(&matrix(&recorded["inputs"])).unwrap();
    assert_relative_eq!(outputs, matrix(&recorded["outputs"]), max_relative = 1e-5, epsilon = 1e-5);
}

/// Every activation, and every layer that a network can have.
fn configs() -> Vec<MlpConfig> {
    let plain = || MlpConfig::new(5, &[7, 6], 4).unwrap();
    let mut configs: Vec<MlpConfig> =
        Activation::all().map(|activation| plain().with_activation(activation)).collect();
    let dropped = |config: MlpConfig| {
        config.with_dropout(0.5).unwrap().with_input_dropout(0.2).unwrap().with_layer_norm(true)
    };
    configs.push(dropped(plain()));
    configs.push(plain().with_noisy(0.5, 2).unwrap());
    configs.push(plain().with_dueling(1).unwrap());
    configs.push(dropped(plain()).with_dueling(2).unwrap().with_noisy(0.5, 3).unwrap());
    configs.push(MlpConfig::new(5, &[], 4).unwrap());
    configs
}

#[test]
fn pytorch_and_onnxruntime_compute_what_we_do() {
    let Some(python) = std::env::var_os("REFLUX_PYTHON") else {
        println!("skipped: REFLUX_PYTHON names no Python with PyTorch and onnxruntime");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/peers/check_export.py");
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(5);
    let folder = tempfile::tempdir().unwrap();
    let mut folders = Vec::new();
    for (index, config) in configs().into_iter().enumerate() {
        let mut mlp = Mlp::<f32>::new(config, rng).unwrap();
        // Scales of 1 and biases of 0 would hide a mistake.
        mlp.parameters_mut().iter_mut().for_each(|x| *x += rng.random_range(-0.3..0.3));
        let inputs = Array2::from_shape_simple_fn((9, 5), || rng.random_range(-2.0_f32..2.0));
        let outputs = mlp.predict(&inputs).unwrap();
        let folder = folder.path().join(index.to_string());
        std::fs::create_dir(&folder).unwrap();
        for (name, values) in [("inputs", &inputs), ("outputs", &outputs)] {
            let rows: Vec<Vec<f32>> = values.rows().into_iter().map(|row| row.to_vec()).collect();
            let text = serde_json::to_string(&rows).unwrap();
            std::fs::write(folder.join(format!("{name}.json")), text).unwrap();
        }
        mlp.save(folder.join("model.safetensors")).unwrap();
        #[cfg(feature = "onnx")]
        mlp.save_onnx(folder.join("model.onnx")).unwrap();
        folders.push(folder);
    }
    let answer = Command::new(python).arg(script).args(folders).output().unwrap();
    let said = String::from_utf8_lossy(&answer.stdout);
    assert!(answer.status.success(), "{said}{}", String::from_utf8_lossy(&answer.stderr));
    println!("{said}");
}
