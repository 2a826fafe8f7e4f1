//! Models of other frameworks as teachers: a convolutional network of PyTorch's and a random forest of
//! scikit-learn's. `data/digits_cnn.json` and `data/digits_forest.json` say where they come from.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ndarray::{Array2, s};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_distill::{
    Distill, Error, Hinton, Labelling, OnnxOutput, OnnxTeacher, SoftTargets, Teacher, agreement,
};
use reflux_nn::data::{digits, digits_split};
use reflux_nn::{Adam, Fit, Mlp, MlpConfig, accuracy};
use serde_json::Value;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn teacher() -> OnnxTeacher {
    OnnxTeacher::load(data("digits_cnn.onnx"), &[64]).unwrap()
}

fn forest() -> OnnxTeacher {
    let (path, output) = (data("digits_forest.onnx"), OnnxOutput::Probabilities);
    OnnxTeacher::load_output(path, &[64], "probabilities", output).unwrap()
}

#[test]
fn its_logits_are_those_of_pytorch() {
    let record: Value = serde_json::from_str(include_str!("data/digits_cnn.json")).unwrap();
    let first = record["first_row"].as_u64().unwrap() as usize;
    let rows = record["logits"].as_array().unwrap();
    let all = digits().unwrap();
    let inputs = all.inputs();
    let said = teacher().logits(&inputs.slice(s![first..first + rows.len(), ..])).unwrap();
    for (said, expected) in said.rows().into_iter().zip(rows) {
        for (said, expected) in said.iter().zip(expected.as_array().unwrap()) {
            let expected = expected.as_f64().unwrap();
            assert!((f64::from(*said) - expected).abs() < 1e-4, "{said}, {expected}");
        }
    }
    let test = all.select(&digits_split().unwrap().test).unwrap();
    let right = accuracy(&teacher().logits(&test.inputs()).unwrap(), test.labels()).unwrap();
    let errors = record["errors"].as_f64().unwrap();
    assert_eq!(((1.0 - right) * test.len() as f64).round(), errors);
}

#[test]
fn a_forest_gives_the_probabilities_of_scikit_learn() {
    let record: Value = serde_json::from_str(include_str!("data/digits_forest.json")).unwrap();
    let first = record["first_row"].as_u64().unwrap() as usize;
    let rows = record["probabilities"].as_array().unwrap();
    let all = digits().unwrap();
    let inputs = all.inputs();
    let said = forest().logits(&inputs.slice(s![first..first + rows.len(), ..])).unwrap();
    for (said, expected) in said.rows().into_iter().zip(rows) {
        for (said, expected) in said.iter().zip(expected.as_array().unwrap()) {
            assert!((f64::from(said.exp()) - expected.as_f64().unwrap()).abs() < 1e-5);
        }
    }
    let test = all.select(&digits_split().unwrap().test).unwrap();
    let right = accuracy(&forest().logits(&test.inputs()).unwrap(), test.labels()).unwrap();
    let errors = record["errors"].as_f64().unwrap();
    assert_eq!(((1.0 - right) * test.len() as f64).round(), errors);
}

#[test]
fn students_learn_from_network_and_forest_without_labels() {
    // One that learned nothing agrees on a tenth.
    let [network, forest] = [teacher(), forest()].map(|teacher| agreement_of_student(&teacher));
    assert!(network > 0.92 && forest > 0.85, "{network}, {forest}");
}

