//! Agents on tasks whose values can be worked out by hand.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use ndarray::{Array2, array};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{Dqn, DqnConfig, Error, Run, Schedule, Values, train};
use reflux_envs::{Env, Space, Step, TimeLimit};
use reflux_nn::Regression;
use reflux_replay::{Prioritized, Sampler, Uniform};

/// Two states in a row, seen as one-hot vectors. Action 1 goes on, from the second state to the end
/// with reward 1; action 0 goes back to the first.
#[derive(Clone)]
struct Corridor {
    spaces: (Space, Space),
    observation: [f32; 2],
}

impl Corridor {
    fn new() -> Self {
        let observations = Space::new_box(vec![0.0; 2], vec![1.0; 2]).unwrap();
        Self { spaces: (observations, Space::new_discrete(2).unwrap()), observation: [1.0, 0.0] }
    }
}

impl Env for Corridor {
    fn observation_space(&self) -> &Space {
        &self.spaces.0
    }

    fn action_space(&self) -> &Space {
        &self.spaces.1
    }

    fn reset(&mut self, _seed: Option<u64>) -> Result<&[f32], reflux_envs::Error> {
        self.observation = [1.0, 0.0];
        Ok(&self.observation)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>, reflux_envs::Error> {
        let at_the_end = self.observation == [0.0, 1.0];
        let done = at_the_end && action == 1;
        self.observation = if action == 1 && !done { [0.0, 1.0] } else { [1.0, 0.0] };
        let reward = if done { 1.0 } else { 0.0 };
        Ok(Step { observation: &self.observation, reward, terminated: done, truncated: false })
    }
}

/// One state, reward 1 a step, for ever: V = 1/(1 − γ).
struct Forever(Space, Space);

impl Forever {
    fn new() -> Self {
        let observations = Space::new_box(vec![0.0], vec![1.0]).unwrap();
        Self(observations, Space::new_discrete(1).unwrap())
    }
}

impl Env for Forever {
    fn observation_space(&self) -> &Space {
        &self.0
    }

    fn action_space(&self) -> &Space {
        &self.1
    }

    fn reset(&mut self, _seed: Option<u64>) -> Result<&[f32], reflux_envs::Error> {
        Ok(&[1.0])
    }

    fn step(&mut self, _action: usize) -> Result<Step<'_>, reflux_envs::Error> {
        Ok(Step { observation: &[1.0], reward: 1.0, terminated: false, truncated: false })
    }
}

/// A linear agent that plays at random.
fn config() -> DqnConfig {
    DqnConfig::new()
        .with_hidden(&[])
        .and_then(|config| config.with_gamma(0.5))
        .and_then(|config| config.with_loss(Regression::SquaredError))
        .and_then(|config| config.with_learning_rate(0.01))
        .and_then(|config| config.with_training(1, 1))
        .and_then(|config| config.with_target_update(20, 1.0))
        .and_then(|config| config.with_epsilon(Schedule::constant(1.0)?))
        .unwrap()
}

fn learned_values<S: Sampler>(
    env: &mut impl Env,
    config: DqnConfig,
    sampler: S,
    states: &Array2<f32>,
) -> Array2<f32> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
    let mut agent = Dqn::for_env(env, config, sampler, rng).unwrap();
    train(&mut agent, env, 3_000, rng, |_, _| ControlFlow::Continue(())).unwrap();
    agent.q_network().predict(states).unwrap()
}

fn assert_close(got: &Array2<f32>, expected: &Array2<f32>) {
    let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.03);
    assert!(close, "{got} is not {expected}");
}

#[test]
fn the_corridor_has_its_optimal_values_by_every_target_and_sampler() {
    // Q*(second, on) = 1; Q*(first, on) = γ·1; going back costs a factor γ·γ.
    let expected = array![[0.25, 0.5], [0.25, 1.0]];
    let states = array![[1.0, 0.0], [0.0, 1.0]];
    for double in [false, true] {
        let config = config().with_double(double);
        let uniform = learned_values(&mut Corridor::new(), config.clone(), Uniform::new(), &states);
        assert_close(&uniform, &expected);
        let prioritized = learned_values(&mut Corridor::new(), config, Prioritized::new(), &states);
        assert_close(&prioritized, &expected);
    }
}

#[test]
fn the_corridor_has_its_optimal_values_with_every_switch() {
    let states = array![[1.0, 0.0], [0.0, 1.0]];
    let learned =
        |config: DqnConfig| learned_values(&mut Corridor::new(), config, Uniform::new(), &states);
    let expected = array![[0.25, 0.5], [0.25, 1.0]];
    let faster = || config().with_learning_rate(0.02).unwrap();
    // A dueling head is linear, so that it can represent every table.
    assert_close(&learned(config().with_dueling(true)), &expected);
    assert_close(&learned(config().with_target_update(1, 0.05).unwrap()), &expected);
    assert_close(
        &learned(config().with_loss(Regression::Huber { delta: 1.0 }).unwrap()),
        &expected,
    );
    assert_close(&learned(faster().with_values(Values::quantile(8).unwrap()).unwrap()), &expected);
    let categorical = Values::categorical(9, 0.0, 1.0).unwrap();
    assert_close(&learned(faster().with_values(categorical).unwrap()), &expected);
    // The actions between the first and the last of an n-step return are the actor's own. Noise alone
    // explores here; what it settles on is the way to the end.
    let noisy = learned(config().with_noisy(Some(0.5)).unwrap());
    assert!((noisy[[0, 1]] - 0.5).abs() < 0.05 && (noisy[[1, 1]] - 1.0).abs() < 0.05, "{noisy}");
    assert!(noisy[[0, 0]] < noisy[[0, 1]] && noisy[[1, 0]] < noisy[[1, 1]], "{noisy}");
}

