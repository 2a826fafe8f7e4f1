//! "Reincarnating Reinforcement Learning" (Agarwal et al. 2022, arXiv:2206.01626): how many steps a student
//! needs to be as good as its teacher, from scratch, kickstarted (Schmitt et al. 2018, arXiv:1803.03835)
//! and by QDagger.

mod page;
mod student;

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{DqnConfig, Evaluation, Event, Greedy, Run, evaluate};
use reflux_envs::CartPole;
use reflux_nn::{Mlp, MlpConfig};
use reflux_replay::Uniform;

use super::Common;
use super::curves::{Curve, kept, seeds};
use crate::interrupt;
use crate::progress::Progress;
use student::Start;

/// The options of `cargo xtask reproduce qdagger`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
}

/// The teacher's training ends where 20 episodes have this mean: it has solved the task.
const TEACHER_GOAL: f64 = 475.0;
/// No student has this seed.
const TEACHER_SEED: u64 = 1_000;
/// Of the first of 100 episodes that say how good the teacher is, and of the first that students play.
const TEACHER_EVALUATION_SEED: u64 = 2_000_000;
const EVALUATION_SEED: u64 = 1_000_000;

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let seeds = seeds(args.common.seeds)?;
    let folder = args.common.folder("qdagger")?;
    let teacher = teacher(&folder)?;
    let returns =
        evaluate(&mut Greedy::new(&teacher), &mut CartPole::v1(), 100, TEACHER_EVALUATION_SEED)?;
    let teacher_return = returns.iter().sum::<f64>() / returns.len() as f64;
    let bar = Progress::new().task("Students", Start::EACH.len() as u64 * seeds.end);
    let mut curves = Vec::new();
    for start in Start::EACH {
        let of_seed = |seed| {
            let file = format!("{}-{seed}.json", start.file_name());
            let curve =
                kept(&folder.join(file), || student::learn(start, &teacher, teacher_return, seed));
            bar.advance(|| start.name().to_owned());
            curve
        };
        curves.push((start, seeds.clone().map(of_seed).collect::<Result<Vec<Curve>>>()?));
    }
    bar.finish("done");
    page::publish(args, teacher_return, &curves)
}

/// Trained with the preset until it has solved the task, or read from where it was kept.
fn teacher(folder: &Path) -> Result<Mlp> {
    let path = folder.join("teacher.safetensors");
    let config = DqnConfig::cart_pole();
    let shape = MlpConfig::new(4, config.hidden(), 2)?;
    if path.exists() {
        return Ok(Mlp::load_as(shape, &path)?);
    }
    let steps = config.training_steps();
    let rng = Xoshiro256PlusPlus::seed_from_u64(TEACHER_SEED);
    let evaluation =
        Evaluation { env: CartPole::v1(), every: 1_000, episodes: 20, seed: EVALUATION_SEED };
    let mut run =
        Run::new(vec![CartPole::v1()], config, Uniform::new(), rng)?.with_evaluation(evaluation)?;
    let bar = Progress::new().task("Teacher", steps / 1_000);
    run.train(steps, |_, event| match event {
        Event::Evaluated { mean_return, .. } => {
            bar.advance(|| format!("return {mean_return:.0}"));
            if *mean_return >= TEACHER_GOAL { ControlFlow::Break(()) } else { interrupt::flow() }
        }
        _ => interrupt::flow(),
    })?;
    interrupt::check()?;
    let (_, best) = run.best().context("the teacher was never evaluated")?;
    best.mlp().save(&path)?;
    bar.finish("kept");
    Ok(best.mlp().clone())
}
