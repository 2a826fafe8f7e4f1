//! A student of another size than its teacher's, from three beginnings.

use std::ops::ControlFlow;

use anyhow::Result;
use ndarray::{Axis, aview1};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{
    Dqn, DqnConfig, EpsilonGreedy, Evaluation, Greedy, Policy, PolicyLoss, QNetwork, Run, Schedule,
    evaluate,
};
use reflux_envs::Env;
use reflux_replay::{Buffer, Schema, Uniform};

use super::{EVALUATION_SEED, Game};
use crate::policy::Task;
use crate::reproduce::curves::Curve;

pub(super) const EVERY: u64 = 500;
pub(super) const EPISODES: usize = 20;
/// Of the teacher's data, and updates from it before the student's first step.
pub(super) const RECORDED: usize = 5_000;
pub(super) const OFFLINE_UPDATES: u64 = 5_000;
/// How often the teacher does something else while it is recorded, so that the data shows mistakes.
pub(super) const TEACHER_EPSILON: f64 = 0.1;
/// Steps in which kickstarting's weight falls from 1 to 0.
pub(super) const KICKSTART_STEPS: u64 = 10_000;

/// Of the teacher's values: they are some tenths or hundredths apart.
pub(super) const TEMPERATURE: f64 = 0.1;
/// Exploration of a student that has a teacher.
pub(super) const EPSILON: f64 = 0.05;
pub(super) const HIDDEN: [usize; 2] = [64, 64];

/// What a student begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Scratch,
    Kickstart,
    QDagger,
}

impl Start {
    pub(super) const EACH: [Self; 3] = [Self::Scratch, Self::Kickstart, Self::QDagger];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Scratch => "from scratch",
            Self::Kickstart => "kickstarted",
            Self::QDagger => "QDagger",
        }
    }

    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Scratch => "scratch",
            Self::Kickstart => "kickstart",
            Self::QDagger => "qdagger",
        }
    }

    fn config(self, game: &Game) -> reflux_dqn::Result<DqnConfig> {
        let config = (game.student)()?.with_training_steps(game.steps)?;
        let weight = match self {
            Self::Scratch => return Ok(config),
            Self::Kickstart => Schedule::linear(1.0, 0.0, KICKSTART_STEPS)?,
            Self::QDagger => Schedule::constant(1.0)?,
        };
        let loss = PolicyLoss::kullback_leibler(TEMPERATURE)?;
        // Who knows something already need not begin at random.
        config
            .with_epsilon(Schedule::constant(EPSILON)?)?
            .with_learning_starts(0)
            .with_teacher(Some((loss, weight)))
    }
}

pub(super) fn cart_pole() -> reflux_dqn::Result<DqnConfig> {
    DqnConfig::new()
        .with_hidden(&HIDDEN)?
        .with_learning_rate(1e-3)?
        .with_target_update(100, 1.0)?
        .with_n_step(3)?
        .with_epsilon(Schedule::linear(1.0, EPSILON, 5_000)?)
}

pub(super) fn acrobot() -> reflux_dqn::Result<DqnConfig> {
    DqnConfig::acrobot().with_hidden(&HIDDEN)
}

pub(super) fn mountain_car() -> reflux_dqn::Result<DqnConfig> {
    DqnConfig::mountain_car().with_hidden(&HIDDEN)
}

/// Who teaches what.
pub(super) struct Lesson<'a> {
    pub(super) game: &'a Game,
    pub(super) task: &'a Task,
    pub(super) teacher: &'a QNetwork,
    pub(super) teacher_return: f64,
}

impl Lesson<'_> {
    /// What the student is worth after every 500 steps of its own, and before the first.
    pub(super) fn learn(&self, start: Start, seed: u64) -> Result<Curve> {
        let Self { game, task, teacher, teacher_return } = *self;
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut agent = Dqn::for_env(task, start.config(game)?, Uniform::new(), rng)?;
        if start == Start::QDagger {
            agent.remember_all(&self.recorded(seed)?)?;
            agent.learn_offline(OFFLINE_UPDATES, rng, |_, _| ControlFlow::Continue(()))?;
        }
        let returns = evaluate(&mut agent.greedy(), &mut task.clone(), EPISODES, EVALUATION_SEED)?;
        let at_first = returns.iter().sum::<f64>() / returns.len() as f64;
        let evaluation = Evaluation {
            env: task.clone(),
            every: EVERY,
            episodes: EPISODES,
            seed: EVALUATION_SEED,
        };
        let mut run =
            Run::with_agent(vec![task.clone()], agent, rng.clone())?.with_evaluation(evaluation)?;
        if start != Start::Scratch {
            run = run.with_teacher(teacher.clone())?;
        }
        if start == Start::QDagger {
            run = run.with_teacher_returns(game.lowest, teacher_return)?;
        }
        let mut curve = Curve::learn(&mut run, game.steps)?;
        curve.points.insert(0, (0, at_first));
        Ok(curve)
    }

    /// What the teacher did, and what it says about it.
    fn recorded(&self, seed: u64) -> Result<Buffer<Uniform>> {
        let (width, actions) = (self.task.observation_space().len(), self.teacher.actions());
        let mut schema = Schema::new();
        schema.column::<f32>("observation", &[width])?;
        schema.column::<i64>("action", &[])?;
        schema.column::<f32>("reward", &[])?;
        schema.column::<f32>("next_observation", &[width])?;
        schema.column::<bool>("terminated", &[])?;
        schema.column::<bool>("truncated", &[])?;
        schema.column::<f32>("teacher_values", &[actions])?;
        let mut buffer = Buffer::new(schema, RECORDED, Uniform::new())?;
        // Other numbers than the student's own.
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_add(1 << 32));
        let mut actor =
            EpsilonGreedy::new(Greedy::of(self.teacher), TEACHER_EPSILON, actions, rng)?;
        let mut env = self.task.clone();
        let mut observation = env.reset(Some(seed))?.to_vec();
        for _ in 0..RECORDED {
            let said = self.teacher.predict(&aview1(&observation).insert_axis(Axis(0)))?;
            let action = actor.act(&observation)?;
            let step = env.step(action)?;
            buffer.push(&[
                observation.as_slice().into(),
                (&(action as i64)).into(),
                (&step.reward).into(),
                step.observation.into(),
                (&step.terminated).into(),
                (&step.truncated).into(),
                said.as_slice().unwrap_or_default().into(),
            ])?;
            observation = if step.done() { env.reset(None)? } else { step.observation }.to_vec();
        }
        Ok(buffer)
    }
}
