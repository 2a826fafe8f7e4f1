//! Table 2 of "Dark Experience for General Continual Learning" (Buzzega et al. 2020,
//! arXiv:2004.07211), the columns P-MNIST and R-MNIST: one network learns 20 tasks one after the
//! other, each MNIST with its pixels permuted or turned, each seen once, and is then asked about all.
//!
//! The network, its initialiser and the settings are those of the authors' code, the repository
//! `aimagelab/mammoth`, `utils/best_args.py`: 2x100 ReLU units, SGD, batches of 128, as many replayed.

mod published;
mod task;

use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, ensure};
use ndarray::Axis;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use reflux_distill::{DarkExperienceReplay, Interval};
use reflux_nn::data::{Dataset, mnist};
use reflux_nn::{Init, Mlp, MlpConfig, Sgd, accuracy};

use super::curves::kept;
use super::{Common, Mnist};
use crate::interrupt;
use crate::progress::{Progress, Task as Bar};
use published::{Method, Settings, published, settings};
use task::{Domain, Task};

const BATCH: usize = 128;
const HIDDEN: [usize; 2] = [100, 100];
const TASKS: usize = 20;

/// The options of `cargo xtask reproduce der`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    mnist: Mnist,
    #[command(flatten)]
    common: Common,
    /// How many tasks there are; the paper has 20
    #[arg(long, default_value_t = TASKS)]
    tasks: usize,
    /// How many examples are remembered: of 200, 500 and 5120, those that the paper has settings for
    #[arg(long, value_delimiter = ',', default_value = "200,500,5120")]
    buffers: Vec<usize>,
    /// 5 tasks of 10,000 rows and the smallest memory: whether it runs at all, with no figures to
    /// compare
    #[arg(long)]
    quick: bool,
}

/// One training of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    domain: Domain,
    method: Method,
    buffer: usize,
    seed: u64,
}

/// What all runs have in common.
struct Plan<'a> {
    train: &'a Dataset,
    test: &'a Dataset,
    tasks: usize,
    /// How many rows of the training set a task has.
    rows: usize,
    folder: &'a Path,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (tasks, buffers) =
        if args.quick { (5, vec![200]) } else { (args.tasks, args.buffers.clone()) };
    ensure!(tasks > 0 && args.common.seeds > 0, "tasks and seeds must be at least 1");
    for &buffer in &buffers {
        ensure!(
            published::BUFFERS.contains(&buffer),
            "the paper has settings for buffers of 200, 500 and 5120, not of {buffer}"
        );
    }
    let (train, test) = mnist(&args.mnist.data)?;
    let folder = args.common.folder("der")?;
    let rows = if args.quick { 10_000.min(train.len()) } else { train.len() };
    let plan = Plan { train: &train, test: &test, tasks, rows, folder: &folder };
    let runs = runs(&buffers, args.common.seeds);
    let progress = Progress::new();
    let bar = progress.task("Runs", (runs.len() * tasks) as u64);
    // Each run has its own seed, so what comes out does not depend on the number of threads.
    let accuracies: Vec<f64> =
        runs.par_iter().map(|run| plan.accuracy(run, &bar)).collect::<Result<_>>()?;
    bar.finish(format!("{} runs", runs.len()));
    let comparable = tasks == TASKS && rows == train.len();
    let page = page(args, &plan, &runs, &accuracies, comparable)?;
    args.common.publish("der", &page, &[])
}

/// Without a memory once, with one for each of its sizes.
fn runs(buffers: &[usize], seeds: u64) -> Vec<Run> {
    let mut runs = Vec::new();
    for domain in Domain::EACH {
        let lines = std::iter::once((Method::Sgd, 0)).chain(
            buffers.iter().flat_map(|&buffer| [(Method::Der, buffer), (Method::DerPp, buffer)]),
        );
        for (method, buffer) in lines {
            runs.extend((0..seeds).map(|seed| Run { domain, method, buffer, seed }));
        }
    }
    runs
}

