//! What holds for every environment and every wrapper, whatever the seed.

// clippy.toml allows this in tests, but not in their helpers.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_envs::{
    Acrobot, CartPole, Catch, CliffWalking, ClipReward, DeepSea, Env, EpisodeStatistics,
    FrameStack, FrozenLake, LakeMap, MountainCar, NormalizeObservation, OneHot, Result,
    RunningMeanStd, TimeLimit, check_env,
};

const STEPS: usize = 400;

/// Looks whether an environment keeps the rules of `Env`, bare and in wrappers.
fn check<E: Env + Clone>(seed: u64, env: &E) -> Result<()> {
    check_env(|| Ok(env.clone()), seed, STEPS)?;
    check_env(|| TimeLimit::new(env.clone(), 7), seed, STEPS)?;
    check_env(|| wrapped(env.clone()), seed, STEPS)
}

/// Everything that fits around any environment.
fn wrapped<E: Env>(env: E) -> Result<impl Env> {
    let env = FrameStack::new(TimeLimit::new(env, 20)?, 3)?;
    let statistics = RunningMeanStd::new(env.observation_space().len());
    let env = NormalizeObservation::with_statistics(env, statistics)?;
    ClipReward::new(EpisodeStatistics::new(env), -0.5, 0.5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_environment_keeps_the_rules_bare_and_wrapped(seed: u64) {
        check(seed, &CartPole::new())?;
        check(seed, &MountainCar::new())?;
        check(seed, &Acrobot::new())?;
        check(seed, &CliffWalking::new())?;
        check(seed, &CliffWalking::slippery())?;
        check(seed, &OneHot::new(CliffWalking::slippery())?)?;
    }

    #[test]
    fn environments_of_any_size_keep_the_rules(
        seed: u64, rows in 2_usize..12, columns in 1_usize..8, frozen in 0.6..1.0_f64,
    ) {
        check(seed, &Catch::new(rows, columns)?)?;
        check(seed, &DeepSea::new(columns, seed)?)?;
        check(seed, &DeepSea::new(rows, seed)?.stochastic())?;
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let lake = FrozenLake::new(LakeMap::random(rows, frozen, rng).unwrap());
        check(seed, &lake)?;
        check(seed, &OneHot::new(lake.with_success_rate(frozen)?)?)?;
    }

    #[test]
    fn time_limit_and_statistics_may_be_put_around_other_wrappers_in_any_order(
        seed: u64, actions in prop::collection::vec(0_usize..2, 1..200),
    ) {
        let limit = |env| TimeLimit::new(env, 30).unwrap();
        let mut inner = FrameStack::new(limit(CartPole::new()), 2)?;
        let mut outer = TimeLimit::new(FrameStack::new(CartPole::new(), 2)?, 30)?;
        prop_assert_eq!(inner.reset(Some(seed))?, outer.reset(Some(seed))?);
        for action in actions {
            let step = inner.step(action)?;
            prop_assert_eq!(step, outer.step(action)?);
            if step.done() {
                prop_assert_eq!(inner.reset(None)?, outer.reset(None)?);
            }
        }
    }

    #[test]
    fn a_clone_goes_on_as_the_original_does(
        seed: u64, before in 0_usize..60, actions in prop::collection::vec(0_usize..2, 60),
    ) {
        let mut env = NormalizeObservation::new(TimeLimit::new(FrozenLake::v1(), 9)?);
        let mut original = play(&mut env, Some(seed), &actions[..before]);
        let mut copy = env.clone();
        original.extend(play(&mut env, None, &actions));
        let copied = play(&mut copy, None, &actions);
        prop_assert!(original.ends_with(&copied));
    }
}

/// Observations and rewards of these actions, from a reset on, with resets where episodes end.
fn play(env: &mut impl Env, seed: Option<u64>, actions: &[usize]) -> Vec<Vec<f32>> {
    let mut seen = vec![env.reset(seed).unwrap().to_vec()];
    for &action in actions {
        let step = env.step(action).unwrap();
        seen.push([step.observation, &[step.reward]].concat());
        if step.done() {
            seen.push(env.reset(None).unwrap().to_vec());
        }
    }
    seen
}
