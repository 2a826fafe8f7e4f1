//! A student with 4% of its teacher's parameters, which learns while the teacher learns CartPole-v1.
//!
//! `cargo run --release -p reflux-dqn --example online_distillation`

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{
    DqnConfig, Evaluation, Event, Greedy, OnlineDistillation, PolicyDistillation, Result, Run,
    evaluate,
};
use reflux_envs::CartPole;
use reflux_nn::{Mlp, MlpConfig};
use reflux_replay::Uniform;

fn main() -> Result<()> {
    let config = DqnConfig::cart_pole();
    let steps = config.training_steps();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let student = Mlp::new(MlpConfig::new(4, &[48, 48], 2)?, &mut rng)?;
    // The teacher makes 128 updates a round, the student as many.
    let distillation = PolicyDistillation::new().with_updates(128)?;
    let mut online = OnlineDistillation::new(student, distillation, rng.clone())?;

    let evaluation = Evaluation { env: CartPole::v1(), every: 2_500, episodes: 20, seed: 1_000 };
    let mut run =
        Run::new(vec![CartPole::v1()], config, Uniform::new(), rng)?.with_evaluation(evaluation)?;
    println!("{:>6}  {:>7}  {:>7}  {:>7}", "step", "teacher", "best", "student");
    let mut best_return = 0.0_f64;
    run.try_train(steps, |agent, event| {
        online.follow(agent, event)?;
        if let Event::Evaluated { mean_return, .. } = event {
            best_return = best_return.max(*mean_return);
            let returns =
                evaluate(&mut Greedy::new(online.student()), &mut CartPole::v1(), 20, 1_000)?;
            let student = returns.iter().sum::<f64>() / 20.0;
            let step = agent.steps();
            println!("{step:>6}  {mean_return:>7.1}  {best_return:>7.1}  {student:>7.1}");
        }
        Ok(ControlFlow::Continue(()))
    })
}
