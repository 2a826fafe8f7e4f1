//! "Reincarnating Reinforcement Learning" (Agarwal et al. 2022, arXiv:2206.01626): how many steps a student
//! needs to be as good as its teacher, from scratch, kickstarted (Schmitt et al. 2018, arXiv:1803.03835)
//! and by QDagger.

mod page;
mod student;

use std::path::Path;

use anyhow::Result;
use reflux_dqn::{DqnConfig, QNetwork, Values};
use reflux_nn::Mlp;

use super::Common;
use super::curves::{Curve, kept, seeds};
use crate::policy::{Judgement, Task, train_teacher};
use crate::progress::Progress;
use student::{Lesson, Start};

/// The options of `cargo xtask reproduce qdagger`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
}

/// A task, its teacher and its students.
struct Game {
    name: &'static str,
    teacher: fn() -> DqnConfig,
    /// The teacher's training ends where 20 episodes have this mean: it has solved the task.
    goal: f64,
    /// What an episode that goes as badly as can be returns.
    lowest: f64,
    /// How the student learns from scratch.
    student: fn() -> reflux_dqn::Result<DqnConfig>,
    /// How long it learns.
    steps: u64,
    about_student: &'static str,
}

const GAMES: [Game; 3] = [
    Game {
        name: "CartPole-v1",
        teacher: DqnConfig::cart_pole,
        goal: 475.0,
        lowest: 0.0,
        student: student::cart_pole,
        steps: 50_000,
        about_student: "three-step double Q-learning, epsilon from 1 to 0.05 in 5,000 steps",
    },
    Game {
        name: "Acrobot-v1",
        teacher: DqnConfig::acrobot,
        goal: -85.0,
        lowest: -500.0,
        student: student::acrobot,
        steps: 50_000,
        about_student: "`DqnConfig::acrobot`",
    },
    Game {
        name: "MountainCar-v0",
        teacher: DqnConfig::mountain_car,
        goal: -105.0,
        lowest: -200.0,
        student: student::mountain_car,
        steps: 100_000,
        about_student: "`DqnConfig::mountain_car`",
    },
];

/// No student has this seed.
const TEACHER_SEED: u64 = 1_000;
/// Steps between two trials of the teacher.
const TRIAL_EVERY: u64 = 1_000;
/// Of the first of 100 episodes that say how good the teacher is, and of the first that students play.
const TEACHER_EVALUATION_SEED: u64 = 2_000_000;
const EVALUATION_SEED: u64 = 1_000_000;

/// What came out of a task.
struct Outcome<'a> {
    game: &'a Game,
    teacher_return: f64,
    curves: Vec<(Start, Vec<Curve>)>,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let outcomes: Result<Vec<_>> = GAMES.iter().map(|game| outcome(game, args)).collect();
    page::publish(args, &outcomes?)
}

fn outcome<'a>(game: &'a Game, args: &Args) -> Result<Outcome<'a>> {
    let seeds = seeds(args.common.seeds)?;
    let folder = args.common.folder("qdagger")?;
    let task = Task::new(game.name)?;
    let teacher = teacher(game, &task, &folder)?;
    let judgement = Judgement::of(&teacher, &task, 100, TEACHER_EVALUATION_SEED, |_| {})?;
    let teacher_return = judgement.mean;
    let lesson = Lesson { game, task: &task, teacher: &teacher, teacher_return };
    let title = format!("{}: students", game.name);
    let bar = Progress::new().task(&title, Start::EACH.len() as u64 * seeds.end);
    let mut curves = Vec::new();
    for start in Start::EACH {
        let of_seed = |seed| {
            let file = format!("{}-{}-{seed}.json", game.name, start.file_name());
            let curve = kept(&folder.join(file), || lesson.learn(start, seed));
            bar.advance(|| start.name().to_owned());
            curve
        };
        curves.push((start, seeds.clone().map(of_seed).collect::<Result<Vec<Curve>>>()?));
    }
    bar.finish("done");
    Ok(Outcome { game, teacher_return, curves })
}

/// Trained with the preset until it has solved the task, or read from where it was kept.
fn teacher(game: &Game, task: &Task, folder: &Path) -> Result<QNetwork> {
    let path = folder.join(format!("{}-teacher.safetensors", game.name));
    if path.exists() {
        return Ok(QNetwork::new(Mlp::load(&path)?, Values::Expected)?);
    }
    let config = (game.teacher)();
    let trials = config.training_steps() / TRIAL_EVERY;
    let bar = Progress::new().task(&format!("{}: teacher", game.name), trials);
    let (teacher, _) =
        train_teacher(task, config, game.goal, TRIAL_EVERY, TEACHER_SEED, |mean_return| {
            bar.advance(|| format!("return {mean_return:.0}"));
        })?;
    teacher.mlp().save(&path)?;
    bar.finish("kept");
    Ok(teacher)
}
