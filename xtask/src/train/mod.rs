//! `cargo xtask train`: an agent for an environment, in a folder from which the training can go on.
//!
//! `flags` makes the settings, `folder` keeps what comes out, `metrics` reads the events back, `report`
//! shows them.

mod flags;
mod folder;
mod metrics;
mod report;
mod status;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{Csv, Evaluation, JsonLines, Run, TensorBoard};
use reflux_replay::{Checkpoint, Prioritized, Sampler, Uniform};

use flags::AgentArgs;
use folder::{Folder, Settings};
use status::Status;

use crate::policy::{BEST, LAST, Task};
use crate::progress::Progress;
use crate::{interrupt, output};

const EXAMPLES: &str = "\
Examples:
  cargo xtask train --env CartPole-v1
      The published settings, 50,000 steps, into target/train/CartPole-v1-0
  cargo xtask train --env Acrobot-v1 --double --dueling --n-step 3 --prioritized --noisy \\
      --distributional c51 --seed 1 --out target/rainbow
      All switches together are Rainbow
  cargo xtask train --env FrozenLake-v1 --hidden 32 --steps 100000 --actors 4 --tensorboard
  cargo xtask train --resume target/rainbow
      Go on with a training that was interrupted, exactly as if it had not been
  cargo xtask eval target/rainbow
      How good the policy is";

/// Where the seeds of the trials begin; `eval` begins elsewhere.
const TRIAL_SEED: u64 = 1_000_000;

/// Train a deep Q-network in one of the environments.
///
/// The folder --out gets the settings (config.json), every event (metrics.jsonl, metrics.csv), a
/// checkpoint to go on from, the policies as safetensors and report.html with plots of what happened.
/// Ctrl-C saves a checkpoint first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The environment, by its name in Gymnasium: CartPole-v1, MountainCar-v0, Acrobot-v1,
    /// FrozenLake-v1, FrozenLake8x8-v1, CliffWalking-v1, CliffWalkingSlippery-v1; or bsuite's Catch and
    /// DeepSea
    #[arg(long, value_name = "NAME", required_unless_present = "resume")]
    env: Option<String>,
    /// Everything random follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many environments are played in at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    actors: usize,
    /// Steps between two trials of the policy without exploration; by default there are 50 trials
    #[arg(long, value_name = "N")]
    eval_every: Option<u64>,
    /// Episodes of a trial
    #[arg(long, value_name = "N", default_value_t = 10)]
    eval_episodes: usize,
    /// Steps between two checkpoints
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    checkpoint_every: u64,
    /// Also write the events for TensorBoard
    #[arg(long)]
    tensorboard: bool,
    /// The folder for what comes out; by default target/train/ENV-SEED
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the training in this folder; its settings are known
    #[arg(long, value_name = "DIR", exclusive = true)]
    resume: Option<PathBuf>,
    #[command(flatten)]
    agent: AgentArgs,
}

type Training = Run<Task, Box<dyn Sampler + Send>, Xoshiro256PlusPlus>;

pub(crate) fn run(args: &Args) -> Result<()> {
    interrupt::listen()?;
    let (folder, settings) = match &args.resume {
        Some(path) => Folder::open(path)?,
        None => {
            let settings = args.settings()?;
            let default = || format!("target/train/{}-{}", settings.env, settings.seed).into();
            let path = args.out.clone().unwrap_or_else(default);
            // Whatever can be wrong with the settings is found before anything is written.
            settings.start()?;
            (Folder::create(&path, &settings)?, settings)
        }
    };
    work(&folder, &settings)
}

impl Args {
    fn settings(&self) -> Result<Settings> {
        let task = Task::new(self.env.as_deref().unwrap_or_default())?;
        let agent = self.agent.config(&task)?;
        ensure!(self.actors > 0, "the number of actors must be at least 1, got 0");
        ensure!(self.checkpoint_every > 0, "--checkpoint-every must be at least 1, got 0");
        Ok(Settings {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            env: task.name().to_owned(),
            seed: self.seed,
            actors: self.actors,
            prioritized: self.agent.prioritized,
            eval_every: self.eval_every.unwrap_or((agent.training_steps() / 50).max(1)),
            eval_episodes: self.eval_episodes,
            checkpoint_every: self.checkpoint_every,
            tensorboard: self.tensorboard,
            agent,
        })
    }
}

