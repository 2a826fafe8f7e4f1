//! Losses of 100 training steps against PyTorch's, for each optimizer and schedule.
//!
//! `tests/data/optimizers.json` was recorded by `xtask/peers/nn_reference.py`, and says by which
//! formulas weights, inputs and labels are made.
#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use reflux_nn::{
    Activation, Adam, Mlp, MlpConfig, Optimizer, RmsProp, Schedule, Sgd, Workspace, clip_norm,
};
use reflux_softmax::CrossEntropy;
use serde_json::Value;

/// `number(seed, i)` of the file.
fn numbers(seed: usize) -> impl Iterator<Item = f64> {
    (1..).map(f64::from).map(move |i| (1.7 * i + 0.009 * i * i + seed as f64).sin())
}

fn number(run: &Value, key: &str) -> f64 {
    run[key].as_f64().unwrap_or_else(|| panic!("{key} of {run}"))
}

/// Which optimizer, and its settings that are not 0 or false.
fn describe(run: &Value) -> String {
    let mut words = vec![run["optimizer"].as_str().unwrap().to_owned()];
    for key in ["momentum", "nesterov", "centered", "weight_decay", "clip_norm"] {
        match &run[key] {
            Value::Bool(true) => words.push(key.to_owned()),
            Value::Number(value) if value.as_f64() != Some(0.0) => {
                words.push(format!("{key} {value}"));
            }
            _ => {}
        }
    }
    words.join(", ")
}

/// The optimizer of a run; none where its weight decay is an L2 penalty, which with anything but
/// plain gradient descent is not what our optimizers do.
fn optimizer(run: &Value) -> Option<Box<dyn Optimizer<f64>>> {
    let (rate, decay) = (number(run, "lr"), number(run, "weight_decay"));
    let name = run["optimizer"].as_str().unwrap();
    let beta = |index: usize| run["betas"][index].as_f64().unwrap();
    let plain = name == "sgd" && number(run, "momentum") == 0.0;
    if decay > 0.0 && name != "adamw" && !plain {
        return None;
    }
    Some(match name {
        "sgd" => Box::new(
            Sgd::new(rate)
                .unwrap()
                .with_momentum(number(run, "momentum"))
                .unwrap()
                .with_nesterov(run["nesterov"].as_bool().unwrap())
                .with_weight_decay(decay)
                .unwrap(),
        ),
        "rmsprop" => Box::new(
            RmsProp::new(rate)
                .unwrap()
                .with_alpha(number(run, "alpha"))
                .unwrap()
                .with_epsilon(number(run, "eps"))
                .unwrap()
                .with_centered(run["centered"].as_bool().unwrap())
                .with_momentum(number(run, "momentum"))
                .unwrap(),
        ),
        "adam" | "adamw" => Box::new(
            Adam::new(rate)
                .unwrap()
                .with_betas(beta(0), beta(1))
                .unwrap()
                .with_epsilon(number(run, "eps"))
                .unwrap()
                .with_weight_decay(decay)
                .unwrap(),
        ),
        other => panic!("no optimizer called {other}"),
    })
}

/// The schedule of a run, and of how many steps.
fn schedule(run: &Value) -> (Schedule, u64) {
    let settings = &run["schedule"];
    let steps = settings["steps"].as_u64().unwrap_or(100);
    let floor = || number(settings, "floor") / number(run, "lr");
    match settings["name"].as_str() {
        None => (Schedule::constant(), steps),
        Some("step") => {
            let every = settings["every"].as_u64().unwrap();
            (Schedule::step(every, number(settings, "factor")).unwrap(), steps)
        }
        Some("cosine") => (Schedule::cosine(floor()).unwrap(), steps),
        Some("linear warm-up") => {
            (Schedule::constant().with_warm_up(steps, number(settings, "start")).unwrap(), steps)
        }
        Some("warm-up, then cosine") => {
            let warm_up = settings["warm_up"].as_u64().unwrap();
            let cosine = Schedule::cosine(floor()).unwrap();
            (cosine.with_warm_up(warm_up, number(settings, "start")).unwrap(), warm_up + steps)
        }
        Some(other) => panic!("no schedule called {other}"),
    }
}

fn network(widths: &[usize], activation: &str) -> Mlp<f64> {
    let mut parameters = Vec::new();
    for (layer, pair) in widths.windows(2).enumerate() {
        let root = (pair[0] as f64).sqrt();
        parameters.extend(numbers(10 + 2 * layer).take(pair[0] * pair[1]).map(|x| x / root));
        parameters.extend(numbers(11 + 2 * layer).take(pair[1]).map(|x| 0.1 * x));
    }
    let (inputs, hidden, outputs) =
        (widths[0], &widths[1..widths.len() - 1], widths[widths.len() - 1]);
    let config = MlpConfig::new(inputs, hidden, outputs).unwrap();
    let config = config.with_activation(Activation::from_name(activation).unwrap());
    Mlp::from_parameters(config, parameters).unwrap()
}

#[test]
fn losses_of_a_hundred_steps_are_pytorchs() {
    let file: Value = serde_json::from_str(include_str!("data/optimizers.json")).unwrap();
    let count = |key: &str| file[key].as_u64().unwrap() as usize;
    let (rows, batches) = (count("batch"), count("batches"));
    let widths: Vec<usize> =
        file["widths"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect();
    let (features, classes) = (widths[0], widths[widths.len() - 1]);

    let mut not_offered = Vec::new();
    for run in file["runs"].as_array().unwrap() {
        let Some(mut optimizer) = optimizer(run) else {
            not_offered.push(describe(run));
            continue;
        };
        let mut mlp = network(&widths, run["activation"].as_str().unwrap());
        let (schedule, steps) = schedule(run);
        let mut workspace = Workspace::new();
        for (step, expected) in run["losses"].as_array().unwrap().iter().enumerate() {
            let batch = step % batches;
            let inputs = numbers(100 + batch).take(rows * features).collect();
            let inputs = Array2::from_shape_vec((rows, features), inputs).unwrap();
            let labels: Vec<usize> = (0..rows).map(|row| (row * row + batch) % classes).collect();

            mlp.forward(&inputs, &mut workspace).unwrap();
            let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
            let loss = CrossEntropy::new();
            let loss = loss.value_and_gradient(&outputs, &labels, &mut gradient).unwrap();
            let expected = expected.as_f64().unwrap();
            let apart = (loss - expected).abs();
            assert!(apart < 1e-8, "{} at step {step}: {loss} is not {expected}", describe(run));

            mlp.backward(&inputs, &mut workspace).unwrap();
            if let Some(max) = run["clip_norm"].as_f64() {
                clip_norm(workspace.gradients_mut(), max);
            }
            let rate = number(run, "lr") * schedule.rate_at(step as u64, steps);
            if let Some(rates) = run["learning_rates"].as_array() {
                let expected = rates[step].as_f64().unwrap();
                assert!((rate - expected).abs() < 1e-10, "{rate} is not {expected}");
            }
            optimizer.set_learning_rate(rate).unwrap();
            optimizer.step(mlp.parameters_mut(), workspace.gradients()).unwrap();
        }
    }
    assert_eq!(
        not_offered,
        [
            "sgd, momentum 0.9, weight_decay 0.01",
            "sgd, momentum 0.9, nesterov, weight_decay 0.01",
            "rmsprop, momentum 0.9, centered, weight_decay 0.01",
            "adam, weight_decay 0.01",
        ]
    );
}
