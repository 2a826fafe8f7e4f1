//! Backpropagation against central differences in f64: every activation with every loss, at several
//! depths and with every kind of layer, for parameters, inputs and hidden values.
#![allow(clippy::unwrap_used)]

use approx::relative_eq;
use ndarray::{Array2, ArrayRef2, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{Activation, Init, Mlp, MlpConfig, Regression, Workspace};
use reflux_softmax::{
    CrossEntropy, Distillation, Divergence, DivergenceKind, Entropy, LogitMse, SoftCrossEntropy,
    softmax,
};

const ROWS: usize = 5;
const OUTPUTS: usize = 3;
const STEP: f64 = 1e-5;

/// A loss on outputs that writes its gradient.
type Loss = Box<dyn Fn(&ArrayRef2<f64>, &mut ArrayRef2<f64>) -> f64>;

fn losses(rng: &mut impl Rng) -> Vec<(&'static str, Loss)> {
    let targets = Array2::from_shape_simple_fn((ROWS, OUTPUTS), || rng.random_range(-2.0..2.0));
    let labels = [0, 1, 2, 1, 0];
    let smooth = CrossEntropy::new().with_label_smoothing(0.1).unwrap();
    let (teacher, logits) = (targets.clone(), targets.clone());
    let probabilities = softmax(&targets, Axis(1), 1.0).unwrap();
    let divergence = |name, kind, teacher: Array2<f64>| -> (&'static str, Loss) {
        let loss = Divergence::new(kind, 1.5).unwrap();
        (name, Box::new(move |y, g| loss.value_and_gradient(y, &teacher, g).unwrap()))
    };
    let regression = |kind: Regression, targets: Array2<f64>| -> Loss {
        Box::new(move |outputs, gradient| {
            let mut sum = 0.0;
            ndarray::Zip::from(outputs).and(&targets).and(gradient).for_each(|&y, &t, g| {
                let (value, slope) = kind.value_and_slope(y, t);
                sum += value;
                *g = slope;
            });
            sum
        })
    };
    vec![
        (
            "hard",
            Box::new(move |y, g| CrossEntropy::new().value_and_gradient(y, &labels, g).unwrap()),
        ),
        ("smooth", Box::new(move |y, g| smooth.value_and_gradient(y, &labels, g).unwrap())),
        (
            "distillation",
            Box::new(move |y, g| {
                let loss = Distillation::new();
                loss.value_and_gradient(y, &teacher, Some(&labels), g).unwrap()
            }),
        ),
        (
            "soft",
            Box::new(move |y, g| {
                SoftCrossEntropy::new(2.0).unwrap().value_and_gradient(y, &probabilities, g).unwrap()
            }),
        ),
        ("entropy", Box::new(|y, g| Entropy::new().value_and_gradient(y, g).unwrap())),
        divergence("forward KL", DivergenceKind::ForwardKl, targets.clone()),
        divergence("reverse KL", DivergenceKind::ReverseKl, targets.clone()),
        divergence("Jensen-Shannon", DivergenceKind::JensenShannon, targets.clone()),
        divergence("total variation", DivergenceKind::TotalVariation, targets.clone()),
        (
            "logits",
            Box::new(move |y, g| LogitMse::new().value_and_gradient(y, &logits, g).unwrap()),
        ),
        ("squared", regression(Regression::SquaredError, targets.clone())),
        ("huber", regression(Regression::huber(0.5).unwrap(), targets)),
    ]
}

/// The outputs of a pass as in training, with the same noise and the same values dropped each time.
fn outputs<'w>(
    mlp: &Mlp<f64>,
    inputs: &Array2<f64>,
    workspace: &'w mut Workspace<f64>,
) -> ArrayView2<'w, f64> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(5);
    mlp.forward_train(inputs, workspace, rng).unwrap()
}

fn loss_at(mlp: &Mlp<f64>, inputs: &Array2<f64>, loss: &Loss) -> f64 {
    let mut workspace = Workspace::new();
    let outputs = outputs(mlp, inputs, &mut workspace);
    loss(&outputs, &mut Array2::zeros(outputs.dim()))
}

/// Asserts that `got` is the derivative of `loss_after` at 0.
fn assert_derivative(got: f64, mut loss_after: impl FnMut(f64) -> f64, what: &str) {
    let expected = (loss_after(STEP) - loss_after(-STEP)) / (2.0 * STEP);
    assert!(
        relative_eq!(got, expected, max_relative = 1e-6, epsilon = 2e-9),
        "{what}: {got} is not {expected}"
    );
}

