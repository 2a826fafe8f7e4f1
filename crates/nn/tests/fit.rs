//! The training loop: going on after a pause, stopping early, and what bad input gives.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayRef2, array};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_nn::{
    Adam, Error, Fit, HardLabels, Mlp, MlpConfig, Objective, Progress, Regression, Result, Sgd,
    Targets, Workspace, mean_loss,
};

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(4)
}

/// 50 points, and whether each is inside a circle.
fn data() -> (Array2<f32>, Vec<usize>) {
    let inputs = Array2::from_shape_fn((50, 2), |(i, j)| ((i * (7 + 4 * j)) as f32).sin());
    let labels = inputs.rows().into_iter().map(|row| usize::from(row.dot(&row) < 0.7)).collect();
    (inputs, labels)
}

fn mlp() -> Mlp {
    let config = MlpConfig::new(2, &[16, 8], 2).unwrap();
    Mlp::new(config.with_dropout(0.2).unwrap(), &mut rng()).unwrap()
}

#[test]
fn a_paused_training_ends_where_an_uninterrupted_one_does() {
    let (inputs, labels) = data();
    let fit = Fit::new(9, 8).unwrap().with_cosine_schedule().with_clip_norm(1.0).unwrap();
    let jitter = |mut batch: ndarray::ArrayViewMut2<'_, f32>, rng: &mut dyn rand::RngCore| {
        batch.mapv_inplace(|x| x + 0.1 * rng.random_range(-1.0..1.0));
    };
    let mut whole = mlp();
    let (mut objective, mut adam) = (HardLabels::new(&labels), Adam::new(0.01).unwrap());
    let training = fit.on(&inputs, &mut objective).augment(jitter);
    training.run(&mut whole, &mut adam, &mut rng()).unwrap();

    let (mut paused, mut adam) = (mlp(), Adam::new(0.01).unwrap());
    let first = fit
        .on(&inputs, &mut objective)
        .augment(jitter)
        .observe(|epoch| if epoch.number == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        .run(&mut paused, &mut adam, &mut rng())
        .unwrap();
    assert_eq!((first.epochs(), first.steps()), (4, 28));
    let progress = Progress::new(first.seed(), first.epochs(), first.steps());
    // Another generator, which must not matter.
    let other = &mut Xoshiro256PlusPlus::seed_from_u64(99);
    let training = fit.on(&inputs, &mut objective).augment(jitter).resume(progress);
    training.run(&mut paused, &mut adam, other).unwrap();
    assert_eq!(whole, paused);
}

#[test]
fn early_stopping_waits_for_its_patience_and_best_weights_come_back() {
    let (inputs, labels) = data();
    let scores = [5.0, 4.0, 3.0, 3.5, f64::NAN, 3.0, 1.0];
    let mut at_best = None;
    let mut call = 0;
    let mut network = mlp();
    let progress = Fit::new(7, 8)
        .unwrap()
        .with_early_stopping(3)
        .with_best_weights(true)
        .on(&inputs, &mut HardLabels::new(&labels))
        .validate(|mlp| {
            call += 1;
            if call == 3 {
                at_best = Some(mlp.clone());
            }
            Ok(scores[call - 1])
        })
        .run(&mut network, &mut Sgd::new(0.1).unwrap(), &mut rng())
        .unwrap();
    let best = progress.best().unwrap();
    assert_eq!((progress.epochs(), best.epoch, best.score), (6, 3, 3.0));
    assert_eq!(Some(network), at_best);
}

#[test]
fn batches_in_order_are_those_of_the_data() {
    struct Order(Vec<usize>);
    impl Objective<f32> for Order {
        fn rows(&self) -> usize {
            50
        }
        fn value_and_gradient(
            &mut self,
            rows: &[usize],
            _: &ArrayRef2<f32>,
            gradient: &mut ArrayRef2<f32>,
        ) -> Result<f32> {
            self.0.extend(rows);
            gradient.fill(0.0);
            Ok(0.0)
        }
    }
    let mut order = Order(Vec::new());
    let fit = Fit::new(1, 8).unwrap().with_shuffle(false);
    let mut sgd = Sgd::new(0.1).unwrap();
    fit.on(&data().0, &mut order).run(&mut mlp(), &mut sgd, &mut rng()).unwrap();
    assert_eq!(order.0, (0..50).collect::<Vec<_>>());
    order.0.clear();
    let fit = Fit::new(1, 8).unwrap();
    fit.on(&data().0, &mut order).run(&mut mlp(), &mut sgd, &mut rng()).unwrap();
    assert_ne!(order.0, (0..50).collect::<Vec<_>>());
    order.0.sort_unstable();
    assert_eq!(order.0, (0..50).collect::<Vec<_>>());
}

