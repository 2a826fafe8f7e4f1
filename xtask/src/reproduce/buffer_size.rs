//! How large a replay buffer should be, and how many updates a step of the environment should bring:
//! DQN on CartPole-v1 and Acrobot-v1 with every capacity at every replay ratio, as Fedus et al. 2020
//! (arXiv:2007.06700) have it for Atari games, and Zhang & Sutton 2017 (arXiv:1712.01275) for the
//! capacity.

use std::fmt::{self, Display, Formatter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use reflux_dqn::{DqnConfig, Evaluation, Run, Schedule};
use reflux_envs::{Acrobot, CartPole, Env};
use reflux_replay::Uniform;

use super::chart::{Chart, Line};
use super::curves::Curve;
use crate::output;
use crate::progress::{Progress, Task as Bar};
use crate::statistics::Estimate;

/// The last keeps everything.
const CAPACITIES: [usize; 5] = [300, 1_000, 3_000, 10_000, 30_000];
/// How agents learn: one line of the plot each.
const WAYS: [Way; 6] = [
    Way { updates: 1, steps: 16, n_step: 1 },
    Way { updates: 1, steps: 4, n_step: 1 },
    Way { updates: 1, steps: 1, n_step: 1 },
    Way { updates: 4, steps: 1, n_step: 1 },
    Way { updates: 1, steps: 4, n_step: 3 },
    Way { updates: 1, steps: 1, n_step: 3 },
];
const STEPS: u64 = 30_000;
/// A policy is tried out so many times along its training ...
const EVALUATIONS: u64 = 20;
const EPISODES: usize = 10;
/// ... and the last quarter of the trials is its score.
const SCORED: usize = 5;
const EVALUATION_SEED: u64 = 1_000_000;

/// The options of `cargo xtask reproduce buffer-size`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// How many agents of each kind
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Write the plots to docs/src/images, too
    #[arg(long)]
    write: bool,
}

/// So many updates after so many steps, towards targets of so many rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    updates: u64,
    steps: u64,
    n_step: usize,
}

impl Display for Way {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ratio {}", self.updates)?;
        if self.steps > 1 {
            write!(f, "/{}", self.steps)?;
        }
        if self.n_step > 1 { write!(f, ", {}-step", self.n_step) } else { Ok(()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    CartPole,
    Acrobot,
}

impl Task {
    const EACH: [Self; 2] = [Self::CartPole, Self::Acrobot];

    fn name(self) -> &'static str {
        match self {
            Self::CartPole => "CartPole-v1",
            Self::Acrobot => "Acrobot-v1",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::CartPole => "buffer-size-cartpole.svg",
            Self::Acrobot => "buffer-size-acrobot.svg",
        }
    }
}

/// One agent.
#[derive(Debug, Clone, Copy)]
struct Agent {
    task: Task,
    way: Way,
    capacity: usize,
    seed: u64,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.seeds > 0, "there must be at least 1 seed");
    let folder = Path::new("docs/src/images");
    if args.write {
        output::prepare_folder(folder)?;
    }
    let started = Instant::now();
    let agents = agents(args.seeds);
    let bar = Progress::new().task("Agents", agents.len() as u64);
    // Each agent has its own seed, so what comes out does not depend on the number of threads.
    let scores: Vec<f64> =
        agents.par_iter().map(|agent| agent.score(&bar)).collect::<Result<_>>()?;
    bar.finish(agents.len());
    let estimates = scores
        .chunks(args.seeds as usize)
        .map(Estimate::interquartile_mean)
        .collect::<Result<Vec<_>>>()?;

    for (task, estimates) in Task::EACH.iter().zip(estimates.chunks(WAYS.len() * CAPACITIES.len()))
    {
        println!("{}", table(*task, estimates)?);
        if args.write {
            let path = folder.join(task.file());
            output::write(&path, &plot(*task, estimates)?)?;
            println!("written to {}\n", path.display());
        }
    }
    println!(
        "Interquartile means of {} seeds with 95% bootstrap intervals; {:.0} s.",
        args.seeds,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// By task, then by way, capacity and seed.
fn agents(seeds: u64) -> Vec<Agent> {
    let mut agents = Vec::new();
    for task in Task::EACH {
        for way in WAYS {
            for capacity in CAPACITIES {
                agents.extend((0..seeds).map(|seed| Agent { task, way, capacity, seed }));
            }
        }
    }
    agents
}

impl Agent {
    /// The mean return of the last trials.
    fn score(&self, bar: &Bar) -> Result<f64> {
        let score = match self.task {
            Task::CartPole => self.train(CartPole::v1()),
            Task::Acrobot => self.train(Acrobot::v1()),
        }?;
        let Self { task, way, capacity, .. } = self;
        bar.advance(|| format!("{}, {way}, capacity {capacity}", task.name()));
        Ok(score)
    }

    fn train<E: Env + Clone>(&self, env: E) -> Result<f64> {
        let rng = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let evaluation = Evaluation {
            env: env.clone(),
            every: STEPS / EVALUATIONS,
            episodes: EPISODES,
            seed: EVALUATION_SEED,
        };
        let mut run = Run::new(vec![env], self.config()?, Uniform::new(), rng)?
            .with_evaluation(evaluation)?;
        let trials = Curve::learn(&mut run, STEPS)?.points;
        let last = &trials[trials.len().saturating_sub(SCORED)..];
        Ok(last.iter().map(|(_, mean_return)| mean_return).sum::<f64>() / last.len() as f64)
    }

    fn config(&self) -> Result<DqnConfig> {
        let Way { updates, steps, n_step } = self.way;
        Ok(DqnConfig::new()
            .with_hidden(&[64, 64])?
            .with_learning_rate(1e-3)?
            .with_batch_size(32)?
            .with_learning_starts(1_000)
            .with_epsilon(Schedule::linear(1.0, 0.05, 5_000)?)?
            // By updates, so that it follows as closely at every ratio.
            .with_target_update(1, 0.005)?
            .with_n_step(n_step)?
            .with_training(steps, updates)?
            .with_training_steps(STEPS)?
            .with_buffer_capacity(self.capacity)?)
    }
}

fn table(task: Task, estimates: &[Estimate]) -> Result<String> {
    let mut table = format!("### {}\n\n| capacity |", task.name());
    for way in WAYS {
        write!(table, " {way} |")?;
    }
    writeln!(table, "\n|{}", " ---: |".repeat(1 + WAYS.len()))?;
    for (index, capacity) in CAPACITIES.iter().enumerate() {
        write!(table, "| {capacity} |")?;
        for line in estimates.chunks(CAPACITIES.len()) {
            write!(table, " {:.0} |", line[index])?;
        }
        table.push('\n');
    }
    Ok(table)
}

fn plot(task: Task, estimates: &[Estimate]) -> Result<String> {
    let lines = WAYS.iter().zip(estimates.chunks(CAPACITIES.len()));
    let lines = lines.map(|(way, points)| Line { name: way.to_string(), points: points.to_vec() });
    let chart = Chart {
        title: &format!("{}: return after {STEPS} steps", task.name()),
        x: "capacity of the buffer, transitions",
        y: "mean return",
        settings: CAPACITIES.map(|capacity| capacity.to_string()).to_vec(),
        lines: lines.collect(),
    };
    chart.svg()
}
