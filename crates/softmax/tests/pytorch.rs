//! Compared with PyTorch in f64: `data/pytorch.json` names its version and the script that wrote it.
#![allow(clippy::unwrap_used)]

use approx::assert_relative_eq;
use ndarray::{Array1, Array2, Axis};
use reflux_softmax::{
    CrossEntropy, Distillation, Divergence, DivergenceKind, Entropy, LogitMse, Pass, Result,
    SoftCrossEntropy, log_softmax, logsumexp, softmax,
};
use serde_json::Value;

struct Reference {
    file: Value,
    logits: Array2<f64>,
    teacher: Array2<f64>,
    labels: Vec<usize>,
}

impl Reference {
    fn read() -> Self {
        let file: Value = serde_json::from_str(include_str!("data/pytorch.json")).unwrap();
        let labels = file["labels"].as_array().unwrap();
        let labels = labels.iter().map(|label| label.as_u64().unwrap() as usize).collect();
        Self { logits: matrix(&file["logits"]), teacher: matrix(&file["teacher"]), labels, file }
    }
}

fn vector(value: &Value) -> Array1<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Array1<f64>> = value.as_array().unwrap().iter().map(vector).collect();
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    ndarray::stack(Axis(0), &views).unwrap()
}

#[test]
fn softmax_and_its_relatives_agree() {
    let reference = Reference::read();
    let logits = &reference.logits;
    for entry in reference.file["softmax"].as_array().unwrap() {
        let temperature = entry["temperature"].as_f64().unwrap();
        let p = softmax(logits, Axis(1), temperature).unwrap();
        assert_relative_eq!(p, matrix(&entry["softmax"]), max_relative = 1e-13);
        let log_p = log_softmax(logits, Axis(1), temperature).unwrap();
        assert_relative_eq!(log_p, matrix(&entry["log_softmax"]), max_relative = 1e-13);
        let sums = logsumexp(logits, Axis(1), temperature).unwrap();
        assert_relative_eq!(sums, vector(&entry["logsumexp"]), max_relative = 1e-13);

        let narrow = softmax(&logits.mapv(|x| x as f32), Axis(1), temperature as f32).unwrap();
        let narrow = narrow.mapv(f64::from);
        assert_relative_eq!(narrow, matrix(&entry["softmax"]), max_relative = 2.5e-7);
    }
}

#[test]
fn every_loss_and_its_gradient_agree() {
    let reference = Reference::read();
    let entries = reference.file["losses"].as_array().unwrap();
    assert_eq!(entries.len(), 3 + 4 * 9);
    for entry in entries {
        let mut gradient = Array2::zeros(reference.logits.dim());
        let value = evaluate(&reference, entry, Pass::new().with_gradient(&mut gradient)).unwrap();
        let name = &entry["name"];
        let expected = entry["value"].as_f64().unwrap();
        assert!((value - expected).abs() <= 1e-12 * expected, "{name}: {value}, not {expected}");
        assert_relative_eq!(
            gradient,
            matrix(&entry["gradient"]),
            max_relative = 1e-10,
            epsilon = 1e-14
        );
    }
}

/// The loss that an entry names.
fn evaluate(reference: &Reference, entry: &Value, pass: Pass<'_, f64>) -> Result<f64> {
    let Reference { logits, teacher, labels, .. } = reference;
    let setting = |name| entry[name].as_f64().unwrap();
    let divergence =
        |kind, pass| Divergence::new(kind, setting("temperature"))?.evaluate(logits, teacher, pass);
    match entry["name"].as_str().unwrap() {
        "cross_entropy" => CrossEntropy::new()
            .with_label_smoothing(setting("label_smoothing"))?
            .evaluate(logits, labels, pass),
        "logit_mse" => LogitMse::new().evaluate(logits, teacher, pass),
        "soft_cross_entropy" => {
            let targets = softmax(teacher, Axis(1), setting("temperature"))?;
            SoftCrossEntropy::new(setting("temperature"))?.evaluate(logits, &targets, pass)
        }
        "forward_kl" => divergence(DivergenceKind::ForwardKl, pass),
        "reverse_kl" => divergence(DivergenceKind::ReverseKl, pass),
        "jensen_shannon" => divergence(DivergenceKind::JensenShannon, pass),
        "total_variation" => divergence(DivergenceKind::TotalVariation, pass),
        "entropy" => {
            Entropy::new().with_temperature(setting("temperature"))?.evaluate(logits, pass)
        }
        "distillation" => Distillation::new()
            .with_alpha(setting("alpha"))?
            .with_temperature(setting("temperature"))?
            .evaluate(logits, teacher, Some(labels), pass),
        other => panic!("the file has an unknown loss, {other}"),
    }
}
