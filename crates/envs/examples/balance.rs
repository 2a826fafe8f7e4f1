//! Plays CartPole-v1 with two policies, one that guesses and one that looks, and prints their mean
//! returns over 100 episodes. The largest return there is is 500.
//!
//! `cargo run -p reflux-envs --example balance`

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_envs::{CartPole, Env, EpisodeStatistics, Result};

const EPISODES: usize = 100;

fn main() -> Result<()> {
    let mut coin = Xoshiro256PlusPlus::seed_from_u64(0);
    let random = mean_return(|_| usize::from(coin.random::<bool>()))?;
    let balancing = mean_return(push_under_the_pole)?;
    println!("CartPole-v1, mean return over {EPISODES} episodes");
    println!("  random     {random:>6.1}");
    println!("  balancing  {balancing:>6.1}");
    Ok(())
}

/// Pushes the cart to the side to which the pole falls, which brings it back under the pole.
fn push_under_the_pole(observation: &[f32]) -> usize {
    // Where the pole will be in half a second, if nothing is done: angle + 0.5 s * angular
    // velocity.
    usize::from(observation[2] + 0.5 * observation[3] > 0.0)
}

/// The mean return of `policy`, which turns an observation into an action.
fn mean_return(mut policy: impl FnMut(&[f32]) -> usize) -> Result<f64> {
    let mut env = EpisodeStatistics::new(CartPole::v1());
    let mut total = 0.0;
    for number in 0..EPISODES {
        // One seed for the first episode; the others go on from there.
        let mut action = policy(env.reset((number == 0).then_some(0))?);
        loop {
            let step = env.step(action)?;
            if step.done() {
                break;
            }
            action = policy(step.observation);
        }
        total += env.last_episode().map_or(0.0, |episode| episode.total_reward);
    }
    Ok(total / EPISODES as f64)
}
