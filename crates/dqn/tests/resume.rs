//! A run that is saved and loaded goes on as if it had never stopped.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{
    DqnConfig, Error, Evaluation, Event, Optimism, Run, Schedule, Transition, Values,
};
use reflux_envs::{CartPole, TimeLimit};
use reflux_replay::{Checkpoint, Prioritized, Sampler, Uniform};

type Cart<S> = Run<TimeLimit<CartPole>, S, Xoshiro256PlusPlus>;

fn config() -> DqnConfig {
    DqnConfig::new()
        .with_hidden(&[16])
        .and_then(|config| config.with_buffer_capacity(300))
        .and_then(|config| config.with_training(4, 2))
        .and_then(|config| config.with_training_steps(600))
        .and_then(|config| config.with_target_update(7, 1.0))
        .and_then(|config| config.with_epsilon(Schedule::linear(1.0, 0.1, 300)?))
        .unwrap()
}

fn start<S: Sampler>(actors: usize, config: &DqnConfig, sampler: S) -> Cart<S> {
    let rng = Xoshiro256PlusPlus::seed_from_u64(11);
    Run::new(vec![CartPole::v1(); actors], config.clone(), sampler, rng)
        .unwrap()
        .with_evaluation(evaluation())
        .unwrap()
}

fn evaluation() -> Evaluation<TimeLimit<CartPole>> {
    Evaluation { env: CartPole::v1(), every: 200, episodes: 2, seed: 5 }
}

fn events<S: Sampler>(run: &mut Cart<S>, steps: u64) -> Vec<Event> {
    let mut events = Vec::new();
    run.train(steps, |_, event| {
        events.push(*event);
        ControlFlow::Continue(())
    })
    .unwrap();
    events
}

/// Stops at each of several points, some of them in the middle of an episode or between two rounds of
/// updates, and compares everything that follows.
fn check<S: Sampler>(actors: usize, config: DqnConfig, sampler: fn() -> S) {
    const STEPS: u64 = 600;
    let mut whole = start(actors, &config, sampler());
    let expected = events(&mut whole, STEPS);
    assert!(expected.iter().any(|event| matches!(event, Event::Learned(_))));
    for stop in [1, 50, 103, 257, 530] {
        let folder = tempfile::tempdir().unwrap();
        let mut first = start(actors, &config, sampler());
        let mut got = events(&mut first, stop);
        first.save(&mut Checkpoint::new(folder.path())).unwrap();
        let taken = first.agent().steps();
        drop(first);
        let mut checkpoint = Checkpoint::new(folder.path());
        let mut second: Cart<S> = Run::load(&mut checkpoint, config.clone(), sampler()).unwrap();
        second = second.with_evaluation(evaluation()).unwrap();
        got.extend(events(&mut second, STEPS - taken));
        assert_eq!(got, expected, "stopped after {stop} steps");
        assert_eq!(second.agent().network(), whole.agent().network());
        assert_eq!(second.best().unwrap().0, whole.best().unwrap().0);
        assert_eq!(second.best().unwrap().1, whole.best().unwrap().1);
    }
}

#[test]
fn a_resumed_run_goes_on_exactly_for_every_variant() {
    check(1, config(), Uniform::new);
    check(1, config().with_n_step(3).unwrap(), Prioritized::new);
    check(2, config().with_noisy(Some(0.5)).unwrap().with_dueling(true), Uniform::new);
    let quantiles = Values::quantile(5).unwrap();
    check(3, config().with_values(quantiles).unwrap().with_n_step(4).unwrap(), Prioritized::new);
    let categorical = Values::categorical(11, 0.0, 50.0).unwrap();
    check(1, config().with_values(categorical).unwrap(), Uniform::new);
    check(1, config().with_training(40, 20).unwrap(), Uniform::new);
    let optimism = Optimism::new(5.0).and_then(|optimism| optimism.with_cells(&[0.2])).unwrap();
    check(2, config().with_optimism(Some(optimism)).unwrap(), Uniform::new);
}

