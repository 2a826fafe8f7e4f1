//! "Prioritized Experience Replay" (Schaul, Quan, Antonoglou & Silver 2016, arXiv:1511.05952): the Blind
//! Cliffwalk of figures 1 and 7, and learning curves of agents whose replay differs and nothing else.

mod cliffwalk;
mod page;

use anyhow::Result;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{DqnConfig, Evaluation, Run, Schedule};
use reflux_envs::{CartPole, DeepSea, Env};
use reflux_replay::{Prioritized, RankBased, Sampler, Uniform};

use super::Common;
use super::curves::{Curve, kept, seeds};
use crate::interrupt;
use crate::progress::Progress;
use cliffwalk::{Features, Replay};

/// The options of `cargo xtask reproduce per`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
}

/// The numbers of states of the cliff; the paper goes to 16.
const STATES: [usize; 7] = [2, 4, 6, 8, 10, 12, 14];
/// There is no oracle for linear values: it may undo with each update what it did with the last.
const CLIFFS: [(Features, &[Replay]); 2] = [
    (Features::Table, &[Replay::Uniform, Replay::Greedy, Replay::Oracle]),
    (Features::Linear, &[Replay::Uniform, Replay::RankBased, Replay::Proportional]),
];
const SAMPLERS: [Replay; 3] = [Replay::Uniform, Replay::RankBased, Replay::Proportional];
const TASKS: [Task; 2] = [Task::DeepSea, Task::CartPole];
/// Of the first episode of an evaluation.
const EVALUATION_SEED: u64 = 1_000_000;

/// What the agents learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    DeepSea,
    CartPole,
}

/// Updates that one way of replaying needs, of each seed, by the number of states.
struct Cliff {
    replay: Replay,
    updates: Vec<Vec<f64>>,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::DeepSea => "deep sea of size 20",
            Self::CartPole => "CartPole-v1",
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::DeepSea => "deep-sea",
            Self::CartPole => "cart-pole",
        }
    }

    fn curve<S: Sampler + std::fmt::Debug>(self, sampler: S, seed: u64) -> Result<Curve> {
        match self {
            Self::DeepSea => {
                let config = DqnConfig::deep_sea().with_training_steps(10_000)?;
                curve(DeepSea::new(20, seed)?, config, sampler, 1, seed)
            }
            Self::CartPole => {
                let config = DqnConfig::new()
                    .with_learning_rate(1e-3)?
                    .with_target_update(100, 1.0)?
                    .with_epsilon(Schedule::linear(1.0, 0.05, 5_000)?)?
                    .with_training_steps(20_000)?;
                curve(CartPole::v1(), config, sampler, 10, seed)
            }
        }
    }
}

/// A training with twenty evaluations.
fn curve<E: Env + Clone, S: Sampler + std::fmt::Debug>(
    env: E,
    config: DqnConfig,
    sampler: S,
    episodes: usize,
    seed: u64,
) -> Result<Curve> {
    let steps = config.training_steps();
    let evaluation =
        Evaluation { env: env.clone(), every: steps / 20, episodes, seed: EVALUATION_SEED };
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut run = Run::new(vec![env], config, sampler, rng)?.with_evaluation(evaluation)?;
    Curve::learn(&mut run, steps)
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let seeds = seeds(args.common.seeds)?;
    let folder = args.common.folder("per")?;
    let progress = Progress::new();
    let rows = CLIFFS.iter().map(|(_, replays)| replays.len() * STATES.len()).sum::<usize>();
    let bar = progress.task("Blind Cliffwalk", rows as u64);
    let mut cliffs = Vec::new();
    for (features, replays) in CLIFFS {
        let mut of_features = Vec::new();
        for &replay in replays {
            let mut updates = Vec::new();
            for states in STATES {
                let of_seed = |seed| {
                    interrupt::check()?;
                    let file = format!("{features:?}-{}-{states}-{seed}.json", replay.name());
                    kept(&folder.join(file), || {
                        Ok(cliffwalk::updates(replay, features, states, seed)? as f64)
                    })
                };
                updates.push(seeds.clone().map(of_seed).collect::<Result<Vec<f64>>>()?);
                bar.advance(|| format!("{}, {states} states", replay.name()));
            }
            of_features.push(Cliff { replay, updates });
        }
        cliffs.push((features, of_features));
    }
    bar.finish("done");
    let bar = progress.task("Agents", (TASKS.len() * SAMPLERS.len()) as u64 * seeds.end);
    let mut tasks = Vec::new();
    for task in TASKS {
        let mut of_task = Vec::new();
        for replay in SAMPLERS {
            let of_seed = |seed| {
                let file = format!("{}-{}-{seed}.json", task.file_name(), replay.name());
                let curve = kept(&folder.join(file), || match replay {
                    Replay::RankBased => task.curve(RankBased::new(), seed),
                    Replay::Proportional => task.curve(Prioritized::new(), seed),
                    _ => task.curve(Uniform::new(), seed),
                });
                bar.advance(|| format!("{}, {}", task.name(), replay.name()));
                curve
            };
            of_task.push((replay, seeds.clone().map(of_seed).collect::<Result<Vec<Curve>>>()?));
        }
        tasks.push((task, of_task));
    }
    bar.finish("done");
    page::publish(args, &cliffs, &tasks)
}
