//! Learning from recorded data alone: plain Q-learning, conservative Q-learning and behavior cloning, on
//! what a good, a clumsy and a random player of CartPole-v1 did.
//!
//! For each it prints the return that the learned policy reaches, and what is known of the policy without
//! the environment: the value that its own network promises at the start of an episode, the value that
//! fitted Q evaluation finds in the data, and the discounted return that it then really earns.
//!
//! `cargo run --release -p reflux-dqn --example offline -- [SEEDS]`

use std::ops::ControlFlow;

use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{Dqn, DqnConfig, Greedy, Policy, Result, evaluate, fitted_q_evaluation};
use reflux_envs::{CartPole, Env};
use reflux_replay::{Buffer, Schema, Uniform};

const STEPS: usize = 5_000;
const UPDATES: u64 = 10_000;
const STARTS: u64 = 50;

fn config() -> Result<DqnConfig> {
    // A reward 20 steps away still counts for a third, so that values are learned in so many updates.
    let config = DqnConfig::new().with_gamma(0.95)?.with_learning_rate(1e-3)?;
    config.with_batch_size(64)?.with_target_update(1, 0.01)
}

/// Pushes to the side to which the pole falls, which balances it for all of the 500 steps.
fn expert(seen: &[f32]) -> usize {
    usize::from(0.1 * seen[0] + 0.3 * seen[1] + seen[2] + 0.5 * seen[3] > 0.0)
}

/// What the expert did and what came of it, with so many actions at random.
fn record(random: f64, seed: u64) -> Result<Buffer<Uniform>> {
    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[4])?;
    schema.column::<i64>("action", &[])?;
    schema.column::<f32>("reward", &[])?;
    schema.column::<f32>("next_observation", &[4])?;
    schema.column::<bool>("terminated", &[])?;
    schema.column::<bool>("truncated", &[])?;
    let mut recorded = Buffer::new(schema, STEPS, Uniform::new())?;
    let (rng, mut env) = (&mut Xoshiro256PlusPlus::seed_from_u64(seed), CartPole::v1());
    let mut seen = env.reset(Some(seed))?.to_vec();
    for _ in 0..STEPS {
        let chosen = expert(&seen);
        let action = if rng.random_bool(random) { rng.random_range(0..2) } else { chosen };
        let step = env.step(action)?;
        recorded.push(&[
            seen.as_slice().into(),
            (&(action as i64)).into(),
            (&step.reward).into(),
            step.observation.into(),
            (&step.terminated).into(),
            (&step.truncated).into(),
        ])?;
        let done = step.done();
        seen = if done { env.reset(None)?.to_vec() } else { step.observation.to_vec() };
    }
    Ok(recorded)
}

/// What is known of one policy.
#[derive(Default)]
struct Judged {
    mean_return: f64,
    promised: f64,
    fitted: f64,
    earned: f64,
}

fn learn(config: DqnConfig, data: &Buffer<Uniform>, seed: u64) -> Result<Judged> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut agent = Dqn::new(4, 2, config.clone(), Uniform::new(), rng)?;
    agent.remember_all(data)?;
    agent.learn_offline(UPDATES, rng, |_, _| ControlFlow::Continue(()))?;
    let network = agent.q_network();

    let mut env = CartPole::v1();
    let returns = evaluate(&mut Greedy::of(network), &mut env, STARTS as usize, 1_000)?;
    // The reward of each step is 1, so that a return tells how long its episode was.
    let discounted = |length: &f64| (1.0 - config.gamma().powf(*length)) / (1.0 - config.gamma());
    let mut starts = Array2::zeros((STARTS as usize, 4));
    for (seed, mut start) in starts.rows_mut().into_iter().enumerate() {
        env.reset(Some(1_000 + seed as u64))?.iter().zip(&mut start).for_each(|(x, y)| *y = *x);
    }
    let mut policy = Greedy::of(network);
    let fitted = fitted_q_evaluation(data, &mut policy, 2, &config, UPDATES, rng)?;
    let (promised, fitted) = (network.predict(&starts)?, fitted.predict(&starts)?);
    let mut judged = Judged::default();
    let each = 1.0 / STARTS as f64;
    for (row, length) in returns.iter().enumerate() {
        let chosen = policy.act(&starts.row(row).to_vec())?;
        judged.mean_return += each * length;
        judged.promised += each * f64::from(promised[[row, chosen]]);
        judged.fitted += each * f64::from(fitted[[row, chosen]]);
        judged.earned += each * discounted(length);
    }
    Ok(judged)
}

fn main() -> Result<()> {
    let seeds: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(5);
    let ways = [
        ("Q-learning", config()?),
        ("CQL, alpha 1", config()?.with_conservative(1.0)?),
        ("BC, weight 1", config()?.with_behavior_cloning(1.0)?),
    ];
    println!(
        "{STEPS} recorded steps, {UPDATES} updates, means of {seeds} seeds (worst in brackets)\n"
    );
    println!("| actions at random | learned by | return | promised | fitted Q | earned |");
    println!("| ---: | --- | ---: | ---: | ---: | ---: |");
    for random in [0.1, 0.5, 1.0] {
        for (name, config) in &ways {
            let (mut sum, mut worst) = (Judged::default(), f64::INFINITY);
            for seed in 0..seeds {
                let judged = learn(config.clone(), &record(random, seed)?, seed)?;
                sum.mean_return += judged.mean_return;
                sum.promised += judged.promised;
                sum.fitted += judged.fitted;
                sum.earned += judged.earned;
                worst = worst.min(judged.mean_return);
            }
            let [mean, promised, fitted, earned] =
                [sum.mean_return, sum.promised, sum.fitted, sum.earned].map(|x| x / seeds as f64);
            println!(
                "| {:.0}% | {name} | {mean:.0} ({worst:.0}) | {promised:.0} | {fitted:.0} | {earned:.0} |",
                100.0 * random
            );
        }
    }
    Ok(())
}
