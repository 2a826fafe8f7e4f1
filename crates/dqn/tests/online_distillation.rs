//! A student that learns while its teacher is still learning.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{
    DqnConfig, Error, Evaluation, Event, OnlineDistillation, PolicyDistillation, Run,
};
use reflux_envs::{CartPole, TimeLimit};
use reflux_nn::{Mlp, MlpConfig, argmax};
use reflux_replay::Prioritized;

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(6)
}

fn start() -> Run<TimeLimit<CartPole>, Prioritized, Xoshiro256PlusPlus> {
    let config = DqnConfig::new()
        .with_hidden(&[16])
        .and_then(|config| config.with_learning_rate(2e-3))
        .and_then(|config| config.with_target_update(50, 1.0))
        .and_then(|config| config.with_n_step(3))
        .unwrap();
    Run::new(vec![CartPole::v1()], config, Prioritized::new(), rng())
        .and_then(|run| run.with_evaluation(evaluation()))
        .unwrap()
}

fn evaluation() -> Evaluation<TimeLimit<CartPole>> {
    Evaluation { env: CartPole::v1(), every: 500, episodes: 2, seed: 1 }
}

#[test]
fn a_student_agrees_with_the_best_teacher_and_does_not_disturb_its_learning() {
    const STEPS: u64 = 4_000;
    let (mut alone, mut followed) = (Vec::new(), Vec::new());
    let mut run = start();
    run.train(STEPS, |_, event| {
        alone.push(*event);
        ControlFlow::Continue(())
    })
    .unwrap();

    let student = Mlp::new(MlpConfig::new(4, &[8], 2).unwrap(), &mut rng()).unwrap();
    let distillation = PolicyDistillation::new().with_updates(4).unwrap();
    let distillation = distillation.with_learning_rate(5e-3).unwrap();
    let mut online = OnlineDistillation::new(student, distillation, rng()).unwrap();
    let mut observations = Vec::new();
    let mut run = start();
    run.try_train(STEPS, |agent, event| {
        followed.push(*event);
        online.follow(agent, event)?;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(alone, followed);
    assert_eq!(online.updates(), 4 * run.agent().updates());

    // On states from −0.05 to 0.05, where every episode begins, and beyond.
    for i in 0..500 {
        let at = |j: i32| ((i * 7 + j * 13) as f32 * 0.37).sin() * 0.2;
        observations.push([at(0), at(1), at(2), at(3)]);
    }
    let observations = ndarray::Array2::from(observations);
    let teacher = run.best().unwrap().1.predict(&observations).unwrap();
    let student = online.student().predict(&observations).unwrap();
    let same = teacher
        .rows()
        .into_iter()
        .zip(student.rows())
        .filter(|(teacher, student)| argmax(*teacher) == argmax(*student))
        .count();
    assert!(same >= 450, "{same} of 500 actions are the teacher's");
}

#[test]
fn an_observer_that_fails_stops_a_run_that_can_go_on() {
    let mut run = start();
    let mut events = Vec::new();
    let failed = run.try_train(1_000, |_, event| {
        events.push(*event);
        match event {
            Event::Learned(_) => Err(Error::Teacher("is tired")),
            _ => Ok(ControlFlow::Continue(())),
        }
    });
    assert!(matches!(failed, Err(Error::Teacher(_))));
    let left = 1_000 - run.agent().steps();
    run.train(left, |_, event| {
        events.push(*event);
        ControlFlow::Continue(())
    })
    .unwrap();
    let mut whole = Vec::new();
    start()
        .train(1_000, |_, event| {
            whole.push(*event);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(events, whole);
}

#[cfg(feature = "serde")]
mod resumed {
    use reflux_replay::Checkpoint;

    use super::*;

    type Cart = Run<TimeLimit<CartPole>, Prioritized, Xoshiro256PlusPlus>;
    type Online = OnlineDistillation<Xoshiro256PlusPlus>;

    fn student() -> Online {
        let student = Mlp::new(MlpConfig::new(4, &[8], 2).unwrap(), &mut rng()).unwrap();
        let distillation = PolicyDistillation::new().with_updates(2).unwrap();
        OnlineDistillation::new(student, distillation, rng()).unwrap()
    }

    fn train(run: &mut Cart, online: &mut Online, steps: u64) -> Vec<Option<f64>> {
        let mut losses = Vec::new();
        run.try_train(steps, |agent, event| {
            losses.push(online.follow(agent, event)?);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        losses
    }

    #[test]
    fn a_student_goes_on_exactly_with_its_run() {
        const STEPS: u64 = 1_300;
        let (mut run, mut whole) = (start(), student());
        let config = run.agent().config().clone();
        let expected = train(&mut run, &mut whole, STEPS);
        // Before the student's first update, before the first evaluation, and after it.
        for stop in [10, 401, 777] {
            let folder = tempfile::tempdir().unwrap();
            let (mut run, mut online) = (start(), student());
            let mut losses = train(&mut run, &mut online, stop);
            let bytes = online.to_bytes().unwrap();
            run.save_with(&mut Checkpoint::new(folder.path()), &bytes).unwrap();
            drop((run, online));

            let checkpoint = &mut Checkpoint::new(folder.path());
            let (run, bytes): (Cart, _) =
                Run::load_with(checkpoint, config.clone(), Prioritized::new()).unwrap();
            let mut run = run.with_evaluation(evaluation()).unwrap();
            let mut online = Online::from_bytes(&bytes).unwrap();
            losses.extend(train(&mut run, &mut online, STEPS - stop));
            assert_eq!(losses, expected, "stopped after {stop} steps");
            assert_eq!(online.student(), whole.student());
            assert_eq!(online.updates(), whole.updates());
        }
    }

    #[test]
    fn bytes_that_are_not_a_whole_student_are_a_typed_error() {
        let (mut run, mut online) = (start(), student());
        train(&mut run, &mut online, 600);
        let bytes = online.to_bytes().unwrap();
        let longer = [&bytes[..], &[0]].concat();
        for wrong in [&bytes[..0], &bytes[..7], &bytes[..100], &bytes[..bytes.len() - 1], &longer] {
            let refused = Online::from_bytes(wrong);
            assert!(
                matches!(refused, Err(Error::Run { .. })),
                "{} bytes: {refused:?}",
                wrong.len()
            );
        }
        let version = br#""version":"#;
        let at = bytes.windows(version.len()).position(|window| window == version).unwrap();
        let mut newer = bytes.clone();
        newer[at + version.len()] = b'9';
        let refused = Online::from_bytes(&newer).unwrap_err().to_string();
        assert!(refused.contains("version 9"), "{refused}");
    }
}
