//! Training an agent until it can teach.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{DqnConfig, Evaluation, Event, QNetwork, Run};
use reflux_replay::Uniform;

use super::Task;
use crate::interrupt;

const TRIAL_EPISODES: usize = 20;
/// Trials and final episodes have seeds apart.
const TRIAL_SEED: u64 = 1_000_000;

/// The network that did best in its trials, one each `trial_every` steps, and the steps of its training:
/// all that the settings give, or as many as it takes to a trial with a mean return of `goal`. `observe`
/// gets each trial's mean return.
pub(crate) fn train_teacher(
    task: &Task,
    config: DqnConfig,
    goal: f64,
    trial_every: u64,
    seed: u64,
    mut observe: impl FnMut(f64),
) -> Result<(QNetwork, u64)> {
    let steps = config.training_steps();
    let evaluation = Evaluation {
        env: task.clone(),
        every: trial_every,
        episodes: TRIAL_EPISODES,
        seed: TRIAL_SEED,
    };
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut run =
        Run::new(vec![task.clone()], config, Uniform::new(), rng)?.with_evaluation(evaluation)?;
    run.train(steps, |_, event| {
        if let Event::Evaluated { mean_return, .. } = event {
            observe(*mean_return);
            if *mean_return >= goal {
                return ControlFlow::Break(());
            }
        }
        interrupt::flow()
    })?;
    interrupt::check()?;
    let (_, best) = run.best().context("there was a trial")?;
    Ok((best.clone(), run.agent().steps()))
}
