//! Learning from recorded data, on a task whose values are known.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use ndarray::{Array2, array};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{Dqn, DqnConfig, Error, fitted_q_evaluation};
use reflux_nn::Regression;
use reflux_replay::{Buffer, NpzReader, NpzWriter, Schema, Uniform};

fn schema() -> Schema {
    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[2]).unwrap();
    schema.column::<i64>("action", &[]).unwrap();
    schema.column::<f32>("reward", &[]).unwrap();
    schema.column::<f32>("next_observation", &[2]).unwrap();
    schema.column::<bool>("terminated", &[]).unwrap();
    schema
}

/// The corridor of two states: action 1 goes on, from the second state to the end with reward 1;
/// action 0 goes back to the first. Played by a policy that goes on with this probability.
fn recorded(goes_on: f64, steps: usize) -> Buffer<Uniform> {
    let mut buffer = Buffer::new(schema(), steps, Uniform::new()).unwrap();
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut at_the_end = false;
    let seen = |second: bool| if second { [0.0_f32, 1.0] } else { [1.0, 0.0] };
    for _ in 0..steps {
        let action = i64::from(rng.random::<f64>() < goes_on);
        let terminated = at_the_end && action == 1;
        let next = action == 1 && !terminated;
        let reward = f32::from(u8::from(terminated));
        buffer
            .push(&[
                (&seen(at_the_end)).into(),
                (&action).into(),
                (&reward).into(),
                (&seen(next)).into(),
                (&terminated).into(),
            ])
            .unwrap();
        at_the_end = next;
    }
    buffer
}

fn config() -> DqnConfig {
    DqnConfig::new()
        .with_hidden(&[])
        .and_then(|config| config.with_gamma(0.5))
        .and_then(|config| config.with_loss(Regression::SquaredError))
        .and_then(|config| config.with_learning_rate(0.01))
        .and_then(|config| config.with_target_update(20, 1.0))
        .unwrap()
}

fn states() -> Array2<f32> {
    array![[1.0, 0.0], [0.0, 1.0]]
}

fn learned(config: DqnConfig, data: &Buffer<Uniform>) -> Array2<f32> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
    let mut agent = Dqn::new(2, 2, config, Uniform::new(), rng).unwrap();
    assert_eq!(agent.remember_all(data).unwrap(), data.len());
    agent.learn_offline(4_000, rng, |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((agent.steps(), agent.updates()), (0, 4_000));
    agent.q_network().predict(&states()).unwrap()
}

fn assert_close(got: &Array2<f32>, expected: &Array2<f32>, within: f32) {
    let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < within);
    assert!(close, "{got} is not {expected}");
}

#[test]
fn recorded_data_gives_the_optimal_values_without_an_environment() {
    let expected = array![[0.25, 0.5], [0.25, 1.0]];
    assert_close(&learned(config(), &recorded(0.5, 500)), &expected, 0.03);
}

#[test]
fn data_from_a_file_gives_the_network_that_data_from_memory_gives() {
    let data = recorded(0.5, 500);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("corridor.npz");
    NpzWriter::new().save(&data, &path).unwrap();
    let read = NpzReader::open(&path).unwrap().read(Uniform::new()).unwrap();
    let got = learned(config(), &read);
    assert_eq!(got, learned(config(), &data));
    assert_close(&got, &array![[0.25, 0.5], [0.25, 1.0]], 0.03);
}

#[test]
fn conservative_values_prefer_what_is_in_the_data_by_the_log_odds_of_its_actions() {
    // With a weight that drowns the temporal differences, the penalty is a cross-entropy: the
    // difference of the two values becomes the log-odds with which the data has the actions.
    let conservative = config().with_conservative(1_000.0).unwrap().with_max_gradient_norm(1e6);
    let conservative = conservative.and_then(|config| config.with_batch_size(512));
    let got = learned(conservative.unwrap(), &recorded(0.8, 4_000));
    for state in got.rows() {
        assert!((state[1] - state[0] - 4.0_f32.ln()).abs() < 0.2, "{got}");
    }
    // A small one keeps the order of the optimal values and lowers what the data seldom does.
    let plain = learned(config(), &recorded(0.9, 2_000));
    let careful = learned(config().with_conservative(0.05).unwrap(), &recorded(0.9, 2_000));
    assert!(careful[[0, 0]] < plain[[0, 0]] - 0.02 && careful[[1, 0]] < plain[[1, 0]] - 0.02);
}

#[test]
fn cloning_makes_the_action_in_the_data_the_best_by_the_margin() {
    // Data that always goes back, where nothing is earned: cloned all the same.
    let cloning = config().with_behavior_cloning(1.0).unwrap();
    let got = learned(cloning, &recorded(0.0, 100));
    assert!(got[[0, 0]] - got[[0, 1]] > 0.7, "{got}");
}

#[test]
fn fitted_q_evaluation_gives_the_values_of_the_policy_that_is_judged() {
    let data = recorded(0.5, 500);
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
    // Always on: the optimal values.
    let mut on = |_: &[f32]| Ok(1);
    let values = fitted_q_evaluation(&data, &mut on, 2, &config(), 4_000, rng).unwrap();
    let expected = array![[0.25, 0.5], [0.25, 1.0]];
    assert_close(&values.predict(&states()).unwrap(), &expected, 0.03);
    // Always back: only the action on at the second state earns anything.
    let mut back = |_: &[f32]| Ok(0);
    let values = fitted_q_evaluation(&data, &mut back, 2, &config(), 4_000, rng).unwrap();
    let expected = array![[0.0, 0.0], [0.0, 1.0]];
    assert_close(&values.predict(&states()).unwrap(), &expected, 0.03);
}

#[test]
fn data_that_does_not_fit_is_a_typed_error() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
    let mut agent = Dqn::new(2, 2, config(), Uniform::new(), rng).unwrap();
    let mut lacking = Schema::new();
    lacking.column::<f32>("observation", &[2]).unwrap();
    let lacking = Buffer::new(lacking, 5, Uniform::new()).unwrap();
    assert!(matches!(agent.remember_all(&lacking), Err(Error::Replay(_))));
    let empty = agent.learn_offline(1, rng, |_, _| ControlFlow::Continue(()));
    assert!(matches!(empty, Err(Error::Replay(_))));

    let mut buffer = Buffer::new(schema(), 5, Uniform::new()).unwrap();
    let (zeros, reward, ended) = ([0.0_f32; 2], 0.0_f32, false);
    buffer
        .push(&[
            (&zeros).into(),
            (&-1_i64).into(),
            (&reward).into(),
            (&zeros).into(),
            (&ended).into(),
        ])
        .unwrap();
    assert!(matches!(agent.remember_all(&buffer), Err(Error::Config { name: "action", .. })));
    let mut on = |_: &[f32]| Ok(1);
    let refused = fitted_q_evaluation(&buffer, &mut on, 2, &config(), 1, rng);
    assert!(matches!(refused, Err(Error::Config { .. })));
}