#[test]
fn other_settings_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoint = Checkpoint::new(folder.path());
    start(1, &config(), Uniform::new()).save(&mut checkpoint).unwrap();
    let load = |config| {
        let run = Cart::load(&mut Checkpoint::new(folder.path()), config, Uniform::new());
        run.unwrap_err().to_string()
    };
    assert_eq!(
        load(config().with_gamma(0.9).unwrap()),
        "gamma was 0.99 when the run was saved, and is 0.9 now"
    );
    assert_eq!(
        load(config().with_buffer_capacity(400).unwrap()),
        "buffer_capacity was 300 when the run was saved, and is 400 now"
    );
    let other = start(1, &config().with_double(false), Uniform::new()).save(&mut checkpoint);
    assert!(matches!(other, Err(Error::Differs { .. })));
    let prioritized = Cart::load(&mut Checkpoint::new(folder.path()), config(), Prioritized::new());
    assert!(matches!(prioritized, Err(Error::Replay(_))));
    let nothing = tempfile::tempdir().unwrap();
    let nothing = Cart::load(&mut Checkpoint::new(nothing.path()), config(), Uniform::new());
    assert!(matches!(nothing, Err(Error::Run { .. })));
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_with_everything_saved() {
    /// CartPole whose rewards overflow any square after 100 steps.
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Exploding(TimeLimit<CartPole>, u32);
    impl reflux_envs::Env for Exploding {
        fn observation_space(&self) -> &reflux_envs::Space {
            self.0.observation_space()
        }
        fn action_space(&self) -> &reflux_envs::Space {
            self.0.action_space()
        }
        fn reset(&mut self, seed: Option<u64>) -> reflux_envs::Result<&[f32]> {
            self.0.reset(seed)
        }
        fn step(&mut self, action: usize) -> reflux_envs::Result<reflux_envs::Step<'_>> {
            self.1 += 1;
            let step = self.0.step(action)?;
            let reward = if self.1 > 100 { f32::MAX } else { step.reward };
            Ok(reflux_envs::Step { reward, ..step })
        }
    }
    let config = config().with_loss(reflux_nn::Regression::SquaredError).unwrap();
    let envs = vec![Exploding(CartPole::v1(), 0)];
    let rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut run = Run::new(envs, config.clone(), Uniform::new(), rng).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoint = Checkpoint::new(folder.path());
    let keep = |_: &_, _: &Event| ControlFlow::Continue(());
    let error = run.train_and_save(1_000, &mut checkpoint, keep).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");

    let mut checkpoint = Checkpoint::new(folder.path());
    let resumed: Run<Exploding, _, Xoshiro256PlusPlus> =
        Run::load(&mut checkpoint, config, Uniform::new()).unwrap();
    assert_eq!(resumed.agent().network(), run.agent().network());
    assert_eq!(resumed.agent().updates(), run.agent().updates());
    assert_eq!(resumed.agent().buffer().len(), run.agent().buffer().len());
    assert!(resumed.agent().network().parameters().iter().all(|p| p.is_finite()));
}

#[test]
fn a_teachers_values_are_saved_with_the_steps_that_wait() {
    let loss = reflux_dqn::PolicyLoss::MeanSquaredError;
    let config = config()
        .with_n_step(3)
        .and_then(|config| config.with_teacher(Some((loss, Schedule::constant(1.0)?))))
        .unwrap();
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
    let mut agent = reflux_dqn::Dqn::new(4, 2, config, Uniform::new(), rng).unwrap();
    let step = Transition {
        observation: &[0.0; 4],
        action: 0,
        reward: 1.0,
        next_observation: &[1.0; 4],
        terminated: false,
        truncated: false,
        teacher: None,
    };
    assert!(matches!(agent.remember(&step), Err(Error::Teacher(_))));
    let said = Some(&[1.0, 2.0][..]);
    for _ in 0..3 {
        agent.remember(&Transition { teacher: said, ..step }).unwrap();
    }
    assert_eq!(agent.buffer().len(), 1);
    let nan = Some(&[1.0, f32::NAN][..]);
    let refused = agent.remember(&Transition { teacher: nan, ..step });
    assert!(matches!(refused, Err(Error::NonFinite { .. })));
}
