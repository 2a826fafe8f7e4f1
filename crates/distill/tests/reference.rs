//! Compared with PyTorch in f64: `data/objectives.json` names its version and the script that wrote it
//! from the papers' formulas.
#![allow(clippy::unwrap_used)]

use approx::assert_relative_eq;
use ndarray::{Array1, Array2, Axis};
use reflux_distill::{
    DecoupledKd, Dist, Divergence, FeatureLoss, LogitBatch, LogitLoss, Relational, Result,
    Similarity, Standardized,
};
use serde_json::Value;

fn vector(value: &Value) -> Array1<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Array1<f64>> = value.as_array().unwrap().iter().map(vector).collect();
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    ndarray::stack(Axis(0), &views).unwrap()
}

/// What this crate makes of an entry's settings.
fn evaluate(file: &Value, entry: &Value) -> Result<(f64, Array2<f64>)> {
    let number = |name: &str| entry[name].as_f64().unwrap();
    let name = entry["name"].as_str().unwrap();
    let logit_loss: Box<dyn LogitLoss<f64>> = match name {
        "decoupled" => {
            let loss = DecoupledKd::new().with_alpha(number("alpha"))?.with_beta(number("beta"))?;
            Box::new(loss.with_temperature(number("temperature"))?)
        }
        "dist" => {
            let loss = Dist::new().with_beta(number("beta"))?.with_gamma(number("gamma"))?;
            Box::new(loss.with_temperature(number("temperature"))?)
        }
        "standardized" => {
            Box::new(Standardized::new(Divergence::forward_kl(number("temperature"))?))
        }
        _ => return evaluate_features(file, name),
    };
    let mut loss = logit_loss;
    let (student, teacher) = (matrix(&file["student"]), matrix(&file["teacher"]));
    let labels: Vec<usize> = vector(&file["labels"]).iter().map(|&x| x as usize).collect();
    let mut gradient = Array2::zeros(student.dim());
    let batch = LogitBatch::new(&student, &teacher).with_labels(&labels);
    Ok((loss.value_and_gradient(batch, &mut gradient)?, gradient))
}

fn evaluate_features(file: &Value, name: &str) -> Result<(f64, Array2<f64>)> {
    let relational = |distances, angles| {
        Relational::new().with_distance_weight(distances)?.with_angle_weight(angles)
    };
    let mut loss: Box<dyn FeatureLoss<f64>> = match name {
        "similarity" => Box::new(Similarity::new()),
        "relational_distance" => Box::new(relational(1.0, 0.0)?),
        "relational_angle" => Box::new(relational(0.0, 1.0)?),
        other => panic!("{other}"),
    };
    let student = matrix(&file["student_features"]);
    let mut gradient = Array2::zeros(student.dim());
    let teacher = matrix(&file["teacher_features"]);
    Ok((loss.value_and_gradient(&student, &teacher, &mut gradient)?, gradient))
}

#[test]
fn every_objective_and_its_gradient_agree() {
    let file: Value = serde_json::from_str(include_str!("data/objectives.json")).unwrap();
    let entries = file["losses"].as_array().unwrap();
    assert_eq!(entries.len(), 4 + 3 + 2 + 3);
    for entry in entries {
        let (value, gradient) = evaluate(&file, entry).unwrap();
        // What is added to divisors, 1e-7 and 1e-8, is not in the papers' formulas.
        let bound = match entry["name"].as_str().unwrap() {
            "dist" => 1e-5,
            "standardized" => 1e-6,
            _ => 1e-11,
        };
        let expected = entry["value"].as_f64().unwrap();
        assert!((value - expected).abs() <= bound * expected.abs(), "{value}, {}", entry["name"]);
        let slopes = matrix(&entry["gradient"]);
        let largest = slopes.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
        assert_relative_eq!(gradient, slopes, epsilon = bound * largest, max_relative = bound);
    }
}
