//! `cargo xtask distill-policy`: a policy in a network that is a fraction of its size.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use reflux_dqn::{PolicyDistillation, PolicyLoss, QNetwork};
use serde::Serialize;

use crate::plots::thousands;
use crate::policy::{
    BEST, Card, Judgement, Saved, Source, hidden_of_size, record, teach, time_of_an_action,
};
use crate::progress::Progress;
use crate::widths::widths;
use crate::{interrupt, output};

const EXAMPLES: &str = "\
Examples:
  cargo xtask distill-policy target/train/CartPole-v1-0
      A student with at most 7% of the parameters, into target/train/CartPole-v1-0/student
  cargo xtask distill-policy target/train/CartPole-v1-0 --hidden 16 --loss nll --out target/tiny
  cargo xtask distill-policy teacher.safetensors --env Acrobot-v1 --size 4%
  cargo xtask eval target/train/CartPole-v1-0/student --episodes 1000";

/// Distil a policy into a smaller network (Rusu et al. 2015).
///
/// The teacher plays, and what it sees goes into a replay buffer together with the values that it gives
/// to the actions there. A student learns from that buffer alone; it never sees a reward. The folder
/// --out gets the student (policy.safetensors, policy.onnx) and a report with what it does and what it
/// costs (report.md, report.json).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    teacher: Source,
    /// The widths of the student's hidden layers, as in 64,64
    #[arg(long, value_name = "WIDTHS", conflicts_with = "size")]
    hidden: Option<String>,
    /// Layers as the teacher has them, as wide as makes at most this share of its parameters
    #[arg(long, value_name = "PERCENT", default_value = "7%")]
    size: String,
    /// What the student is trained towards
    #[arg(long, value_name = "NAME", default_value = "kl")]
    loss: Loss,
    /// Of kl: far below 1 it sharpens values that lie close together; 0.01 in the paper
    #[arg(long, value_name = "T", allow_negative_numbers = true, default_value_t = 0.01)]
    temperature: f64,
    /// Steps that the teacher plays into the buffer
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    transitions: usize,
    /// The share of its actions that are random there
    #[arg(long, value_name = "P", allow_negative_numbers = true, default_value_t = 0.1)]
    epsilon: f64,
    /// Updates of the student
    #[arg(long, visible_alias = "steps", value_name = "N", default_value_t = 8_000)]
    updates: u64,
    /// Observations an update
    #[arg(long, visible_alias = "batch-size", value_name = "N", default_value_t = 64)]
    batch: usize,
    /// Adam's step size
    #[arg(long, value_name = "R", allow_negative_numbers = true, default_value_t = 1e-3)]
    learning_rate: f64,
    /// Everything random follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Episodes in which teacher and student are compared, the same for both
    #[arg(long, value_name = "N", default_value_t = 100)]
    episodes: usize,
    /// The folder for what comes out; by default `student` in the teacher's folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the student in that folder
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Loss {
    /// The Kullback-Leibler divergence from the teacher's softmax
    Kl,
    /// The teacher's best action as a label
    Nll,
    /// The squared distance of the values
    Mse,
}

/// A policy, what it does and what it costs.
#[derive(Debug, Serialize)]
struct Contender {
    network: String,
    parameters: usize,
    /// Of the weights in f32.
    bytes: usize,
    microseconds_per_action: f64,
    result: Judgement,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    env: &'a str,
    teacher: Contender,
    student: Contender,
    distillation: PolicyDistillation,
    transitions: usize,
    epsilon: f64,
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    interrupt::listen()?;
    let distillation = args.distillation()?;
    ensure!(args.transitions > 0, "the number of transitions must be at least 1, got 0");
    ensure!(args.episodes > 0, "the number of episodes must be at least 1, got 0");
    ensure!(
        (0.0..=1.0).contains(&args.epsilon),
        "epsilon must be between 0 and 1, got {}",
        args.epsilon
    );
    let teacher = args.teacher.load()?;
    let hidden = args.hidden(&teacher.network)?;
    let out = args.folder(&teacher)?;

    let progress = Progress::new();
    let playing = progress.task("The teacher plays", 1);
    let memory = record(&teacher.network, &teacher.task, args.transitions, args.epsilon, args.seed);
    let mut memory = memory?;
    playing.finish(format!("{} steps", thousands(memory.len() as f64)));
    let learning = progress.task("The student learns", args.updates);
    let student =
        teach(&mut memory, &teacher.task, &hidden, &distillation, args.seed, |distilled| {
            learning.set(distilled.update, || format!("loss {:.4}", distilled.loss));
        })?;
    learning.finish(student.mlp().config());

