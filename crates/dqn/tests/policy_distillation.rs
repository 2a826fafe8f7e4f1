//! A policy that is known to solve CartPole-v1, distilled through a replay buffer.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{
    EpsilonGreedy, Error, Greedy, PolicyDistillation, PolicyLoss, PolicyMemory, evaluate,
};
use reflux_envs::CartPole;
use reflux_nn::{Mlp, MlpConfig};

/// Pushes to the side to which the pole falls, keeping an eye on the cart: a linear feedback that
/// holds the pole up for 500 steps from every start.
fn teacher() -> Mlp {
    let feedback = [0.1, 0.3, 1.0, 0.5];
    let left = feedback.iter().map(|w| -w);
    let weights = left.chain(feedback).chain([0.0, 0.0]).collect();
    Mlp::from_parameters(MlpConfig::new(4, &[], 2).unwrap(), weights).unwrap()
}

fn mean_return(network: &Mlp) -> f64 {
    let returns = evaluate(&mut Greedy::new(network), &mut CartPole::v1(), 100, 1_000).unwrap();
    returns.iter().sum::<f64>() / 100.0
}

#[test]
fn a_student_reaches_its_teachers_return_by_every_loss() {
    let teacher = teacher();
    assert_eq!(mean_return(&teacher), 500.0);
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
    let mut memory = PolicyMemory::new(4, 2, 5_000).unwrap();
    let actor_rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let mut actor = EpsilonGreedy::new(Greedy::new(&teacher), 0.2, 2, actor_rng).unwrap();
    memory.record(&mut actor, &teacher, &mut CartPole::v1(), 5_000, 0).unwrap();
    let losses = [
        PolicyLoss::kullback_leibler(0.01).unwrap(),
        PolicyLoss::NegativeLogLikelihood,
        PolicyLoss::MeanSquaredError,
    ];
    for loss in losses {
        let distillation =
            PolicyDistillation::new().with_loss(loss).unwrap().with_updates(3_000).unwrap();
        let mut student = Mlp::new(MlpConfig::new(4, &[8], 2).unwrap(), rng).unwrap();
        assert!(mean_return(&student) < 250.0, "untrained, so it should drop the pole");
        distillation.run(&mut student, &mut memory, rng, |_| ControlFlow::Continue(())).unwrap();
        assert!(mean_return(&student) >= 475.0, "{loss:?}: {}", mean_return(&student));
    }
}

#[test]
fn bad_input_is_a_typed_error() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
    let mut memory = PolicyMemory::new(4, 2, 10).unwrap();
    let mut student = Mlp::new(MlpConfig::new(4, &[], 2).unwrap(), rng).unwrap();
    let run = |student: &mut Mlp, memory: &mut PolicyMemory| {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        PolicyDistillation::new().run(student, memory, rng, |_| ControlFlow::Continue(()))
    };
    let empty = run(&mut student, &mut memory).unwrap_err();
    assert!(matches!(empty, Error::Replay(_)), "{empty}");
    assert!(memory.push(&[0.0; 3], &[0.0; 2]).is_err());
    assert!(memory.push(&[f32::NAN; 4], &[0.0; 2]).is_err());
    assert!(memory.push(&[0.0; 4], &[0.0; 3]).is_err());
    assert!(memory.is_empty());
    memory.push(&[0.0; 4], &[0.0; 2]).unwrap();
    let mut wide = Mlp::new(MlpConfig::new(4, &[], 3).unwrap(), rng).unwrap();
    let error = run(&mut wide, &mut memory).unwrap_err().to_string();
    assert_eq!(error, "the student's outputs must have length 2, got 3");
    assert!(PolicyDistillation::new().with_updates(0).is_err());
    assert!(PolicyMemory::new(4, 2, 0).is_err());
}
