//! Exploration with a plan, where a random walk finds nothing.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{DqnConfig, Error, Optimism, Run, Schedule, evaluate};
use reflux_envs::DeepSea;
use reflux_replay::Uniform;

/// The return of the greedy policy after so many steps in a sea of this size.
fn learned(size: usize, steps: u64, config: DqnConfig) -> f64 {
    let rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let env = DeepSea::new(size, 7).unwrap();
    let mut run = Run::new(vec![env.clone()], config, Uniform::new(), rng).unwrap();
    run.train(steps, |_, _| ControlFlow::Continue(())).unwrap();
    evaluate(&mut run.agent().greedy(), &mut env.clone(), 1, 0).unwrap()[0]
}

#[test]
fn the_preset_finds_the_treasure_that_one_way_of_a_thousand_leads_to() {
    assert!((learned(10, 2_500, DqnConfig::deep_sea()) - 0.99).abs() < 1e-6);
}

#[test]
fn an_epsilon_does_not() {
    let config = DqnConfig::deep_sea().with_optimism(None).unwrap();
    let epsilon = Schedule::constant(0.05).unwrap();
    assert!(learned(10, 2_500, config.with_epsilon(epsilon).unwrap()) <= 0.0);
}

#[test]
fn distributions_and_double_targets_can_be_optimistic_as_well() {
    let values = reflux_dqn::Values::quantile(4).unwrap();
    let config = DqnConfig::deep_sea().with_double(true).with_values(values).unwrap();
    assert!((learned(6, 2_000, config) - 0.99).abs() < 1e-6);
}

#[test]
fn cells_that_do_not_fit_the_observation_are_a_typed_error() {
    let optimism = Optimism::new(1.0).unwrap().with_cells(&[1.0, 1.0]).unwrap();
    let config = DqnConfig::deep_sea().with_optimism(Some(optimism)).unwrap();
    let rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let refused = Run::new(vec![DeepSea::new(3, 0).unwrap()], config, Uniform::new(), rng);
    assert!(matches!(refused, Err(Error::Length { expected: 9, got: 2, .. })));
}