#[test]
fn an_n_step_target_is_the_value_of_the_actors_own_steps() {
    // Without a choice, reward 1 a step for 3 steps and then the end: V = 1 + γ + γ² by every n.
    let states = array![[1.0]];
    for n_step in [1, 2, 3, 5] {
        let mut env = TimeLimit::new(Forever::new(), 3).unwrap();
        let config = config().with_n_step(n_step).unwrap();
        let got = learned_values(&mut env, config, Uniform::new(), &states);
        assert_close(&got, &array![[2.0]]);
    }
}

#[test]
fn several_actors_learn_as_many_updates_a_step_as_one() {
    for actors in [1, 3, 8] {
        let envs = vec![Corridor::new(); actors];
        let rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let config = config().with_learning_starts(0).with_training(6, 2).unwrap();
        let mut run = Run::new(envs, config, Uniform::new(), rng).unwrap();
        run.train(24, |_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!((run.agent().steps(), run.agent().updates()), (24, 8));
        assert_eq!(run.agent().buffer().len(), 24);
    }
    let envs = vec![Corridor::new(); 4];
    let rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut run = Run::new(envs, config(), Uniform::new(), rng).unwrap();
    run.train(3_000, |_, _| ControlFlow::Continue(())).unwrap();
    let states = array![[1.0, 0.0], [0.0, 1.0]];
    let got = run.agent().q_network().predict(&states).unwrap();
    assert_close(&got, &array![[0.25, 0.5], [0.25, 1.0]]);
}

#[test]
fn a_truncated_episode_keeps_the_value_of_its_last_state() {
    let mut env = TimeLimit::new(Forever::new(), 1).unwrap();
    let got = learned_values(&mut env, config(), Uniform::new(), &array![[1.0]]);
    assert_close(&got, &array![[2.0]]);
}

#[test]
fn the_same_seed_gives_the_same_network() {
    let states = array![[1.0, 0.0], [0.0, 1.0]];
    let run = || learned_values(&mut Corridor::new(), config(), Prioritized::new(), &states);
    assert_eq!(run(), run());
}

#[test]
fn an_environment_that_misbehaves_ends_the_training_with_an_error() {
    /// Gives `broken` instead of an observation on its third step.
    struct Broken(Corridor, Vec<f32>, usize);
    impl Env for Broken {
        fn observation_space(&self) -> &Space {
            self.0.observation_space()
        }
        fn action_space(&self) -> &Space {
            self.0.action_space()
        }
        fn reset(&mut self, seed: Option<u64>) -> Result<&[f32], reflux_envs::Error> {
            self.0.reset(seed)
        }
        fn step(&mut self, action: usize) -> Result<Step<'_>, reflux_envs::Error> {
            self.2 += 1;
            let step = self.0.step(action)?;
            Ok(if self.2 == 3 { Step { observation: &self.1, ..step } } else { step })
        }
    }
    for (broken, message) in [
        (
            vec![0.0, f32::NAN],
            "environment 0: element 1 of the environment's observation must be finite, got NaN",
        ),
        (
            vec![0.0; 3],
            "environment 0: the environment gave an observation of 3 numbers, its space has 2",
        ),
    ] {
        let mut env = Broken(Corridor::new(), broken, 0);
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let mut agent = Dqn::for_env(&env, config(), Uniform::new(), rng).unwrap();
        let result = train(&mut agent, &mut env, 10, rng, |_, _| ControlFlow::Continue(()));
        assert_eq!(result.unwrap_err().to_string(), message);
        assert_eq!(agent.buffer().len(), 2);
    }
    /// Panics on its first step.
    struct Panics(Corridor);
    impl Env for Panics {
        fn observation_space(&self) -> &Space {
            self.0.observation_space()
        }
        fn action_space(&self) -> &Space {
            self.0.action_space()
        }
        fn reset(&mut self, seed: Option<u64>) -> Result<&[f32], reflux_envs::Error> {
            self.0.reset(seed)
        }
        fn step(&mut self, _: usize) -> Result<Step<'_>, reflux_envs::Error> {
            panic!("out of water")
        }
    }
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut env = Panics(Corridor::new());
    let mut agent = Dqn::for_env(&env, config(), Uniform::new(), rng).unwrap();
    let result = train(&mut agent, &mut env, 10, rng, |_, _| ControlFlow::Continue(()));
    assert_eq!(result.unwrap_err().to_string(), "the environment panicked: out of water");
    struct Continuous(Space);
    impl Env for Continuous {
        fn observation_space(&self) -> &Space {
            &self.0
        }
        fn action_space(&self) -> &Space {
            &self.0
        }
        fn reset(&mut self, _: Option<u64>) -> Result<&[f32], reflux_envs::Error> {
            Ok(&[])
        }
        fn step(&mut self, _: usize) -> Result<Step<'_>, reflux_envs::Error> {
            Ok(Step { observation: &[], reward: 0.0, terminated: true, truncated: false })
        }
    }
    let env = Continuous(Space::new_box(vec![0.0], vec![1.0]).unwrap());
    let refused = Dqn::for_env(&env, config(), Uniform::new(), rng);
    assert!(matches!(refused, Err(Error::ActionSpace(_))));
}
