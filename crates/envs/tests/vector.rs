//! Several environments stepped together are the single ones, step by step, in every mode; and what
//! is wrong with one of them is found.

// clippy.toml allows this in tests, but not in their helpers.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use reflux_envs::{
    Autoreset, CartPole, Catch, Env, Error, FrozenLake, Result, Space, Step, TimeLimit, VectorEnv,
};

/// Steps a vector and the single environments side by side, with actions from `actions`.
fn assert_equal_to_single<E: Env + Clone>(
    single: &E,
    autoreset: Autoreset,
    seed: u64,
    actions: &[Vec<usize>],
) {
    let n = actions[0].len();
    let mut singles = vec![single.clone(); n];
    let mut envs = VectorEnv::new(singles.clone(), autoreset).unwrap();
    let first = envs.reset(Some(seed)).unwrap().to_owned();
    for (i, env) in singles.iter_mut().enumerate() {
        let seed = seed.wrapping_add(i as u64);
        assert_eq!(env.reset(Some(seed)).unwrap(), first.row(i).to_slice().unwrap());
    }
    let mut over = vec![false; n];
    for actions in actions {
        if autoreset == Autoreset::Disabled && over.contains(&true) {
            let refused = envs.step(actions).unwrap_err();
            let index = over.iter().position(|&over| over).unwrap();
            let source = Box::new(Error::StepAfterEnd);
            assert_eq!(refused, Error::InEnvironment { index, source });
            let observations = envs.reset_where(&over).unwrap();
            for (i, env) in singles.iter_mut().enumerate().filter(|(i, _)| over[*i]) {
                let row = observations.row(i).to_slice().unwrap();
                assert_eq!(env.reset(None).unwrap(), row);
            }
            over.fill(false);
        }
        let step = envs.step(actions).unwrap();
        for (i, env) in singles.iter_mut().enumerate() {
            let row = step.observations.row(i).to_slice().unwrap();
            if autoreset == Autoreset::NextStep && over[i] {
                assert_eq!(env.reset(None).unwrap(), row);
                assert!(step.resets[i] && !step.done(i) && step.rewards[i] == 0.0);
                assert_eq!((step.next_observation(i), step.final_observation(i)), (None, None));
                over[i] = false;
                continue;
            }
            let expected = env.step(actions[i]).unwrap();
            let got = Step {
                observation: step.next_observation(i).unwrap(),
                reward: step.rewards[i],
                terminated: step.terminated[i],
                truncated: step.truncated[i],
            };
            assert_eq!(got, expected);
            assert!(!step.resets[i]);
            over[i] = expected.done();
            let last = over[i].then(|| expected.observation.to_vec());
            assert_eq!(step.final_observation(i).map(<[f32]>::to_vec), last);
            if autoreset == Autoreset::SameStep && over[i] {
                assert_eq!(env.reset(None).unwrap(), row);
            } else {
                assert_eq!(got.observation, row);
            }
        }
        assert_eq!((step.next_observation(n), step.done(n)), (None, false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_vector_is_its_environments_step_by_step(
        seed: u64,
        actions in prop::collection::vec(prop::collection::vec(0_usize..2, 5), 1..120),
        autoreset in prop::sample::select(vec![
            Autoreset::NextStep, Autoreset::SameStep, Autoreset::Disabled
        ]),
    ) {
        let pole = TimeLimit::new(CartPole::new(), 15).unwrap();
        assert_equal_to_single(&pole, autoreset, seed, &actions);
        assert_equal_to_single(&Catch::default(), autoreset, seed, &actions);
        assert_equal_to_single(&FrozenLake::v1(), autoreset, seed, &actions);
    }
}

#[test]
fn a_truncated_step_leads_to_the_last_observation_of_its_episode() {
    // "Always right" from seed 0, truncated after 3 steps: what single steps observe.
    let mut single = TimeLimit::new(CartPole::new(), 3).unwrap();
    single.reset(Some(0)).unwrap();
    single.step(1).unwrap();
    single.step(1).unwrap();
    let last = single.step(1).unwrap().observation.to_vec();
    for autoreset in [Autoreset::NextStep, Autoreset::SameStep, Autoreset::Disabled] {
        let env = TimeLimit::new(CartPole::new(), 3).unwrap();
        let mut envs = VectorEnv::new(vec![env], autoreset).unwrap();
        envs.reset(Some(0)).unwrap();
        envs.step(&[1]).unwrap();
        envs.step(&[1]).unwrap();
        let step = envs.step(&[1]).unwrap();
        assert_eq!((step.truncated, step.terminated), (&[true][..], &[false][..]));
        assert_eq!(step.next_observation(0), Some(&last[..]), "{autoreset:?}");
        let same = step.observations.row(0).to_slice() == Some(&last[..]);
        assert_eq!(same, autoreset != Autoreset::SameStep);
    }
}

/// A CartPole in which something goes wrong at the third step or at the second reset.
#[derive(Clone)]
struct Broken {
    env: CartPole,
    what: &'static str,
    calls: (usize, usize),
    observation: Vec<f32>,
}

impl Broken {
    fn new(what: &'static str) -> Self {
        Self { env: CartPole::new(), what, calls: (0, 0), observation: Vec::new() }
    }
}

impl Env for Broken {
    fn observation_space(&self) -> &Space {
        self.env.observation_space()
    }

    fn action_space(&self) -> &Space {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<&[f32]> {
        self.observation = self.env.reset(seed)?.to_vec();
        self.calls.0 += 1;
        if self.calls.0 == 2 && self.what == "nan at reset" {
            self.observation[0] = f32::NAN;
        }
        Ok(&self.observation)
    }

    fn step(&mut self, action: usize) -> Result<Step<'_>> {
        let Step { observation, mut reward, terminated, truncated } = self.env.step(action)?;
        self.observation = observation.to_vec();
        self.calls.1 += 1;
        if self.calls.1 == 3 {
            match self.what {
                "nan" => self.observation[2] = f32::NAN,
                "infinite" => self.observation[2] = f32::INFINITY,
                "longer" => self.observation.push(0.0),
                "shorter" => self.observation.truncate(3),
                "reward" => reward = f32::NAN,
                "failure" => return Err(Error::Environment("out of fuel".to_owned())),
                _ => {}
            }
        }
        Ok(Step { observation: &self.observation, reward, terminated, truncated })
    }
}

#[test]
fn what_is_wrong_with_one_environment_is_found_and_named() {
    for (what, message) in [
        ("nan", "element 2 of the environment's observation must be finite, got NaN"),
        ("infinite", "element 2 of the environment's observation must be finite, got inf"),
        ("longer", "the environment gave an observation of 5 numbers, its space has 4"),
        ("shorter", "the environment gave an observation of 3 numbers, its space has 4"),
        ("reward", "the environment's reward must be finite, got NaN"),
        ("failure", "the environment failed: out of fuel"),
    ] {
        let all = ["nothing", "nothing", what, "nothing"].map(Broken::new).to_vec();
        let mut envs = VectorEnv::new(all, Autoreset::NextStep).unwrap();
        envs.reset(Some(0)).unwrap();
        envs.step(&[0; 4]).unwrap();
        envs.step(&[1; 4]).unwrap();
        let error = envs.step(&[0; 4]).unwrap_err();
        assert_eq!(error.to_string(), format!("environment 2: {message}"));
        // Some have been stepped and others have not: nothing goes on before a reset of all.
        assert_eq!(envs.step(&[0; 4]).unwrap_err(), Error::ResetNeeded);
        assert_eq!(envs.reset_where(&[true; 4]).unwrap_err(), Error::ResetNeeded);
        envs.reset(None).unwrap();
        envs.step(&[0; 4]).unwrap();
    }
}

#[test]
fn nan_at_a_reset_is_found() {
    let all = ["nothing", "nan at reset"].map(Broken::new).to_vec();
    let mut envs = VectorEnv::new(all, Autoreset::NextStep).unwrap();
    envs.reset(Some(0)).unwrap();
    let error = envs.reset(None).unwrap_err();
    assert!(error.to_string().starts_with("environment 1: element 0 of"), "{error}");
    assert_eq!(envs.step(&[0; 2]).unwrap_err(), Error::ResetNeeded);
}

#[test]
fn wrong_calls_change_nothing() {
    let mut envs = VectorEnv::new(vec![CartPole::v1(); 3], Autoreset::NextStep).unwrap();
    assert_eq!(envs.step(&[0; 3]).unwrap_err(), Error::ResetNeeded);
    envs.reset(Some(0)).unwrap();
    let count = |what, got| Error::Count { what, expected: 3, got };
    assert_eq!(envs.step(&[0; 2]).unwrap_err(), count("actions", 2));
    assert_eq!(envs.reset_where(&[true]).unwrap_err(), count("flags", 1));
    assert_eq!(envs.reset_with_seeds(&[]).unwrap_err(), count("seeds", 0));
    let wrong = envs.step(&[0, 1, 2]).unwrap_err();
    assert_eq!(wrong.to_string(), "environment 2: action must be in 0..2, got 2");
    let mut untouched = VectorEnv::new(vec![CartPole::v1(); 3], Autoreset::NextStep).unwrap();
    untouched.reset(Some(0)).unwrap();
    let expected = untouched.step(&[1; 3]).unwrap().observations;
    assert_eq!(envs.step(&[1; 3]).unwrap().observations, expected);
}

#[test]
fn each_environment_can_have_a_seed_of_its_own() {
    let mut envs = VectorEnv::new(vec![CartPole::v1(); 3], Autoreset::NextStep).unwrap();
    let rows = envs.reset_with_seeds(&[Some(7), Some(9), Some(7)]).unwrap();
    assert_eq!(rows.row(0), rows.row(2));
    assert_eq!(rows.row(1).to_slice().unwrap(), CartPole::v1().reset(Some(9)).unwrap());
}

#[test]
fn environments_that_do_not_fit_together_are_refused() {
    let none = VectorEnv::<CartPole>::new(Vec::new(), Autoreset::NextStep);
    assert_eq!(none.unwrap_err(), Error::NoEnvironments);
    let sizes = [10, 10, 9].map(|rows| Catch::new(rows, 5).unwrap()).to_vec();
    let error = VectorEnv::new(sizes, Autoreset::NextStep).unwrap_err();
    assert_eq!(error, Error::SpacesDiffer { index: 2 });
    // Different environments with equal spaces may be mixed, as objects.
    let limits = [10, 20].map(|limit| TimeLimit::new(CartPole::new(), limit).unwrap());
    let objects = limits.map(|env| Box::new(env) as Box<dyn Env>).into();
    let mut envs = VectorEnv::new(objects, Autoreset::SameStep).unwrap();
    assert_eq!(envs.reset(Some(0)).unwrap().dim(), (2, 4));
}
