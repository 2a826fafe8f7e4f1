//! A teacher's values beside each transition: kickstarting and QDagger.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{
    Dqn, DqnConfig, Error, Evaluation, Event, PolicyLoss, Run, Schedule, Transition, evaluate,
};
use reflux_envs::{CartPole, Env, TimeLimit};
use reflux_nn::{Mlp, MlpConfig};
use reflux_replay::Uniform;

/// Pushes to the side to which the pole falls: 500 steps from every start.
fn teacher() -> Mlp {
    let feedback = [0.1, 0.3, 1.0, 0.5];
    let weights = feedback.iter().map(|w| -w).chain(feedback).chain([0.0, 0.0]).collect();
    Mlp::from_parameters(MlpConfig::new(4, &[], 2).unwrap(), weights).unwrap()
}

fn config() -> DqnConfig {
    DqnConfig::new()
        .with_hidden(&[16])
        .and_then(|config| config.with_learning_rate(5e-3))
        .and_then(|config| {
            let loss = PolicyLoss::NegativeLogLikelihood;
            config.with_teacher(Some((loss, Schedule::constant(1.0)?)))
        })
        .and_then(|config| config.with_training(2, 1))
        .unwrap()
}

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(4)
}

fn mean_return(agent: &Dqn<Uniform>) -> f64 {
    let returns = evaluate(&mut agent.greedy(), &mut CartPole::v1(), 20, 1_000).unwrap();
    returns.iter().sum::<f64>() / 20.0
}

#[test]
fn a_kickstarted_student_plays_as_well_as_its_teacher_in_a_few_steps() {
    let envs = vec![CartPole::v1(); 2];
    let mut alone =
        Run::new(envs.clone(), config().with_teacher(None).unwrap(), Uniform::new(), rng())
            .unwrap();
    alone.train(3_000, |_, _| ControlFlow::Continue(())).unwrap();
    let mut taught =
        Run::new(envs, config(), Uniform::new(), rng()).unwrap().with_teacher(teacher()).unwrap();
    taught.train(3_000, |_, _| ControlFlow::Continue(())).unwrap();
    let (alone, taught) = (mean_return(alone.agent()), mean_return(taught.agent()));
    assert!(taught >= 475.0 && alone < taught, "{taught} with a teacher, {alone} without");
}

#[test]
fn qdagger_stops_listening_when_the_student_is_as_good() {
    // Offline first, on what the teacher did and said.
    let mut agent = Dqn::new(4, 2, config(), Uniform::new(), &mut rng()).unwrap();
    let (teacher, mut env) = (teacher(), CartPole::v1());
    let mut observation = env.reset(Some(3)).unwrap().to_vec();
    for t in 0..2_000 {
        let row = ndarray::aview1(&observation).insert_axis(ndarray::Axis(0));
        let said = teacher.predict(&row).unwrap();
        // Now and then something else, so that the data shows how to get back.
        let action = if t % 7 == 0 { t / 7 % 2 } else { reflux_nn::argmax(said.row(0)) };
        let step = env.step(action).unwrap();
        agent
            .remember(&Transition {
                observation: &observation,
                action,
                reward: step.reward,
                next_observation: step.observation,
                terminated: step.terminated,
                truncated: step.truncated,
                teacher: said.as_slice(),
            })
            .unwrap();
        let done = step.done();
        observation = step.observation.to_vec();
        if done {
            observation = env.reset(None).unwrap().to_vec();
        }
    }
    let rng = &mut rng();
    agent.learn_offline(2_000, rng, |_, _| ControlFlow::Continue(())).unwrap();
    assert!(mean_return(&agent) > 300.0, "{}", mean_return(&agent));

    // Then online, with a weight that follows the evaluations.
    let evaluation = Evaluation { env: CartPole::v1(), every: 100, episodes: 3, seed: 1_000 };
    let mut run = Run::with_agent(vec![CartPole::v1()], agent, rng.clone())
        .and_then(|run| run.with_teacher(teacher))
        .and_then(|run| run.with_teacher_return(500.0))
        .and_then(|run| run.with_evaluation(evaluation))
        .unwrap();
    run.train(500, |agent, event| {
        if let Event::Evaluated { mean_return, .. } = event {
            let expected = 1.0 - mean_return / 500.0;
            assert!((agent.teacher_weight() - expected).abs() < 1e-12);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(run.best().unwrap().0 > 300.0);
}

#[test]
fn a_teacher_that_does_not_fit_is_a_typed_error() {
    let new = |config: DqnConfig| -> Run<TimeLimit<CartPole>, _, _> {
        Run::new(vec![CartPole::v1()], config, Uniform::new(), rng()).unwrap()
    };
    let deaf = new(config().with_teacher(None).unwrap()).with_teacher(teacher());
    assert!(matches!(deaf, Err(Error::Teacher(_))));
    let wide = Mlp::new(MlpConfig::new(4, &[], 3).unwrap(), &mut rng()).unwrap();
    assert!(matches!(new(config()).with_teacher(wide), Err(Error::Length { .. })));
    let missing = new(config()).train(10, |_, _| ControlFlow::Continue(()));
    assert!(matches!(missing, Err(Error::Teacher(_))));
    assert!(new(config()).with_teacher_return(0.0).is_err());
    assert!(new(config()).with_teacher_returns(-85.0, -500.0).is_err());
    assert!(new(config()).with_teacher_returns(f64::NEG_INFINITY, -85.0).is_err());
}

#[test]
fn the_weight_of_a_teacher_falls_on_a_line_between_two_returns() {
    let evaluation = Evaluation { env: CartPole::v1(), every: 50, episodes: 3, seed: 1_000 };
    let mut run = Run::new(vec![CartPole::v1()], config(), Uniform::new(), rng())
        .and_then(|run| run.with_teacher(teacher()))
        .and_then(|run| run.with_teacher_returns(-100.0, 900.0))
        .and_then(|run| run.with_evaluation(evaluation))
        .unwrap();
    let mut evaluations = 0;
    run.train(100, |agent, event| {
        if let Event::Evaluated { mean_return, .. } = event {
            evaluations += 1;
            let expected = (900.0 - mean_return) / 1_000.0;
            assert!((agent.teacher_weight() - expected).abs() < 1e-12);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(evaluations, 2);
}
