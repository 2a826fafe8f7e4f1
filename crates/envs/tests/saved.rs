//! What is saved with serde and restored goes on as if nothing had happened, and damaged files are
//! refused.
#![cfg(feature = "serde")]
// clippy.toml allows this in tests, but not in their helpers.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use reflux_envs::{
    Acrobot, Autoreset, CartPole, Catch, CliffWalking, ClipReward, DeepSea, Env, EpisodeStatistics,
    FrameStack, FrozenLake, LakeMap, MountainCar, NormalizeObservation, OneHot, Result,
    RunningMeanStd, Step, TimeLimit, VectorEnv,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn reload<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// An observation, a reward and two flags, or the error.
type Seen = Result<(Vec<f32>, f32, bool, bool)>;

fn seen(step: Result<Step<'_>>) -> Seen {
    step.map(|step| (step.observation.to_vec(), step.reward, step.terminated, step.truncated))
}

/// Saves before every step and goes on with what was restored; asks for the same steps, errors and
/// first observations as without.
fn assert_resumes<E: Env + Clone + Serialize + DeserializeOwned>(env: &E, seed: u64) {
    let (mut straight, mut saved) = (env.clone(), env.clone());
    saved = reload(&saved);
    assert_eq!(seen(straight.step(0)), seen(saved.step(0)));
    assert_eq!(straight.reset(Some(seed)).unwrap(), saved.reset(Some(seed)).unwrap());
    for i in 0..60 {
        saved = reload(&saved);
        let step = seen(straight.step(i % 2));
        assert_eq!(step, seen(saved.step(i % 2)));
        if step.is_err() {
            saved = reload(&saved);
            assert_eq!(straight.reset(None).unwrap(), saved.reset(None).unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn environments_and_wrappers_go_on_where_they_were_saved(seed: u64) {
        assert_resumes(&CartPole::v1(), seed);
        assert_resumes(&MountainCar::v0(), seed);
        assert_resumes(&Acrobot::v1(), seed);
        assert_resumes(&FrozenLake::v1(), seed);
        assert_resumes(&FrozenLake::v1_8x8().into_inner().not_slippery(), seed);
        assert_resumes(&TimeLimit::new(CliffWalking::slippery(), 9)?, seed);
        assert_resumes(&Catch::new(6, 4)?, seed);
        assert_resumes(&DeepSea::new(6, seed)?.stochastic(), seed);
        let lake = OneHot::new(FrozenLake::v1())?;
        assert_resumes(&ClipReward::new(FrameStack::new(lake, 3)?, -1.0, 0.5)?, seed);
        assert_resumes(&EpisodeStatistics::new(NormalizeObservation::new(CartPole::v1())), seed);
    }

    #[test]
    fn vectors_go_on_where_they_were_saved(seed: u64) {
        for autoreset in [Autoreset::NextStep, Autoreset::SameStep] {
            let envs = vec![NormalizeObservation::new(TimeLimit::new(CartPole::new(), 8)?); 3];
            let mut straight = VectorEnv::new(envs, autoreset)?;
            let mut saved = reload(&straight);
            prop_assert_eq!(straight.reset(Some(seed))?, saved.reset(Some(seed))?);
            for i in 0..40 {
                saved = reload(&saved);
                prop_assert_eq!(saved.observations(), straight.observations());
                let actions = [i % 2, (i / 2) % 2, 0];
                let (a, b) = (straight.step(&actions)?, saved.step(&actions)?);
                prop_assert_eq!(a.observations, b.observations);
                prop_assert_eq!((a.rewards, a.resets), (b.rewards, b.resets));
                prop_assert_eq!((a.terminated, a.truncated), (b.terminated, b.truncated));
                for env in 0..3 {
                    prop_assert_eq!(a.next_observation(env), b.next_observation(env));
                }
            }
        }
    }
}

#[test]
fn statistics_of_episodes_are_kept() {
    let mut env = EpisodeStatistics::new(TimeLimit::new(CliffWalking::new(), 5).unwrap());
    env.reset(None).unwrap();
    (0..5).for_each(|_| assert!(env.step(3).is_ok()));
    let restored = reload(&env);
    assert_eq!(restored.last_episode(), env.last_episode());
    assert_eq!((restored.episodes(), env.episodes()), (1, 1));
}

/// Asserts that `value`, with `field` (a JSON pointer) changed to something else, is refused with a
/// message that contains `message`.
#[track_caller]
fn assert_refused<T>(value: &T, field: &str, wrong: Value, message: &str)
where
    T: Serialize + DeserializeOwned + std::fmt::Debug,
{
    let mut saved = serde_json::to_value(value).unwrap();
    *saved.pointer_mut(field).unwrap() = wrong;
    let error = serde_json::from_value::<T>(saved).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

fn running<E: Env>(mut env: E) -> E {
    env.reset(Some(1)).unwrap();
    env
}

#[test]
fn damaged_environments_are_refused() {
    assert_refused(&running(CartPole::new()), "/state/0", json!(3.0), "element 0 must be in [-2.4");
    assert_refused(&running(MountainCar::new()), "/state/1", json!(1.0), "element 1 must be in");
    assert_refused(&running(Acrobot::new()), "/state/3", json!(99.0), "element 3 must be in");
    let lake = running(FrozenLake::new(LakeMap::four_by_four()));
    assert_refused(&lake, "/walk/state", json!(99), "must be in [0, 15], got 99");
    assert_refused(&lake, "/walk/state", json!(5), "state 5, which is terminal");
    assert_refused(&lake, "/success_rate", json!(2.0), "success rate must be in [0, 1], got 2");
    assert_refused(&lake, "/map/0", json!("SFXF"), "letters must be S, F, H or G, got 'X'");
    assert_refused(&running(CliffWalking::new()), "/walk/state", json!(48), "must be in [0, 47]");
    let catch = running(Catch::default());
    assert_refused(&catch, "/rows", json!(1), "number of rows must be at least 2, got 1");
    assert_refused(&catch, "/state/ball", json!(5), "element 1 must be in [0, 4], got 5");
    assert_refused(&catch, "/state/row", json!(9), "element 0 must be in [0, 8], got 9");
    let sea = running(DeepSea::new(4, 0).unwrap());
    assert_refused(&sea, "/size", json!(5), "mapping's length must be the square of the size");
    assert_refused(&sea, "/mapping/3", json!(2), "mapping's element must be 0 or 1, got 2");
    assert_refused(&sea, "/row", json!(4), "element 0 must be in [0, 3], got 4");
}

#[test]
fn damaged_wrappers_are_refused() {
    assert_refused(&CartPole::v1(), "/limit", json!(0), "time limit must be at least 1");
    let clip = ClipReward::new(CartPole::new(), -1.0, 1.0).unwrap();
    assert_refused(&clip, "/low", json!(2.0), "must be low <= high");
    let stack = FrameStack::new(CartPole::new(), 2).unwrap();
    assert_refused(&stack, "/depth", json!(3), "8 numbers, its space has 12");
    let hot = OneHot::new(FrozenLake::v1()).unwrap();
    assert_refused(&hot, "/hot", json!(16), "whole number in 0..16, got 16");
    let statistics = RunningMeanStd::new(2);
    assert_refused(&statistics, "/variance/0", json!(-1.0), "variance must be finite and >= 0");
    assert_refused(&statistics, "/count", json!(0.0), "count must be finite and > 0");
    assert_refused(&statistics, "/mean", json!([0.0]), "2 numbers, its space has 1");
    let normalized = NormalizeObservation::new(CartPole::new());
    let other = serde_json::to_value(RunningMeanStd::new(3)).unwrap();
    assert_refused(&normalized, "/statistics", other, "3 numbers, its space has 4");
    let envs = VectorEnv::new(vec![CartPole::v1(); 2], Autoreset::NextStep).unwrap();
    assert_refused(&envs, "/rewards", json!([0.0]), "as many rewards as environments, 2, got 1");
    assert_refused(&envs, "/envs", json!([]), "at least 1 environment");
}
