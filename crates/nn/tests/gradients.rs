//! Backpropagation against central differences in f64: every activation with every loss, at several
//! depths, for parameters and inputs.
#![allow(clippy::unwrap_used)]

use approx::assert_relative_eq;
use ndarray::{Array2, ArrayRef2};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{Activation, Init, Mlp, MlpConfig, Regression, Workspace};
use reflux_softmax::{CrossEntropy, Distillation};

const ROWS: usize = 5;
const OUTPUTS: usize = 3;
const STEP: f64 = 1e-5;

/// A loss on outputs that writes its gradient.
type Loss = Box<dyn Fn(&ArrayRef2<f64>, &mut ArrayRef2<f64>) -> f64>;

fn losses(rng: &mut impl Rng) -> Vec<(&'static str, Loss)> {
    let targets = Array2::from_shape_simple_fn((ROWS, OUTPUTS), || rng.random_range(-2.0..2.0));
    let labels = [0, 1, 2, 1, 0];
    let smooth = CrossEntropy::new().with_label_smoothing(0.1).unwrap();
    let teacher = targets.clone();
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
        ("squared", regression(Regression::SquaredError, targets.clone())),
        ("huber", regression(Regression::huber(0.5).unwrap(), targets)),
    ]
}

fn loss_at(mlp: &Mlp<f64>, inputs: &Array2<f64>, loss: &Loss) -> f64 {
    let outputs = mlp.predict(inputs).unwrap();
    loss(&outputs, &mut Array2::zeros(outputs.dim()))
}

/// The derivative of `loss` along a change of size `h` made by `change`.
fn difference(mut loss_after: impl FnMut(f64) -> f64) -> f64 {
    (loss_after(STEP) - loss_after(-STEP)) / (2.0 * STEP)
}

#[test]
fn gradients_match_central_differences() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(11);
    let activations =
        [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid];
    let mut workspace = Workspace::new();
    for (name, loss) in losses(rng) {
        for activation in activations {
            for hidden in [&[][..], &[6], &[7, 4]] {
                for init in [Init::PyTorch, Init::He, Init::Xavier] {
                    let config = MlpConfig::new(4, hidden, OUTPUTS).unwrap();
                    let config = config.with_activation(activation).with_init(init);
                    let mlp = Mlp::new(config, rng).unwrap();
                    let inputs =
                        Array2::from_shape_simple_fn((ROWS, 4), || rng.random_range(-1.0..1.0));

                    mlp.forward(&inputs, &mut workspace).unwrap();
                    let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
                    loss(&outputs, &mut gradient);
                    mlp.backward(&inputs, &mut workspace).unwrap();

                    let what = format!("{name}, {activation:?}, {hidden:?}, {init:?}");
                    for (index, &got) in workspace.gradients().iter().enumerate() {
                        let expected = difference(|h| {
                            let mut moved = mlp.clone();
                            moved.parameters_mut()[index] += h;
                            loss_at(&moved, &inputs, &loss)
                        });
                        assert!(
                            approx::relative_eq!(
                                got,
                                expected,
                                max_relative = 1e-6,
                                epsilon = 1e-9
                            ),
                            "{what}, parameter {index}: {got} is not {expected}"
                        );
                    }
                    for (at, &got) in mlp.input_gradient(&mut workspace).unwrap().indexed_iter() {
                        let expected = difference(|h| {
                            let mut moved = inputs.clone();
                            moved[at] += h;
                            loss_at(&mlp, &moved, &loss)
                        });
                        assert_relative_eq!(got, expected, max_relative = 1e-6, epsilon = 1e-9);
                    }
                }
            }
        }
    }
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
