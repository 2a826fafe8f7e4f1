//! How many seeds a preset solves: for each seed, the return of the policy that did best in its trials,
//! over 100 episodes that it was not chosen by.
//!
//! `cargo run --release -p reflux-dqn --example solve -- TASK [SEEDS [FIRST]]`, with the task
//! cart-pole, acrobot or mountain-car.

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{DqnConfig, Evaluation, Greedy, Result, Run, evaluate};
use reflux_envs::{Acrobot, CartPole, Env, MountainCar};
use reflux_replay::{Sampler, Uniform};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let mut number = |otherwise| arguments.next().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let seeds = (number(10), number(0));
    // Returns at which the tasks count as solved: Gymnasium's registry for the first and the third;
    // Acrobot has none there, -100 is the usual one.
    match task.as_str() {
        "cart-pole" => solve(CartPole::v1(), DqnConfig::cart_pole(), Uniform::new, 475.0, seeds),
        "acrobot" => solve(Acrobot::v1(), DqnConfig::acrobot(), Uniform::new, -100.0, seeds),
        "mountain-car" => {
            solve(MountainCar::v0(), DqnConfig::mountain_car(), Uniform::new, -110.0, seeds)
        }
        _ => {
            eprintln!("the task is one of cart-pole, acrobot, mountain-car");
            std::process::exit(2);
        }
    }
}

fn solve<E: Env + Clone, S: Sampler + std::fmt::Debug>(
    env: E,
    config: DqnConfig,
    sampler: fn() -> S,
    goal: f64,
    (seeds, first): (u64, u64),
) -> Result<()> {
    let (steps, mut solved) = (config.training_steps(), 0);
    for seed in first..first + seeds {
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let evaluation =
            Evaluation { env: env.clone(), every: steps / 50, episodes: 20, seed: 1_000_000 };
        let mut run = Run::new(vec![env.clone()], config.clone(), sampler(), rng)?
            .with_evaluation(evaluation)?;
        let started = std::time::Instant::now();
        run.train(steps, |_, _| ControlFlow::Continue(()))?;
        let seconds = started.elapsed().as_secs_f64();
        let score = |policy: &mut Greedy| {
            let returns = evaluate(policy, &mut env.clone(), 100, 2_000_000)?;
            Ok::<_, reflux_dqn::Error>(returns.iter().sum::<f64>() / 100.0)
        };
        let last = score(&mut run.agent().greedy())?;
        let best = match run.best() {
            Some((_, network)) => score(&mut Greedy::of(network))?,
            None => last,
        };
        solved += u64::from(best >= goal);
        println!("seed {seed}: best {best:.2}, last {last:.2}, {seconds:.0} s");
    }
    println!("{solved} of {seeds} solved (a mean return of at least {goal})");
    Ok(())
}
