//! Returns at equal steps on CartPole-v1: `DqnConfig::cart_pole`, which is what RL Baselines3 Zoo publishes,
//! here and in Stable-Baselines3.

use std::fmt::Write;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use plotters::chart::SeriesLabelPosition;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{DqnConfig, Evaluation, Run};
use reflux_envs::CartPole;
use reflux_replay::Uniform;
use serde::{Deserialize, Serialize};

use super::Common;
use super::curves::{Curve, interquartile, kept, plotted, seeds};
use crate::bench::Source;
use crate::interrupt;
use crate::plots::{Axes, BLUE, ORANGE, lines_with_legend, thousands};
use crate::progress::Progress;
use crate::statistics::Estimate;

/// The options of `cargo xtask reproduce sb3`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
}

const EVERY: u64 = 5_000;
const EPISODES: usize = 10;
/// Of the first episode of each evaluation.
const EVALUATION_SEED: u64 = 1_000_000;
const IMAGE: &str = "sb3-cart-pole.svg";

/// What `xtask/peers/dqn_returns.py` prints.
#[derive(Debug, Serialize, Deserialize)]
struct Theirs {
    program: String,
    points: Vec<(u64, f64)>,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let seeds = seeds(args.common.seeds)?;
    let folder = args.common.folder("sb3")?;
    let bar = Progress::new().task("Runs", 2 * seeds.end);
    let (mut ours, mut theirs, mut program) = (Vec::new(), Vec::new(), String::new());
    for seed in seeds {
        ours.push(kept(&folder.join(format!("ours-{seed}.json")), || of_ours(seed))?);
        bar.advance(|| format!("ours, seed {seed}"));
        let run = kept(&folder.join(format!("theirs-{seed}.json")), || of_theirs(seed))?;
        theirs.push(Curve { points: run.points });
        program = run.program;
        bar.advance(|| format!("{program}, seed {seed}"));
    }
    bar.finish("done");
    let page = page(args.common.seeds, &program, &ours, &theirs)?;
    args.common.publish("sb3", &page, &[(IMAGE.to_owned(), plot(&program, &ours, &theirs)?)])
}

fn of_ours(seed: u64) -> Result<Curve> {
    let config = DqnConfig::cart_pole();
    let steps = config.training_steps();
    let evaluation =
        Evaluation { env: CartPole::v1(), every: EVERY, episodes: EPISODES, seed: EVALUATION_SEED };
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut run =
        Run::new(vec![CartPole::v1()], config, Uniform::new(), rng)?.with_evaluation(evaluation)?;
    Curve::learn(&mut run, steps)
}

fn of_theirs(seed: u64) -> Result<Theirs> {
    interrupt::check()?;
    let steps = DqnConfig::cart_pole().training_steps();
    let output = Source::stable_baselines3("dqn_returns")
        .script()?
        .args(
            [seed, steps, EVERY, EPISODES as u64, EVALUATION_SEED].map(|number| number.to_string()),
        )
        .stderr(Stdio::inherit())
        .output()
        .context("Python cannot be started")?;
    interrupt::check()?;
    ensure!(output.status.success(), "dqn_returns.py failed; its message is above");
    serde_json::from_slice(&output.stdout).context("dqn_returns.py prints no curve")
}

fn page(seeds: u64, program: &str, ours: &[Curve], theirs: &[Curve]) -> Result<String> {
    let mut page = format!(
        "# CartPole beside Stable-Baselines3\n\n\
         Deep Q-learning on CartPole-v1 with the hyperparameters that \
         [RL Baselines3 Zoo](https://github.com/DLR-RM/rl-baselines3-zoo/blob/master/hyperparams/dqn.yml) \
         publishes, which are `DqnConfig::cart_pole`: {seeds} seeds here and in {program}. After every \
         {} steps the policy of that moment plays {EPISODES} episodes without exploration, in each \
         program's own CartPole. Interquartile means with 95% bootstrap intervals \
         ([Agarwal et al. 2021](https://arxiv.org/abs/2108.13264)). \
         `cargo xtask reproduce sb3 --seeds {seeds} --write` computes everything on this page.\n\n\
         ![Returns](images/{IMAGE})\n\n| steps | ours | Stable-Baselines3 |\n| ---: | ---: | ---: |\n",
        thousands(EVERY as f64)
    );
    for ((steps, ours), (_, theirs)) in interquartile(ours)?.iter().zip(interquartile(theirs)?) {
        writeln!(page, "| {} | {ours:.0} | {theirs:.0} |", thousands(*steps as f64))?;
    }
    let of_all = |of: fn(&Curve) -> f64| -> Result<String> {
        let estimate = |curves: &[Curve]| {
            Estimate::interquartile_mean(&curves.iter().map(of).collect::<Vec<f64>>())
        };
        Ok(format!("{:.0} | {:.0}", estimate(ours)?, estimate(theirs)?))
    };
    let best = of_all(|curve| curve.points.iter().fold(f64::MIN, |best, point| best.max(point.1)))?;
    let mean = of_all(|curve| {
        curve.points.iter().map(|point| point.1).sum::<f64>() / curve.points.len() as f64
    })?;
    writeln!(page, "| mean of all | {mean} |\n| best of all | {best} |\n")?;
    page.push_str(
        "Where the intervals of a line overlap, these seeds show no difference.\n\n\
         A policy goes from good to bad and back within a few rounds of updates in both programs, which \
         is why a run should keep its best policy, as `Run::with_evaluation` does: the last line is what \
         is then left.\n",
    );
    Ok(page)
}

fn plot(program: &str, ours: &[Curve], theirs: &[Curve]) -> Result<String> {
    let mut lines = Vec::new();
    lines.extend(plotted("ours", BLUE, &interquartile(ours)?));
    lines.extend(plotted(program, ORANGE, &interquartile(theirs)?));
    let axes = Axes::linear("steps in the environment", "return", 0.0..520.0);
    lines_with_legend(&axes, &lines, SeriesLabelPosition::LowerRight)
}