/// Every gradient of one network with one loss.
fn check(config: &MlpConfig, (name, loss): &(&'static str, Loss), rng: &mut impl Rng) {
    let mut mlp = Mlp::new(config.clone(), rng).unwrap();
    // A bias of 0 over a dead layer would put sums on the kink of a ReLU exactly.
    mlp.parameters_mut().iter_mut().for_each(|x| *x += rng.random_range(-0.05..0.05));
    let inputs = Array2::from_shape_simple_fn((ROWS, 4), || rng.random_range(-1.0..1.0));
    let mut workspace = Workspace::new();
    outputs(&mlp, &inputs, &mut workspace);
    let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
    loss(&outputs, &mut gradient);
    mlp.backward(&inputs, &mut workspace).unwrap();
    let what = format!("{name}, {config:?}");
    for (index, &got) in workspace.gradients().iter().enumerate() {
        let after = |h| {
            let mut moved = mlp.clone();
            moved.parameters_mut()[index] += h;
            loss_at(&moved, &inputs, loss)
        };
        assert_derivative(got, after, &format!("parameter {index}, {what}"));
    }
    for (at, &got) in mlp.input_gradient(&mut workspace).unwrap().indexed_iter() {
        let after = |h| {
            let mut moved = inputs.clone();
            moved[at] += h;
            loss_at(&mlp, &moved, loss)
        };
        assert_derivative(got, after, &format!("input {at:?}, {what}"));
    }
}

#[test]
fn gradients_match_central_differences_for_every_activation_and_loss() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(11);
    for loss in losses(rng) {
        for activation in Activation::all() {
            for hidden in [&[][..], &[6], &[7, 4]] {
                for init in [Init::PyTorch, Init::He, Init::Xavier, Init::Orthogonal] {
                    let config = MlpConfig::new(4, hidden, OUTPUTS).unwrap();
                    check(&config.with_activation(activation).with_init(init), &loss, rng);
                }
            }
        }
    }
}

#[test]
fn gradients_match_central_differences_for_every_kind_of_layer() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(12);
    let kinds: [fn(MlpConfig) -> MlpConfig; 6] = [
        |config| config.with_layer_norm(true),
        |config| config.with_dropout(0.3).unwrap().with_input_dropout(0.2).unwrap(),
        |config| config.with_noisy(0.5, 3).unwrap(),
        |config| config.with_noisy(0.5, 1).unwrap().with_dueling(1).unwrap(),
        |config| config.with_dueling(3).unwrap(),
        |config| {
            let config = config.with_layer_norm(true).with_dropout(0.3).unwrap();
            config.with_noisy(0.5, 2).unwrap().with_dueling(1).unwrap()
        },
    ];
    for loss in losses(rng) {
        for activation in Activation::all() {
            for kind in kinds {
                let config = MlpConfig::new(4, &[7, 5], OUTPUTS).unwrap();
                check(&kind(config.with_activation(activation)), &loss, rng);
            }
        }
    }
}

/// The loss is the sum of the squares of a hidden layer's values, plus that of the outputs.
#[test]
fn a_gradient_added_at_a_hidden_layer_reaches_what_lies_below() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(13);
    let config = MlpConfig::new(4, &[6, 5], OUTPUTS).unwrap().with_activation(Activation::Tanh);
    let mlp = Mlp::new(config, rng).unwrap();
    let inputs = Array2::from_shape_simple_fn((ROWS, 4), || rng.random_range(-1.0..1.0));
    for hidden in [0, 1] {
        let loss = |mlp: &Mlp<f64>| {
            let mut workspace = Workspace::new();
            let outputs = mlp.forward(&inputs, &mut workspace).unwrap().to_owned();
            outputs.pow2().sum() + workspace.hidden(hidden).unwrap().pow2().sum()
        };
        let mut workspace = Workspace::new();
        mlp.forward(&inputs, &mut workspace).unwrap();
        let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
        gradient.assign(&(&outputs * 2.0));
        let (values, mut added) = workspace.hidden_and_gradient_mut(hidden).unwrap();
        added.assign(&(&values * 2.0));
        mlp.backward(&inputs, &mut workspace).unwrap();
        for (index, &got) in workspace.gradients().iter().enumerate() {
            let after = |h| {
                let mut moved = mlp.clone();
                moved.parameters_mut()[index] += h;
                loss(&moved)
            };
            assert_derivative(got, after, &format!("parameter {index}, hidden layer {hidden}"));
        }
    }
    assert!(Workspace::<f64>::new().hidden(0).is_none());
}

#[test]
fn backward_refuses_another_networks_workspace_and_other_inputs() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let narrow = Mlp::<f64>::new(MlpConfig::new(2, &[3], 1).unwrap(), rng).unwrap();
    let wide = Mlp::new(MlpConfig::new(2, &[4], 1).unwrap(), rng).unwrap();
    let inputs = Array2::zeros((5, 2));
    let mut workspace = Workspace::new();
    assert!(narrow.backward(&inputs, &mut workspace).is_err());
    narrow.forward(&inputs, &mut workspace).unwrap();
    assert!(wide.backward(&inputs, &mut workspace).is_err());
    assert!(wide.input_gradient(&mut workspace).is_err());
    assert!(narrow.backward(&Array2::zeros((4, 2)), &mut workspace).is_err());
    narrow.backward(&inputs, &mut workspace).unwrap();
}