impl Plan<'_> {
    /// The mean accuracy over all tasks at the end; from the folder if the run was done before.
    fn accuracy(&self, run: &Run, bar: &Bar) -> Result<f64> {
        let Run { domain, method, buffer, seed } = run;
        let name = format!(
            "{}-{}-{buffer}-{}x{}-{seed}.json",
            domain.name(),
            method.file_name(),
            self.tasks,
            self.rows
        );
        let file = self.folder.join(name);
        if file.exists() {
            (0..self.tasks).for_each(|_| bar.advance(String::new));
        }
        kept(&file, || self.learn(run, bar))
    }

    fn learn(&self, run: &Run, bar: &Bar) -> Result<f64> {
        let Settings { learning_rate, alpha, beta } = settings(run.domain, run.method, run.buffer);
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(run.seed);
        let tasks: Vec<Task> = (0..self.tasks).map(|_| Task::draw(run.domain, rng)).collect();
        let config = MlpConfig::new(self.train.features(), &HIDDEN, self.train.classes())?;
        let mut mlp = Mlp::new(config.with_init(Init::Xavier), rng)?;
        let mut sgd = Sgd::new(learning_rate)?;
        let mut memory = DarkExperienceReplay::new(mlp.config(), run.buffer.max(1), run.seed)?
            .with_alpha(alpha)?
            .with_beta(beta)?
            .with_batch_size(BATCH)?;
        for (index, task) in tasks.iter().enumerate() {
            let mut order: Vec<usize> = (0..self.train.len()).collect();
            order.shuffle(rng);
            for rows in order[..self.rows].chunks(BATCH) {
                interrupt::check()?;
                let inputs = task.apply(&self.train.inputs().select(Axis(0), rows));
                let labels: Vec<usize> = rows.iter().map(|&row| self.train.labels()[row]).collect();
                memory.learn(&mut mlp, &mut sgd, &inputs, &labels, rng)?;
            }
            bar.advance(|| format!("{} {}, task {}", run.domain, run.method, index + 1));
        }
        let mut sum = 0.0;
        for task in &tasks {
            let inputs = task.apply(&self.test.inputs().to_owned());
            sum += accuracy(&mlp.predict(&inputs)?, self.test.labels())?;
        }
        Ok(sum / tasks.len() as f64)
    }
}

fn page(
    args: &Args,
    plan: &Plan<'_>,
    runs: &[Run],
    accuracies: &[f64],
    comparable: bool,
) -> Result<String> {
    let seeds = args.common.seeds;
    let mut page = format!(
        "# Dark Experience Replay\n\n\
         Buzzega et al. 2020, [arXiv:2004.07211](https://arxiv.org/abs/2004.07211), table 2: the mean \
         accuracy over {} tasks after the last, in %. {} rows a task, seen once; {seeds} seeds here \
         (± is a 95% interval), 10 there (± is a standard deviation). `SGD` remembers nothing.\n\n\
         | tasks | memory | method | here | paper |\n| --- | --- | --- | --- | --- |\n",
        plan.tasks, plan.rows
    );
    for (runs, values) in runs.chunks(seeds as usize).zip(accuracies.chunks(seeds as usize)) {
        let run = runs[0];
        let values: Vec<f64> = values.iter().map(|value| 100.0 * value).collect();
        let ours = match Interval::new(&values) {
            Ok(interval) => format!("{interval:.2}"),
            Err(_) => format!("{:.2}", values[0]),
        };
        let theirs = published(run.domain, run.method, run.buffer).filter(|_| comparable);
        let theirs =
            theirs.map_or_else(String::new, |(mean, spread)| format!("{mean:.2} ± {spread:.2}"));
        let memory = if run.buffer == 0 { String::new() } else { run.buffer.to_string() };
        writeln!(page, "| {} | {memory} | {} | {ours} | {theirs} |", run.domain, run.method)?;
    }
    page.push_str("\n`cargo xtask reproduce der --data FOLDER` prints this.\n");
    Ok(page)
}
