//! Solves CartPole-v1 and saves the network.
//!
//! `cargo run --release -p reflux-dqn --example cart_pole [FILE]`

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{Dqn, DqnConfig, Event, Greedy, Result, evaluate, train};
use reflux_envs::CartPole;
use reflux_replay::Prioritized;

const STEPS: u64 = 50_000;
/// Episodes of this many in a row with a return of 500 end the training.
const PERFECT: usize = 10;

fn main() -> Result<()> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut env = CartPole::v1();
    let mut agent = Dqn::for_env(&env, DqnConfig::cart_pole(), Prioritized::new(), rng)?;
    println!("{} with {} parameters", agent.network().config(), agent.network().parameters().len());

    let (mut episodes, mut perfect) = (0, 0);
    train(&mut agent, &mut env, STEPS, rng, |agent, event| {
        if let Event::Episode { total_reward, .. } = event {
            episodes += 1;
            perfect = if total_reward >= 500.0 { perfect + 1 } else { 0 };
            if episodes % 20 == 0 {
                println!("step {:>6}  return {total_reward:>5}", agent.steps());
            }
        }
        if perfect >= PERFECT { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;

    let returns = evaluate(&mut Greedy::new(agent.network()), &mut env, 100, 1_000_000)?;
    println!("mean return over 100 episodes: {:.1}", returns.iter().sum::<f64>() / 100.0);
    if let Some(path) = std::env::args().nth(1) {
        agent.network().save(&path)?;
        println!("saved to {path}");
    }
    Ok(())
}
