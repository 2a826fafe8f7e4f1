//! How many seeds the presets solve, and in how many steps.
//!
//! `cargo run --release -p reflux-dqn --example solve -- [TASK|all] [SEEDS]` prints a line for each seed
//! and the table of the README. Fifty times in the budget of a training, the policy of that moment plays
//! 20 episodes without exploration. Where their mean return reaches the goal, it plays 100 others; if their
//! mean reaches it as well, the seed has solved the task, and its training ends.

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{DqnConfig, Evaluation, Event, Result, Run, evaluate};
use reflux_envs::{Acrobot, CartPole, DeepSea, Env, MountainCar};
use reflux_replay::Uniform;

/// Of the first of 20 episodes, and of the first of 100.
const TRIAL_SEEDS: [u64; 2] = [1_000_000, 2_000_000];
const TRIALS: u64 = 50;
const TASKS: [&str; 4] = ["cart-pole", "acrobot", "mountain-car", "deep-sea"];

/// What one seed came to.
struct Outcome {
    /// Steps until it was solved, and the mean return then.
    solved: Option<(u64, f64)>,
    /// The largest mean of 20 episodes.
    best: f64,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_else(|| "all".to_owned());
    let seeds = arguments.next().and_then(|seeds| seeds.parse().ok()).unwrap_or(10);
    let tasks = TASKS.iter().filter(|name| task == "all" || task == **name);
    let mut table = "| task | solved means a mean return of | within | solved | steps, median |\n\
                     | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for &name in tasks {
        // Goals are the reward thresholds of Gymnasium's registry; the treasure of the deep sea is 1,
        // less 0.01 for the way.
        table += &match name {
            "cart-pole" => {
                row("CartPole-v1", DqnConfig::cart_pole(), 475.0, seeds, |_| Ok(CartPole::v1()))?
            }
            "acrobot" => {
                row("Acrobot-v1", DqnConfig::acrobot(), -100.0, seeds, |_| Ok(Acrobot::v1()))?
            }
            "mountain-car" => {
                row("MountainCar-v0", DqnConfig::mountain_car(), -110.0, seeds, |_| {
                    Ok(MountainCar::v0())
                })?
            }
            // Another sea for each seed.
            _ => row("deep sea of size 20", DqnConfig::deep_sea(), 0.98, seeds, |seed| {
                Ok(DeepSea::new(20, seed)?)
            })?,
        };
    }
    println!("\n{table}");
    Ok(())
}

/// The table's row for a task.
fn row<E: Env + Clone>(
    name: &str,
    config: DqnConfig,
    goal: f64,
    seeds: u64,
    env: impl Fn(u64) -> Result<E>,
) -> Result<String> {
    let mut steps = Vec::new();
    for seed in 0..seeds {
        let started = std::time::Instant::now();
        let Outcome { solved, best } = outcome(&env(seed)?, &config, goal, seed)?;
        let said = match solved {
            Some((steps, mean)) => format!("{mean:.2} after {steps} steps"),
            None => format!("not solved, at best {best:.2}"),
        };
        println!("{name}, seed {seed}: {said}, {:.0} s", started.elapsed().as_secs_f64());
        steps.extend(solved.map(|(steps, _)| steps));
    }
    steps.sort_unstable();
    let median = steps.get(steps.len() / 2).map_or_else(|| "-".to_owned(), u64::to_string);
    let (solved, within) = (steps.len(), config.training_steps());
    Ok(format!("| {name} | {goal} | {within} steps | {solved} of {seeds} | {median} |\n"))
}

fn outcome<E: Env + Clone>(env: &E, config: &DqnConfig, goal: f64, seed: u64) -> Result<Outcome> {
    let steps = config.training_steps();
    let [seed_of_trials, seed_of_exam] = TRIAL_SEEDS;
    let evaluation =
        Evaluation { env: env.clone(), every: steps / TRIALS, episodes: 20, seed: seed_of_trials };
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut run = Run::new(vec![env.clone()], config.clone(), Uniform::new(), rng)?
        .with_evaluation(evaluation)?;
    let mut outcome = Outcome { solved: None, best: f64::NEG_INFINITY };
    let mut examined = Ok(());
    run.train(steps, |agent, event| {
        let Event::Evaluated { mean_return, .. } = *event else {
            return ControlFlow::Continue(());
        };
        outcome.best = outcome.best.max(mean_return);
        if mean_return < goal {
            return ControlFlow::Continue(());
        }
        match evaluate(&mut agent.greedy(), &mut env.clone(), 100, seed_of_exam) {
            Ok(returns) => {
                let mean = returns.iter().sum::<f64>() / returns.len() as f64;
                if mean < goal {
                    return ControlFlow::Continue(());
                }
                outcome.solved = Some((agent.steps(), mean));
            }
            Err(error) => examined = Err(error),
        }
        ControlFlow::Break(())
    })?;
    examined.map(|()| outcome)
}