impl Settings {
    fn sampler(&self) -> Box<dyn Sampler + Send> {
        if self.prioritized { Box::new(Prioritized::new()) } else { Box::new(Uniform::new()) }
    }

    /// A training that has not begun.
    fn start(&self) -> Result<Training> {
        let envs = vec![Task::new(&self.env)?; self.actors];
        let rng = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        self.evaluated(Run::new(envs, self.agent.clone(), self.sampler(), rng)?)
    }

    /// The training as it was saved last, or one that has not begun.
    fn go_on(&self, checkpoint: &mut Checkpoint) -> Result<Training> {
        if !checkpoint.exists()? {
            return self.start();
        }
        self.evaluated(Run::load(checkpoint, self.agent.clone(), self.sampler())?)
    }

    fn evaluated(&self, run: Training) -> Result<Training> {
        let evaluation = Evaluation {
            env: Task::new(&self.env)?,
            every: self.eval_every,
            episodes: self.eval_episodes,
            seed: TRIAL_SEED,
        };
        Ok(run.with_evaluation(evaluation)?)
    }
}

/// Trains until all steps are taken, from one checkpoint to the next.
fn work(folder: &Folder, settings: &Settings) -> Result<()> {
    let mut checkpoint = Checkpoint::new(folder.checkpoint());
    let mut run = settings.go_on(&mut checkpoint)?;
    folder.forget_events_after(run.agent().steps())?;
    run = run.with_sink(JsonLines::append(folder.lines())?).with_sink(Csv::append(folder.table())?);
    if settings.tensorboard {
        run = run.with_sink(TensorBoard::create(folder.tensorboard())?);
    }
    let (total, begun) = (settings.agent.training_steps(), run.agent().steps());
    let (progress, started) = (Progress::new(), Instant::now());
    let task = progress.task(&format!("DQN, {}", settings.env), total);
    let mut status = Status::new(begun);
    while run.agent().steps() < total {
        let steps = run.agent().steps();
        let until = (steps / settings.checkpoint_every + 1) * settings.checkpoint_every;
        let trained =
            run.train_and_save(until.min(total) - steps, &mut checkpoint, |agent, event| {
                status.note(agent, event);
                task.set(agent.steps().min(total), || status.to_string());
                interrupt::flow()
            });
        show(folder, settings, &run)?;
        trained.with_context(|| format!("all before it is in {}", folder.path().display()))?;
        if let Err(interrupted) = interrupt::check() {
            return Err(anyhow::Error::new(interrupted).context(format!(
                "interrupted after {} steps; --resume {} goes on",
                run.agent().steps(),
                folder.path().display()
            )));
        }
    }
    task.finish(&status);
    // Once more, for a training that was killed between its last checkpoint and this.
    show(folder, settings, &run)?;
    let taken = run.agent().steps() - begun;
    println!(
        "{}: {} steps in {:.0} s; the best policy has a mean return of {:.1} in its trial\n\
         {BEST}, {LAST}, metrics and report.html are in {}",
        settings.env,
        taken,
        started.elapsed().as_secs_f64(),
        run.best().map_or(f64::NAN, |(mean, _)| mean),
        folder.path().display()
    );
    Ok(())
}

/// Writes what is to be seen of a training so far: the best network and the one that it has come to,
/// which before the first trial are the same, and the page.
fn show(folder: &Folder, settings: &Settings, run: &Training) -> Result<()> {
    let last = run.agent().network();
    last.save(folder.path().join(LAST))?;
    run.best().map_or(last, |(_, network)| network.mlp()).save(folder.path().join(BEST))?;
    let metrics = metrics::Metrics::read(&folder.lines())?;
    output::write(&folder.report(), &report::page(settings, &metrics)?)
}