/// On what part of the test rows a student chooses as its teacher does.
fn agreement_of_student(teacher: &OnnxTeacher) -> f64 {
    let (all, split) = (digits().unwrap(), digits_split().unwrap());
    let (seen, test) = (all.select(&split.train).unwrap(), all.select(&split.test).unwrap());
    let labelling = Labelling::new().with_batch_size(128).unwrap();
    let targets = labelling.run(teacher, &seen.inputs(), |_| ControlFlow::Continue(())).unwrap();
    let loss = Hinton::new().with_alpha(0.0).unwrap().with_temperature(4.0).unwrap();
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(4);
    let mut student = Mlp::new(MlpConfig::new(64, &[32], 10).unwrap(), rng).unwrap();
    let mut objective = Distill::unlabelled(&targets, loss).unwrap();
    let (fit, mut adam) = (Fit::new(40, 32).unwrap(), Adam::new(3e-3).unwrap());
    fit.run(&mut student, &seen.inputs(), &mut objective, &mut adam, rng, |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    let said = student.predict(&test.inputs()).unwrap();
    agreement(&said, &teacher.logits(&test.inputs()).unwrap()).unwrap()
}

#[test]
fn batches_of_any_size_and_either_type_say_the_same() {
    let all = digits().unwrap();
    let inputs = all.inputs();
    let inputs = inputs.slice(s![..10, ..]);
    let together = teacher().logits(&inputs).unwrap();
    let wide: Array2<f64> = teacher().logits(&inputs.mapv(f64::from)).unwrap();
    assert_eq!(wide.mapv(|x| x as f32), together);
    let alone = teacher().logits(&inputs.slice(s![3..4, ..])).unwrap();
    for (a, b) in alone.iter().zip(together.row(3)) {
        assert!((a - b).abs() < 1e-4);
    }
    let none = SoftTargets::from_teacher(&teacher(), &Array2::<f32>::zeros((0, 64))).unwrap();
    assert_eq!((none.rows(), none.classes()), (0, 10));
}

#[test]
fn its_fingerprint_is_that_of_its_file() {
    let fingerprint = |teacher: OnnxTeacher| Teacher::<f32>::fingerprint(&teacher).unwrap();
    assert_eq!(fingerprint(teacher()), fingerprint(teacher()));
    let output = OnnxOutput::Probabilities;
    let other = OnnxTeacher::load_output(data("digits_cnn.onnx"), &[64], "logits", output).unwrap();
    assert_ne!(fingerprint(teacher()), fingerprint(other));
}

#[test]
fn models_that_do_not_fit_are_typed_errors() {
    let path = data("digits_cnn.onnx");
    let wrong = OnnxTeacher::load(&path, &[65]);
    assert!(matches!(wrong, Err(Error::Onnx { .. })), "{wrong:?}");
    let name = OnnxTeacher::load_output(&path, &[64], "no such", OnnxOutput::Logits);
    assert!(matches!(name, Err(Error::Onnx { .. })), "{name:?}");
    let inputs = teacher().logits(&Array2::<f32>::zeros((1, 63)));
    assert!(matches!(inputs, Err(Error::Shape { .. })));
    let several = OnnxTeacher::load(data("digits_forest.onnx"), &[64]).unwrap_err().to_string();
    assert!(several.contains("2 outputs") && several.contains("probabilities"), "{several}");
    let label = OnnxTeacher::load_output(
        data("digits_forest.onnx"),
        &[64],
        "label",
        OnnxOutput::Probabilities,
    );
    assert!(matches!(label, Err(Error::Onnx { .. })), "{label:?}");
    let missing = OnnxTeacher::load("no such file.onnx", &[64]);
    assert!(matches!(missing, Err(Error::File { .. })));
}

#[test]
fn an_operator_that_the_runtime_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.onnx");
    let mut bytes = std::fs::read(data("digits_cnn.onnx")).unwrap();
    let at = bytes.windows(7).position(|word| word == b"MaxPool").unwrap();
    bytes[at..at + 7].copy_from_slice(b"MaxPuul");
    std::fs::write(&path, &bytes).unwrap();
    let error = OnnxTeacher::load(&path, &[64]).unwrap_err();
    assert!(matches!(error, Error::OnnxOperators { .. }), "{error:?}");
    assert!(error.to_string().contains("MaxPuul"), "{error}");
}

#[test]
fn damaged_files_are_typed_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let whole = std::fs::read(data("digits_cnn.onnx")).unwrap();
    for length in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let result = OnnxTeacher::load(&path, &[64]);
        assert!(matches!(result, Err(Error::File { .. } | Error::Onnx { .. })), "{length}");
    }
    std::fs::write(&path, b"hello, this is no model").unwrap();
    assert!(matches!(OnnxTeacher::load(&path, &[64]), Err(Error::File { .. })));
}
