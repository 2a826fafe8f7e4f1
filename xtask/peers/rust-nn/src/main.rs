//! Candle's training steps and inference, for `cargo xtask bench nn --peers`: the same as
//! `xtask/peers/nn.py`, and the same conversation as `xtask/peers/serve.py`.
//!
//! The number of threads is that of `RAYON_NUM_THREADS`, which the harness sets.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, stdin};
use std::time::Instant;

use candle_core::{D, Device, Result, Tensor, Var, bail};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, loss, ops};
use serde_json::{Value, json};

const LEARNING_RATE: f64 = 1e-4;
const AGREED_STEPS: usize = 10;
const TEMPERATURE: f64 = 4.0;
const ALPHA: f64 = 0.1;

type Work = Box<dyn FnMut() -> Result<Tensor>>;

fn main() -> std::result::Result<(), Box<dyn Error>> {
    println!("{}", json!("candle 0.11.1"));
    let mut work: Option<Work> = None;
    for line in stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let answer = if question["do"] == "prepare" {
            drop(work.take()); // What it holds goes before there is something new.
            let (made, agreed) = prepare(&question["parameters"])?;
            work = Some(made);
            agreed
        } else {
            let work = work.as_mut().ok_or("there is nothing to time")?;
            nanoseconds(work, question["seconds"].as_f64().ok_or("there are no seconds")?)?
        };
        println!("{}", json!(answer));
    }
    Ok(())
}

/// The time of a call, of as many as fit into `seconds`.
fn nanoseconds(work: &mut Work, seconds: f64) -> Result<f64> {
    let started = Instant::now();
    let mut calls = 0;
    while calls == 0 || started.elapsed().as_secs_f64() < seconds {
        black_box(work()?);
        calls += 1;
    }
    Ok(started.elapsed().as_nanos() as f64 / f64::from(calls))
}

/// The work, warm, and the number that both sides must agree on.
fn prepare(parameters: &Value) -> Result<(Work, f64)> {
    let number = |value: &Value| value.as_u64().unwrap_or(0) as usize;
    let widths: Vec<usize> =
        parameters["widths"].as_array().into_iter().flatten().map(number).collect();
    let batch = number(&parameters["batch"]);
    let (&[inputs, ..], &[.., outputs]) = (&widths[..], &widths[..]) else {
        bail!("a network has no widths");
    };
    let variables = variables(&widths)?;
    let x = tensor(0, (batch, inputs), |value| value)?;
    if parameters["work"] == "inference" {
        let layers = layers(&variables, Tensor::detach);
        let mut work: Work = Box::new(move || forward(&layers, &x));
        work()?;
        let first = work()?.flatten_all()?.get(0)?.to_scalar::<f32>()?;
        return Ok((work, f64::from(first)));
    }

    let layers = layers(&variables, |tensor| tensor.clone());
    let adam = ParamsAdamW { lr: LEARNING_RATE, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(variables, adam)?;
    let loss = loss_of(parameters["loss"].as_str().unwrap_or(""), batch, outputs)?;
    let mut work: Work = Box::new(move || {
        let value = loss(&forward(&layers, &x)?)?;
        adam.backward_step(&value)?;
        Ok(value)
    });
    for _ in 1..AGREED_STEPS {
        work()?;
    }
    let agreed = work()?.to_scalar::<f32>()?;
    Ok((work, f64::from(agreed)))
}

/// Numbers between 0 and 1 that look random and that every side can make.
fn tensor(seed: usize, shape: (usize, usize), map: fn(f64) -> f64) -> Result<Tensor> {
    let value = |index: usize| {
        let value = ((index + 1) as f64 * 12.9898 + seed as f64 * 78.233).sin() * 43_758.545_3;
        map(value - value.floor()) as f32
    };
    Tensor::from_iter((0..shape.0 * shape.1).map(value), &Device::Cpu)?.reshape(shape)
}

/// Of each layer, the weights `[outputs, inputs]` and the bias, which is 0.
fn variables(widths: &[usize]) -> Result<Vec<Var>> {
    let mut variables = Vec::new();
    for (index, pair) in widths.windows(2).enumerate() {
        let bound = 1.0 / (pair[0] as f64).sqrt();
        let weights = tensor(index + 1, (pair[0], pair[1]), |value| 2.0 * value - 1.0)?;
        variables.push(Var::from_tensor(&(weights.t()?.contiguous()? * bound)?)?);
        variables.push(Var::zeros(pair[1], candle_core::DType::F32, &Device::Cpu)?);
    }
    Ok(variables)
}

fn layers(variables: &[Var], tensor: fn(&Tensor) -> Tensor) -> Vec<Linear> {
    let layer = |pair: &[Var]| Linear::new(tensor(&pair[0]), Some(tensor(&pair[1])));
    variables.chunks_exact(2).map(layer).collect()
}

fn forward(layers: &[Linear], x: &Tensor) -> Result<Tensor> {
    let Some((last, hidden)) = layers.split_last() else { bail!("a network has no layers") };
    let mut x = x.clone();
    for layer in hidden {
        x = layer.forward(&x)?.relu()?;
    }
    last.forward(&x)
}

type Loss = Box<dyn Fn(&Tensor) -> Result<Tensor>>;

fn loss_of(name: &str, batch: usize, outputs: usize) -> Result<Loss> {
    let labels = (0..batch).map(|row| (row % outputs) as u32);
    let labels = Tensor::from_iter(labels, &Device::Cpu)?;
    match name {
        "cross-entropy" => Ok(Box::new(move |logits| loss::cross_entropy(logits, &labels))),
        "distillation" => {
            let teacher = tensor(100, (batch, outputs), |value| 8.0 * value)?;
            Ok(Box::new(move |logits| {
                let hard = loss::cross_entropy(logits, &labels)?;
                let log_p = ops::log_softmax(&(&teacher / TEMPERATURE)?, D::Minus1)?;
                let log_q = ops::log_softmax(&(logits / TEMPERATURE)?, D::Minus1)?;
                let soft = (log_p.exp()? * (log_p - log_q)?)?.sum_all()?;
                let weight = (1.0 - ALPHA) * TEMPERATURE * TEMPERATURE / batch as f64;
                (hard * ALPHA)? + (soft * weight)?
            }))
        }
        "Huber" => {
            let chosen = labels.unsqueeze(1)?;
            let targets = tensor(101, (batch, 1), |value| 4.0 * value - 2.0)?;
            Ok(Box::new(move |values| loss::huber(&values.gather(&chosen, 1)?, &targets, 1.0)))
        }
        name => bail!("there is no loss {name:?}"),
    }
}
