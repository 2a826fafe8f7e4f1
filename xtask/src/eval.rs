//! `cargo xtask eval`: how good a trained policy is.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::interrupt;
use crate::policy::{Judgement, Source};
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  cargo xtask eval target/train/CartPole-v1-0
      100 episodes of the policy that did best in its trials
  cargo xtask eval target/train/CartPole-v1-0/student --episodes 1000 --json
      A distilled policy, every return as JSON
  cargo xtask eval policy.safetensors --env CartPole-v1";

/// How good a trained policy is without exploration.
///
/// Plays episodes of which each starts from a seed of its own, so that two policies meet the same
/// starts. Prints the mean return; the interquartile mean, which leaves out the best and the worst
/// quarter of the episodes, with a 95% bootstrap interval; and the returns themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    policy: Source,
    /// How many episodes are played
    #[arg(long, value_name = "N", default_value_t = 100)]
    episodes: usize,
    /// The seed of the first; those that follow have the next numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print JSON, with the return and the length of every episode
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    interrupt::listen()?;
    ensure!(args.episodes > 0, "the number of episodes must be at least 1, got 0");
    let policy = args.policy.load()?;
    let task = Progress::new().task("Episodes", args.episodes as u64);
    let played = |total_reward: f64| task.advance(|| format!("return {total_reward:.1}"));
    let judged = Judgement::of(&policy.network, &policy.task, args.episodes, args.seed, played)?;
    task.finish(format!("{} episodes", args.episodes));
    let (env, network) = (policy.task.name(), policy.network.mlp().config());
    if args.json {
        let all = json!({
            "env": env,
            "policy": policy.file,
            "network": network.to_string(),
            "episodes": args.episodes,
            "seed": args.seed,
            "result": judged,
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let returns: Vec<String> = judged.returns.iter().map(|value| format!("{value:.1}")).collect();
    println!(
        "{env}, {} with the network {network}, {} episodes from seed {}\n\n\
         mean return          {:.2}, from {:.2} to {:.2}\n\
         interquartile mean   {:.2} (95% bootstrap interval in brackets)\n\
         mean length          {:.1} steps\n\
         returns              {}",
        policy.file.display(),
        args.episodes,
        args.seed,
        judged.mean,
        judged.worst,
        judged.best,
        judged.estimate(),
        judged.mean_length,
        returns.join(" ")
    );
    Ok(())
}
