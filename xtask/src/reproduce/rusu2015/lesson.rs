//! One seed in one task: a teacher, and its students of every size and loss.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{PolicyDistillation, QNetwork, Values, evaluate};
use reflux_envs::Env;
use reflux_nn::Mlp;

use super::{Args, Game, LOSSES, Outcome, SIZES, Student};
use crate::output;
use crate::policy::{Judgement, Task, hidden_of_size, record, teach, train_teacher};

/// Episodes behind each return.
pub(super) const EPISODES: usize = 100;
/// Of the actions that fill the buffer, so many are random.
pub(super) const EPSILON: f64 = 0.1;

pub(super) struct Lesson<'a> {
    pub(super) game: &'a Game,
    pub(super) task: &'a Task,
    /// The teacher's hidden layers.
    pub(super) hidden: &'a [usize],
    pub(super) args: &'a Args,
    pub(super) folder: &'a Path,
    pub(super) seed: u64,
}

impl Lesson<'_> {
    /// Mean returns; from the folder if they are known.
    pub(super) fn outcome(&self) -> Result<Outcome> {
        let Args { updates, transitions, .. } = self.args;
        let file = self.file(&format!("{transitions}x{updates}.json"));
        if let Ok(text) = std::fs::read_to_string(&file) {
            return serde_json::from_str(&text).with_context(|| file.display().to_string());
        }
        let (teacher, teacher_steps) = self.teacher()?;
        let mut memory = record(&teacher, self.task, *transitions, EPSILON, self.seed)?;
        let mut students = Vec::new();
        for (loss_name, loss) in LOSSES {
            let distillation = PolicyDistillation::new().with_loss(loss)?.with_updates(*updates)?;
            for size in SIZES {
                let hidden = hidden_of_size(&teacher, size)?;
                let student =
                    teach(&mut memory, self.task, &hidden, &distillation, self.seed, |_| {})?;
                students.push(Student {
                    loss: loss_name.to_owned(),
                    size,
                    parameters: student.mlp().config().parameters(),
                    mean_return: self.mean_return(&student)?,
                    hidden,
                });
            }
        }
        let outcome = Outcome {
            random: self.random()?,
            teacher: self.mean_return(&teacher)?,
            teacher_steps,
            teacher_parameters: teacher.mlp().config().parameters(),
            students,
        };
        output::write(&file, &serde_json::to_string_pretty(&outcome)?)?;
        Ok(outcome)
    }

    /// The network that did best in its trials, and the steps of its training; from the folder if it is
    /// there.
    fn teacher(&self) -> Result<(QNetwork, u64)> {
        let (file, steps_file) = (self.file("teacher.safetensors"), self.file("teacher.steps"));
        if let (true, Ok(steps)) = (file.exists(), std::fs::read_to_string(&steps_file)) {
            let steps = steps.trim().parse().with_context(|| steps_file.display().to_string())?;
            return Ok((QNetwork::new(Mlp::load(&file)?, Values::Expected)?, steps));
        }
        let config = (self.game.config)()?.with_hidden(self.hidden)?;
        let Game { goal, trial_every, .. } = *self.game;
        let (teacher, steps) =
            train_teacher(self.task, config, goal, trial_every, self.seed, |_| {})?;
        teacher.mlp().save(&file)?;
        output::write(&steps_file, &steps.to_string())?;
        Ok((teacher, steps))
    }

    fn mean_return(&self, network: &QNetwork) -> Result<f64> {
        Ok(Judgement::of(network, self.task, EPISODES, 0, |_| {})?.mean)
    }

    /// The mean return of actions that are all random.
    fn random(&self) -> Result<f64> {
        let actions = self.task.action_space().n().context("actions are numbered")?;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut policy = |_: &[f32]| Ok(rng.random_range(0..actions));
        let returns = evaluate(&mut policy, &mut self.task.clone(), EPISODES, 0)?;
        Ok(returns.iter().sum::<f64>() / returns.len() as f64)
    }

    fn file(&self, name: &str) -> PathBuf {
        let hidden: Vec<_> = self.hidden.iter().map(ToString::to_string).collect();
        self.folder.join(format!("{}-{}-{}-{name}", self.game.name, hidden.join("-"), self.seed))
    }
}
