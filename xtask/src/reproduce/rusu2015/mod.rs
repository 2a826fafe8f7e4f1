//! "Policy Distillation" (Rusu et al. 2015, arXiv:1511.06295), with the paper's sizes and losses, in tasks
//! that a processor can learn in minutes in place of Atari's.
//!
//! `lesson` trains a teacher and its students for one seed, `predict` times an action, `page` writes.

mod lesson;
mod page;
mod predict;

use anyhow::{Result, ensure};
use reflux_dqn::{DqnConfig, PolicyLoss};
use serde::{Deserialize, Serialize};

use super::Common;
use crate::interrupt;
use crate::policy::Task;
use crate::progress::Progress;
use crate::widths::widths;
use lesson::Lesson;

/// The options of `cargo xtask reproduce rusu2015`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// The widths of the teacher's hidden layers
    #[arg(long, value_name = "WIDTHS", default_value = "256,256")]
    teacher: String,
    /// Updates of each student
    #[arg(long, value_name = "N", default_value_t = 8_000)]
    updates: u64,
    /// Steps that the teacher plays into the buffer
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    transitions: usize,
}

/// The students' shares of the teacher's parameters, as in the paper.
const SIZES: [f64; 3] = [0.25, 0.07, 0.04];

/// The paper's losses; the first did best there.
const LOSSES: [(&str, PolicyLoss); 3] = [
    ("KL", PolicyLoss::KullbackLeibler { temperature: 0.01 }),
    ("NLL", PolicyLoss::NegativeLogLikelihood),
    ("MSE", PolicyLoss::MeanSquaredError),
];

/// A task, and how its teachers learn it.
struct Game {
    name: &'static str,
    config: fn() -> reflux_dqn::Result<DqnConfig>,
    /// The mean return in a trial that ends the training.
    goal: f64,
    /// Steps between two trials.
    trial_every: u64,
}

const GAMES: [Game; 3] = [
    Game { name: "CartPole-v1", config: cart_pole, goal: 490.0, trial_every: 1_000 },
    Game { name: "Acrobot-v1", config: acrobot, goal: -85.0, trial_every: 2_000 },
    Game { name: "MountainCar-v0", config: mountain_car, goal: -105.0, trial_every: 2_000 },
];

/// Steadier than the published setting: double targets, smaller steps, a target that follows sooner.
fn cart_pole() -> reflux_dqn::Result<DqnConfig> {
    DqnConfig::cart_pole().with_double(true).with_learning_rate(1e-3)?.with_target_update(64, 1.0)
}

/// Half the updates of the published setting, and double targets.
fn acrobot() -> reflux_dqn::Result<DqnConfig> {
    DqnConfig::acrobot().with_double(true).with_training(4, 2)?.with_training_steps(40_000)
}

fn mountain_car() -> reflux_dqn::Result<DqnConfig> {
    Ok(DqnConfig::mountain_car())
}

/// What came of one seed in one task: mean returns.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Outcome {
    random: f64,
    teacher: f64,
    /// Steps that the teacher was trained for.
    teacher_steps: u64,
    teacher_parameters: usize,
    students: Vec<Student>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Student {
    loss: String,
    size: f64,
    hidden: Vec<usize>,
    parameters: usize,
    mean_return: f64,
}

impl Outcome {
    /// The student's share of what the teacher gains over random actions.
    fn share(&self, student: &Student) -> f64 {
        (student.mean_return - self.random) / (self.teacher - self.random)
    }
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.common.seeds > 0, "the number of seeds must be at least 1, got 0");
    ensure!(args.transitions > 0, "the number of transitions must be at least 1, got 0");
    let hidden = widths(&args.teacher, "the teacher's hidden layers")?;
    let folder = args.common.folder("rusu2015")?;
    let progress = Progress::new();
    let mut results = Vec::new();
    for game in &GAMES {
        let task = Task::new(game.name)?;
        let bar = progress.task(game.name, args.common.seeds);
        let mut outcomes = Vec::new();
        for seed in 0..args.common.seeds {
            let lesson = Lesson { game, task: &task, hidden: &hidden, args, folder: &folder, seed };
            outcomes.push(lesson.outcome()?);
            interrupt::check()?;
            bar.advance(|| format!("seed {seed}"));
        }
        bar.finish(format!("{} seeds", outcomes.len()));
        results.push((game, outcomes));
    }
    let timing = predict::measure(&results[0].1[0])?;
    let images: Result<Vec<_>> = results
        .iter()
        .map(|(game, outcomes)| Ok((page::image(game), page::plot(outcomes)?)))
        .collect();
    let page = page::page(args, &results, timing.as_ref())?;
    args.common.publish("rusu2015", &page, &images?)
}
