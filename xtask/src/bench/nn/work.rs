//! What is timed. `xtask/peers/nn.py` and `xtask/peers/rust-nn` do the same with the same numbers.

use anyhow::{Result, ensure};
use ndarray::{Array2, ArrayRef2, ArrayView2};
use reflux_nn::{Adam, Mlp, MlpConfig, Onto, Optimizer, Predictor, Regression, Workspace, matmul};
use reflux_softmax::{CrossEntropy, Distillation};

use super::super::case::Work;
use super::{Bits, Loss, Shape};

/// Small, so that a network that sees the same batch thousands of times does not learn it by heart:
/// gradients that vanish are slower to compute with.
const LEARNING_RATE: f64 = 1e-4;
/// The loss of the last of so many first steps is what all sides must agree on.
const AGREED_STEPS: usize = 10;
const TEMPERATURE: f64 = 4.0;
const ALPHA: f64 = 0.1;

pub(super) fn training(shape: Shape, loss: Loss) -> Result<Work> {
    let (mut mlp, inputs) = (network(shape)?, inputs(shape));
    let mut workspace = Workspace::new();
    let mut adam = Adam::new(LEARNING_RATE)?;
    let loss = value_and_gradient(loss, shape)?;
    let mut step = move || step(&mut mlp, &inputs, &loss, &mut adam, &mut workspace);
    for _ in 1..AGREED_STEPS {
        step()?;
    }
    let agreed = f64::from(step()?);
    Ok(Box::new(move || step().map(|_| agreed)))
}

pub(super) fn inference(shape: Shape, bits: Bits) -> Result<Work> {
    let (mlp, inputs) = (network(shape)?, inputs(shape));
    let mut outputs = Array2::zeros((shape.batch, mlp.config().outputs()));
    let mut predictor = Predictor::new(&mlp);
    predictor.predict_into(&inputs, &mut outputs)?;
    let agreed = f64::from(outputs[[0, 0]]);
    if bits == Bits::Eight {
        predictor = Predictor::int8(&mlp);
        predictor.predict_into(&inputs, &mut outputs)?;
        let close = f64::from(outputs[[0, 0]]);
        ensure!((close - agreed).abs() < 0.02 * agreed.abs(), "8 bits: {close}, not {agreed}");
    }
    if shape.batch == 1 {
        let (input, mut output) = (inputs.into_raw_vec_and_offset().0, vec![0.0; outputs.len()]);
        return Ok(Box::new(move || {
            predictor.predict_row(&input, &mut output)?;
            Ok(agreed)
        }));
    }
    Ok(Box::new(move || {
        predictor.predict_into(&inputs, &mut outputs)?;
        Ok(agreed)
    }))
}

/// A training step as one writes it with `reflux-nn`; the loss before it.
fn step(
    mlp: &mut Mlp,
    inputs: &Array2<f32>,
    loss: &ValueAndGradient,
    adam: &mut Adam,
    workspace: &mut Workspace,
) -> Result<f32> {
    mlp.forward(inputs, workspace)?;
    let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
    let value = loss(&outputs, &mut gradient)?;
    mlp.backward(inputs, workspace)?;
    adam.step(mlp.parameters_mut(), workspace.gradients())?;
    Ok(value)
}

/// Weights from [`values`], biases of 0.
pub(in super::super) fn network(shape: Shape) -> Result<Mlp> {
    let (inputs, outputs) = (shape.widths[0], shape.widths[shape.widths.len() - 1]);
    let config = MlpConfig::new(inputs, &shape.widths[1..shape.widths.len() - 1], outputs)?;
    let mut parameters = Vec::with_capacity(config.parameters());
    for (index, pair) in shape.widths.windows(2).enumerate() {
        let bound = 1.0 / (pair[0] as f64).sqrt();
        let weights = values(index + 1, (pair[0], pair[1]), |value| (2.0 * value - 1.0) * bound);
        parameters.extend(weights.t());
        parameters.extend(std::iter::repeat_n(0.0, pair[1]));
    }
    Ok(Mlp::from_parameters(config, parameters)?)
}