    let judging = progress.task("Both are judged", 2 * args.episodes as u64);
    let judge = |network: &QNetwork| -> Result<Contender> {
        let played = |total_reward: f64| judging.advance(|| format!("return {total_reward:.1}"));
        let parameters = network.mlp().config().parameters();
        Ok(Contender {
            network: network.mlp().config().to_string(),
            parameters,
            bytes: parameters * size_of::<f32>(),
            microseconds_per_action: 1e6 * time_of_an_action(network, &teacher.task)?.as_secs_f64(),
            result: Judgement::of(network, &teacher.task, args.episodes, 0, played)?,
        })
    };
    let report = Report {
        env: teacher.task.name(),
        teacher: judge(&teacher.network)?,
        student: judge(&student)?,
        distillation,
        transitions: args.transitions,
        epsilon: args.epsilon,
        seed: args.seed,
    };
    judging.finish(format!("{} episodes each", args.episodes));

    output::prepare_folder(&out)?;
    let card = Card { env: report.env.to_owned(), values: student.values() };
    card.write(&out)?;
    student.mlp().save(out.join(BEST))?;
    student.mlp().save_onnx(out.join("policy.onnx"))?;
    output::write(&out.join("report.json"), &serde_json::to_string_pretty(&report)?)?;
    let text = report.text(args);
    output::write(&out.join("report.md"), &text)?;
    println!("{text}\nThe student and this report are in {}", out.display());
    Ok(())
}

impl Args {
    fn distillation(&self) -> Result<PolicyDistillation> {
        let loss = match self.loss {
            Loss::Kl => PolicyLoss::kullback_leibler(self.temperature)?,
            Loss::Nll => PolicyLoss::NegativeLogLikelihood,
            Loss::Mse => PolicyLoss::MeanSquaredError,
        };
        Ok(PolicyDistillation::new()
            .with_loss(loss)?
            .with_updates(self.updates)?
            .with_batch_size(self.batch)?
            .with_learning_rate(self.learning_rate)?)
    }

    fn hidden(&self, teacher: &QNetwork) -> Result<Vec<usize>> {
        if let Some(hidden) = &self.hidden {
            return widths(hidden, "the student's hidden layers");
        }
        let percent = self.size.trim().trim_end_matches('%').parse().ok();
        let percent: f64 = percent
            .filter(|percent| *percent > 0.0 && *percent <= 100.0)
            .with_context(|| format!("--size must be a share such as 7%, got {:?}", self.size))?;
        hidden_of_size(teacher, percent / 100.0)
    }

    /// Where the student goes: never over its teacher, nor over another policy unless that is wanted.
    fn folder(&self, teacher: &Saved) -> Result<PathBuf> {
        let parent = teacher.file.parent().map(PathBuf::from).unwrap_or_default();
        let out = self.out.clone().unwrap_or(parent.join("student"));
        let (file, exists) = (out.join(BEST), out.join(BEST).exists());
        if exists && file.canonicalize()? == teacher.file.canonicalize()? {
            anyhow::bail!("{} is the teacher's folder: --out must name another", out.display());
        }
        ensure!(
            !exists || self.overwrite,
            "{} holds a policy: --overwrite replaces it, --out names another folder",
            out.display()
        );
        Ok(out)
    }
}

impl Report<'_> {
    fn text(&self, args: &Args) -> String {
        let (teacher, student) = (&self.teacher, &self.student);
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN).set_header([
            "policy",
            "network",
            "mean return",
            "interquartile mean, 95% interval",
            "parameters",
            "bytes",
            "µs an action",
        ]);
        for (name, contender) in [("teacher", teacher), ("student", student)] {
            table.add_row([
                name.to_owned(),
                contender.network.clone(),
                format!("{:.2}", contender.result.mean),
                format!("{:.2}", contender.result.estimate()),
                thousands(contender.parameters as f64),
                thousands(contender.bytes as f64),
                format!("{:.2}", contender.microseconds_per_action),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!(
            "# {}: a policy distilled\n\n\
             From {} steps of the teacher, {:.0}% of its actions random; {} updates of {} \
             observations; {}. Returns over {} episodes, the same for both.\n\n\
             {table}\n\n\
             The student has {:.2}% of the parameters and takes {:.2} of the time; its mean return \
             less the teacher's is {:+.2}.\n",
            self.env,
            thousands(self.transitions as f64),
            100.0 * self.epsilon,
            thousands(self.distillation.updates() as f64),
            self.distillation.batch_size(),
            match self.distillation.loss() {
                PolicyLoss::KullbackLeibler { temperature } => {
                    format!("Kullback-Leibler divergence at temperature {temperature}")
                }
                PolicyLoss::NegativeLogLikelihood => "negative log-likelihood".to_owned(),
                _ => "squared error".to_owned(),
            },
            args.episodes,
            100.0 * student.parameters as f64 / teacher.parameters as f64,
            student.microseconds_per_action / teacher.microseconds_per_action,
            student.result.mean - teacher.result.mean,
        )
    }
}