/// The second loss is the sum over a batch of the first hidden value, so its gradient is 1 there.
#[test]
fn a_hidden_loss_is_trained_on() {
    struct Hidden;
    impl Objective<f64> for Hidden {
        fn rows(&self) -> usize {
            4
        }
        fn value_and_gradient(
            &mut self,
            _: &[usize],
            _: &ArrayRef2<f64>,
            gradient: &mut ArrayRef2<f64>,
        ) -> Result<f64> {
            gradient.fill(0.0);
            Ok(0.0)
        }
        fn hidden_value_and_gradient(
            &mut self,
            _: &[usize],
            workspace: &mut Workspace<f64>,
        ) -> Result<f64> {
            let (hidden, mut gradient) = workspace.hidden_and_gradient_mut(0).unwrap();
            gradient.column_mut(0).fill(1.0);
            Ok(hidden.column(0).sum())
        }
    }
    let config = MlpConfig::new(1, &[1], 1).unwrap();
    // Hidden value 2·x + 1, over inputs that add up to 6.
    let mut mlp = Mlp::from_parameters(config, vec![2.0, 1.0, 1.0, 0.0]).unwrap();
    let inputs = array![[0.0], [1.0], [2.0], [3.0]];
    let mut loss = 0.0;
    Fit::new(1, 4)
        .unwrap()
        .run(&mut mlp, &inputs, &mut Hidden, &mut Sgd::new(0.1).unwrap(), &mut rng(), |epoch| {
            loss = epoch.loss;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(loss, 16.0);
    assert_eq!(mlp.parameters(), [2.0 - 0.6, 1.0 - 0.4, 1.0, 0.0]);
}

#[test]
fn a_diverging_training_stops_and_keeps_the_parameters_that_gave_the_loss() {
    let config = MlpConfig::new(1, &[], 1).unwrap();
    let mut mlp = Mlp::from_parameters(config, vec![1.0_f32, 0.0]).unwrap();
    let (inputs, targets) = (array![[10.0_f32]], array![[0.0_f32]]);
    let mut objective = Targets::new(targets.view(), Regression::SquaredError);
    let fit = Fit::new(1000, 1).unwrap();
    let (mut last, mut sgd) = (mlp.clone(), Sgd::new(1.0).unwrap());
    let result = fit.run(&mut mlp, &inputs, &mut objective, &mut sgd, &mut rng(), |epoch| {
        last = epoch.mlp.clone();
        ControlFlow::Continue(())
    });
    // Each step multiplies the weight by about -100.
    assert!(matches!(result, Err(Error::Diverged { step: 10..=20, .. })), "{result:?}");
    assert_eq!(mlp, last);
}

#[test]
fn impossible_trainings_are_refused() {
    let (inputs, labels) = data();
    let (mut objective, mut sgd) = (HardLabels::new(&labels), Sgd::new(0.1).unwrap());
    let fit = Fit::new(1, 8).unwrap();
    assert!(Fit::new(1, 0).is_err());
    for norm in [0.0, -1.0, f64::NAN] {
        assert!(fit.with_clip_norm(norm).is_err());
    }
    let stopping = fit.with_early_stopping(1).on(&inputs, &mut objective);
    let result = stopping.run(&mut mlp(), &mut sgd, &mut rng());
    assert!(matches!(result, Err(Error::Config { .. })));
    let short = inputs.slice(ndarray::s![..9, ..]).to_owned();
    let result = fit.on(&short, &mut objective).run(&mut mlp(), &mut sgd, &mut rng());
    assert!(matches!(result, Err(Error::Shape { what: "inputs", .. })));
    assert!(mean_loss(&mlp(), &short, &mut objective).is_err());
    let none = Array2::zeros((0, 2));
    let result = fit.on(&none, &mut HardLabels::new(&[])).run(&mut mlp(), &mut sgd, &mut rng());
    assert!(matches!(result, Err(Error::TooFewRows { .. })));
    let mut nan = inputs.clone();
    nan[[7, 1]] = f32::NAN;
    let result = fit.on(&nan, &mut objective).run(&mut mlp(), &mut sgd, &mut rng());
    assert!(matches!(result, Err(Error::NonFinite { index: 15, .. })));
}

#[test]
fn the_mean_loss_is_that_of_all_rows_together() {
    let inputs = Array2::from_shape_fn((700, 2), |(i, j)| ((i * (7 + 4 * j)) as f64).sin());
    let labels: Vec<usize> = (0..700).map(|i| i % 3).collect();
    let mlp = Mlp::new(MlpConfig::new(2, &[5], 3).unwrap(), &mut rng()).unwrap();
    let outputs = mlp.predict(&inputs).unwrap();
    let log = reflux_softmax::log_softmax(&outputs, ndarray::Axis(1), 1.0).unwrap();
    let expected = -labels.iter().enumerate().map(|(row, &label)| log[[row, label]]).sum::<f64>();
    let got = mean_loss(&mlp, &inputs, &mut HardLabels::new(&labels)).unwrap();
    approx::assert_relative_eq!(got, expected / 700.0, max_relative = 1e-12);
}