fn inputs(shape: Shape) -> Array2<f32> {
    values(0, (shape.batch, shape.widths[0]), |value| value)
}

/// Numbers between 0 and 1 that look random and that every side can make, mapped.
pub(in super::super) fn values(
    seed: usize,
    shape: (usize, usize),
    map: impl Fn(f64) -> f64,
) -> Array2<f32> {
    Array2::from_shape_fn(shape, |(row, column)| {
        let index = (row * shape.1 + column + 1) as f64;
        let value = (index * 12.9898 + seed as f64 * 78.233).sin() * 43_758.545_3;
        map(value - value.floor()) as f32
    })
}

/// Of outputs `[batch, outputs]`, the mean loss and, into the other array, its gradient.
type ValueAndGradient = Box<dyn Fn(&ArrayRef2<f32>, &mut ArrayRef2<f32>) -> Result<f32> + Send>;

fn value_and_gradient(loss: Loss, shape: Shape) -> Result<ValueAndGradient> {
    let size = (shape.batch, shape.widths[shape.widths.len() - 1]);
    let labels: Vec<usize> = (0..size.0).map(|row| row % size.1).collect();
    match loss {
        Loss::CrossEntropy => {
            let loss = CrossEntropy::new();
            Ok(Box::new(move |outputs, gradient| {
                Ok(loss.value_and_gradient(outputs, &labels, gradient)?)
            }))
        }
        Loss::Distillation => {
            let teacher = values(100, size, |value| 8.0 * value);
            let loss = Distillation::new().with_alpha(ALPHA)?.with_temperature(TEMPERATURE)?;
            Ok(Box::new(move |outputs, gradient| {
                Ok(loss.value_and_gradient(outputs, &teacher, Some(&labels), gradient)?)
            }))
        }
        Loss::Huber => {
            let targets = values(101, (size.0, 1), |value| 4.0 * value - 2.0);
            let loss = Regression::huber(1.0)?;
            Ok(Box::new(move |outputs, gradient| {
                gradient.fill(0.0);
                let mut sum = 0.0;
                for (row, (&chosen, &target)) in labels.iter().zip(&targets).enumerate() {
                    let (value, slope) = loss.value_and_slope(outputs[[row, chosen]], target);
                    sum += value;
                    gradient[[row, chosen]] = slope / size.0 as f32;
                }
                Ok(sum / size.0 as f32)
            }))
        }
    }
}

/// The matrix products of a training step and nothing else.
pub(super) fn products(shape: Shape) -> Work {
    let array = |rows, columns| values(0, (rows, columns), |value| value);
    // Between layers, the rows of a batch lie side by side.
    let mut activations: Vec<_> =
        shape.widths.iter().map(|&width| array(width, shape.batch)).collect();
    let mut deltas = activations.clone();
    let weights: Vec<_> = shape.widths.windows(2).map(|pair| array(pair[1], pair[0])).collect();
    let mut gradients = weights.clone();
    let product = |a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, c: &mut Array2<f32>| {
        matmul(a, b, c.as_slice_mut().unwrap_or_default(), Onto::Zero);
    };
    Box::new(move || {
        for (layer, weights) in weights.iter().enumerate() {
            let (below, above) = activations.split_at_mut(layer + 1);
            product(weights.view(), below[layer].view(), &mut above[0]);
        }
        for (layer, weights) in weights.iter().enumerate().rev() {
            let (below, above) = deltas.split_at_mut(layer + 1);
            product(above[0].view(), activations[layer].t(), &mut gradients[layer]);
            if layer > 0 {
                product(weights.t(), above[0].view(), &mut below[layer]);
            }
        }
        Ok(f64::from(gradients[0][[0, 0]]))
    })
}
