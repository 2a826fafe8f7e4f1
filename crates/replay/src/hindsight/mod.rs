//! Hindsight experience replay: an episode that missed its goal is also remembered as one that
//! reached where it came to.
//!
//! Andrychowicz et al. 2017, "Hindsight Experience Replay", arXiv:1707.01495, Algorithm 1 and
//! section 4.5.

mod kept;

use std::fmt;

use kept::{Archive, Trajectory};
use rand::Rng;

use crate::cells::{self, Cells, recycle};
use crate::checkpoint::{WaitingReader, WaitingWriter};
use crate::episode::{self, Number, Real};
use crate::{Column, Element, Episode, Error, Result, Schema, Sink, Value, memory};

/// Which goals the steps of an episode are remembered with, beside their own: those that were
/// achieved in these states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum GoalStrategy {
    /// The last state of the episode: one more item a step.
    Final,
    /// So many random states of the same episode that came with the step or after it; each draw is
    /// independent and uniform. The paper's best, with 4 or 8.
    Future(usize),
    /// So many random states of the same episode, its first excepted.
    Episode(usize),
    /// So many random states of all episodes so far, this one included.
    Random(usize),
}

impl GoalStrategy {
    /// The number of goals for each step, beside its own.
    pub fn goals_per_step(self) -> usize {
        match self {
            Self::Final => 1,
            Self::Future(goals) | Self::Episode(goals) | Self::Random(goals) => goals,
        }
    }
}

/// Remembers each step of an episode once as it was and again with goals that were achieved, on
/// the way into a [`Buffer`](crate::Buffer) or another [`Sink`].
///
/// One column holds the goal that the agent was after; whatever else depends on it, such as a
/// network's input, is put together from the columns when a batch is used. A step also says which
/// goal was *achieved* by the state that it led to. When the episode ends, its steps are passed on:
/// each as it was, and then once for each goal that the [`GoalStrategy`] chooses, with
///
/// - that goal in the column of the goal;
/// - the reward that the function of achieved and wanted goal gives for it;
/// - if [`Hindsight::with_terminated`] names a column, whether the task would have been over.
///
/// The other columns are those of the step. Each step has goals of its own, so these items cannot be
/// assembled to n steps ([`NStep`](crate::NStep)) afterwards.
///
/// The steps of an unfinished episode wait in memory that grows up to the longest episode; after
/// that, [`Hindsight::push`] does not allocate.
///
/// # Example
///
/// A walk on a line, for which only arriving is rewarded:
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_replay::{Batch, Buffer, Episode, GoalStrategy, Hindsight, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// let next_position = schema.column::<i32>("next_position", &[])?;
/// let goal = schema.column::<i32>("goal", &[1])?;
/// let reward = schema.column::<f32>("reward", &[])?;
/// let mut buffer = Buffer::new(schema, 1000, Uniform::new())?;
///
/// let arrived = |achieved: &[i32], goal: &[i32]| if achieved == goal { 0.0 } else { -1.0 };
/// let mut hindsight =
///     Hindsight::new(buffer.schema(), goal, reward, GoalStrategy::Final, arrived)?;
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// for (position, episode) in [(1, Episode::Continues), (2, Episode::Truncated)] {
///     let (wanted, earned) = ([9], arrived(&[position], &[9]));
///     let values = [(&position).into(), (&wanted).into(), (&earned).into()];
///     hindsight.push(0, &values, &[position], episode, rng, &mut buffer)?;
/// }
///
/// let mut batch = Batch::new();
/// buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
/// assert_eq!(batch.values(next_position)?, [1, 1, 2, 2]);
/// assert_eq!(batch.values(goal)?, [9, 2, 9, 2]);
/// assert_eq!(batch.values(reward)?, [-1.0, -1.0, -1.0, 0.0]);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
pub struct Hindsight<G> {
    schema: Schema,
    goal: usize,
    reward: usize,
    terminated: Option<usize>,
    strategy: GoalStrategy,
    judge: Judge<G>,
    /// One an environment.
    trajectories: Vec<Trajectory<G>>,
    archive: Archive<G>,
    /// Memory for the values of an item.
    values: Vec<Value<'static>>,
}

/// What the reward, and whether the task is over, would have been.
struct Judge<G> {
    reward: GoalFn<G, f64>,
    terminated: GoalFn<G, bool>,
}

/// Something that follows from the goal that was achieved and the one that was wanted.
type GoalFn<G, T> = Box<dyn FnMut(&[G], &[G]) -> T + Send>;

impl<G: Element> Hindsight<G> {
    /// For one environment and these columns of a buffer. `reward_of(achieved, goal)` is the reward
    /// of a step that achieved one goal while another was wanted.
    ///
    /// # Errors
    ///
    /// A strategy without goals, a handle of another schema, a reward with more than one number an
    /// item, or one column for goal and reward.
    pub fn new<R: Real>(
        schema: &Schema,
        goal: Column<G>,
        reward: Column<R>,
        strategy: GoalStrategy,
        mut reward_of: impl FnMut(&[G], &[G]) -> R + Send + 'static,
    ) -> Result<Self> {
        if strategy.goals_per_step() == 0 {
            let name = "the number of goals for each step";
            return Err(Error::Setting { name, legal: "at least 1", got: 0.0 });
        }
        let goal = schema.check(goal)?;
        let reward = episode::scalar(schema, reward)?;
        if goal == reward {
            let problem = "cannot be the goal and the reward at once";
            return Err(episode::role(&schema.columns()[goal], problem));
        }
        let judge = Judge {
            reward: Box::new(move |achieved, goal| reward_of(achieved, goal).to_f64()),
            terminated: Box::new(|_, _| false),
        };
        let new = Self {
            schema: schema.clone(),
            goal,
            reward,
            terminated: None,
            strategy,
            judge,
            trajectories: Vec::new(),
            archive: Archive::new(100_000),
            values: Vec::with_capacity(schema.columns().len()),
        };
        new.with_environments(1)
    }

    /// Sets this column of the added items to what `terminated_by(achieved, goal)` says: for tasks
    /// that are over when the goal is reached. Without it, the flag of the step is kept.
    ///
    /// # Errors
    ///
    /// A handle of another schema, or a column that is the goal or has more than one flag an item.
    pub fn with_terminated(
        mut self,
        column: Column<bool>,
        terminated_by: impl FnMut(&[G], &[G]) -> bool + Send + 'static,
    ) -> Result<Self> {
        let index = episode::scalar(&self.schema, column)?;
        if index == self.goal {
            let problem = "cannot be the goal and the flag of the end at once";
            return Err(episode::role(&self.schema.columns()[index], problem));
        }
        self.terminated = Some(index);
        self.judge.terminated = Box::new(terminated_by);
        Ok(self)
    }

    /// The number of environments that take turns; each is known by its number, from 0. Unfinished
    /// episodes are forgotten.
    ///
    /// # Errors
    ///
    /// No environments, or more than there is memory for.
    pub fn with_environments(mut self, environments: usize) -> Result<Self> {
        if environments == 0 {
            return Err(Error::Setting { name: "environments", legal: "at least 1", got: 0.0 });
        }
        let columns = self.schema.columns();
        let per_environment =
            size_of::<Trajectory<G>>() as u128 + columns.len() as u128 * size_of::<Cells>() as u128;
        let needed = per_environment.saturating_mul(environments as u128);
        memory::check(|| format!("episodes of {environments} environments"), needed)?;
        self.trajectories = (0..environments).map(|_| Trajectory::new(&self.schema)).collect();
        Ok(self)
    }

    /// How many achieved goals [`GoalStrategy::Random`] remembers, 100,000 if not set. When there
    /// were more, each is equally likely to be among them. Those so far are forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for 0.
    pub fn with_goal_memory(mut self, goals: usize) -> Result<Self> {
        if goals == 0 {
            return Err(Error::Setting { name: "goal memory", legal: "at least 1", got: 0.0 });
        }
        self.archive = Archive::new(goals);
        Ok(self)
    }

    /// Takes in one step of one environment: one value a column, in the order of the schema, and
    /// the goal that was achieved by the state to which the step led, as long as the goal. If the
    /// episode is over, all its items go to `buffer`. The result is how many: the number of its
    /// steps times one more than [`GoalStrategy::goals_per_step`].
    ///
    /// # Errors
    ///
    /// A number of an environment that there is not, values or a goal that do not fit the schema, or
    /// too little memory; the step is not taken in then. A buffer of another schema refuses the
    /// items: the episode is lost.
    pub fn push<R: Rng + ?Sized>(
        &mut self,
        environment: usize,
        values: &[Value<'_>],
        achieved: &[G],
        episode: Episode,
        rng: &mut R,
        buffer: &mut (impl Sink + ?Sized),
    ) -> Result<usize> {
        let sink = |item: &[Value<'_>]| buffer.accept(item);
        self.push_with(environment, values, achieved, episode, rng, sink)
    }

    /// As [`Hindsight::push`], with the items going to `sink`: one value a column, in the order of
    /// the schema.
    ///
    /// # Errors
    ///
    /// As for [`Hindsight::push`]. When `sink` fails, its error is the result, and what it has not
    /// taken of the episode is lost.
    pub fn push_with<R: Rng + ?Sized, E: From<Error>>(
        &mut self,
        environment: usize,
        values: &[Value<'_>],
        achieved: &[G],
        episode: Episode,
        rng: &mut R,
        sink: impl FnMut(&[Value<'_>]) -> Result<(), E>,
    ) -> Result<usize, E> {
        episode::check_environment(environment, self.trajectories.len())?;
        cells::check(self.schema.columns(), None, values)?;
        let goal = &self.schema.columns()[self.goal];
        if achieved.len() != goal.width() {
            let name = format!("{} (achieved)", goal.name());
            let (expected, got) = (goal.width() as u128, achieved.len());
            return Err(Error::Length { name, rows: 1, expected, got }.into());
        }
        self.trajectories[environment].push(&self.schema, values, achieved)?;
        if episode.is_over() { self.finish_with(environment, rng, sink) } else { Ok(0) }
    }

    /// Ends the episode of this environment with the step before, and adds its items to `buffer`:
    /// for the end of the collection in the middle of an episode. The result is how many items.
    ///
    /// # Errors
    ///
    /// As for [`Hindsight::push`].
    pub fn flush<R: Rng + ?Sized>(
        &mut self,
        environment: usize,
        rng: &mut R,
        buffer: &mut (impl Sink + ?Sized),
    ) -> Result<usize> {
        episode::check_environment(environment, self.trajectories.len())?;
        self.finish_with(environment, rng, |item| buffer.accept(item))
    }

    /// Forgets the unfinished episode of this environment. The result is how many steps it had.
    ///
    /// # Errors
    ///
    /// A number of an environment that there is not.
    pub fn reset(&mut self, environment: usize) -> Result<usize> {
        episode::check_environment(environment, self.trajectories.len())?;
        Ok(self.trajectories[environment].clear())
    }

    /// The episodes that are not over, and the goals that [`GoalStrategy::Random`] remembers, in bytes:
    /// to be saved with the buffer, as what [`Checkpoint::save`](crate::Checkpoint::save) takes besides
    /// it, or elsewhere.
    pub fn state(&self) -> Vec<u8> {
        let mut writer = WaitingWriter::new(&self.description());
        for trajectory in &self.trajectories {
            trajectory.save(&mut writer);
        }
        self.archive.save(self.width(), &mut writer);
        writer.finish()
    }

    /// Goes on where another one of the same settings was when it gave this [`state`](Self::state). The
    /// functions that judge goals are not in it.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignCheckpoint`] where columns, settings or the number of environments were others;
    /// [`Error::Format`] for damaged bytes, [`Error::Memory`] for too little memory. Nothing is changed
    /// then.
    pub fn restore(&mut self, state: &[u8]) -> Result<()> {
        let mut reader = WaitingReader::new(state, &self.description())?;
        let goal = &self.schema.columns()[self.goal];
        let trajectories: Result<Vec<_>> = (0..self.trajectories.len())
            .map(|_| Trajectory::load(&self.schema, goal, &mut reader))
            .collect();
        let (trajectories, archive) = (trajectories?, self.archive.load(goal, &mut reader)?);
        reader.finish()?;
        (self.trajectories, self.archive) = (trajectories, archive);
        Ok(())
    }

    /// All that two of them must have in common for one to go on with what waits in the other.
    fn description(&self) -> String {
        let Self { schema, goal, reward, terminated, strategy, trajectories, archive, .. } = self;
        let (environments, capacity) = (trajectories.len(), archive.capacity);
        format!(
            "hindsight {strategy:?}, {environments} environments, {capacity} goals, columns {schema}; \
             goal {goal}, reward {reward}, terminated {terminated:?}"
        )
    }

    /// The number of elements of a goal.
    fn width(&self) -> usize {
        self.schema.columns()[self.goal].width()
    }

    /// Which goals are chosen.
    pub fn strategy(&self) -> GoalStrategy {
        self.strategy
    }

    /// The number of environments.
    pub fn environments(&self) -> usize {
        self.trajectories.len()
    }

    /// Passes the items of an episode on and forgets it, also on an error.
    fn finish_with<R: Rng + ?Sized, E: From<Error>>(
        &mut self,
        environment: usize,
        rng: &mut R,
        mut sink: impl FnMut(&[Value<'_>]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let width = self.width();
        if let GoalStrategy::Random(_) = self.strategy {
            let trajectory = &self.trajectories[environment];
            self.archive.add(&trajectory.achieved[..trajectory.len * width], width, rng)?;
        }
        let steps = self.trajectories[environment].len;
        let result = (0..steps).try_for_each(|step| {
            self.pass_on(environment, step, None, &mut sink)?;
            (0..self.strategy.goals_per_step()).try_for_each(|_| {
                let source = match self.strategy {
                    GoalStrategy::Final => steps - 1,
                    GoalStrategy::Future(_) => rng.random_range(step..steps),
                    GoalStrategy::Episode(_) => rng.random_range(0..steps),
                    GoalStrategy::Random(_) => {
                        rng.random_range(0..self.archive.goals.len() / width)
                    }
                };
                self.pass_on(environment, step, Some(source), &mut sink)
            })
        });
        self.trajectories[environment].clear();
        result.map(|()| steps * (1 + self.strategy.goals_per_step()))
    }

    /// Passes on one step, as it was or with the goal of another.
    fn pass_on<E>(
        &mut self,
        environment: usize,
        step: usize,
        source: Option<usize>,
        sink: &mut impl FnMut(&[Value<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Trajectory { columns, achieved, .. } = &self.trajectories[environment];
        let width = self.width();
        let goals = match self.strategy {
            GoalStrategy::Random(_) => &self.archive.goals,
            _ => achieved,
        };
        let goal = source.map(|source| &goals[source * width..][..width]);
        let achieved = &achieved[step * width..][..width];
        let reward = goal.map(|goal| {
            let dtype = self.schema.columns()[self.reward].dtype();
            Number::new(dtype, (self.judge.reward)(achieved, goal))
        });
        let terminated = goal
            .filter(|_| self.terminated.is_some())
            .map(|goal| (self.judge.terminated)(achieved, goal));

        let mut item = recycle(std::mem::take(&mut self.values));
        item.extend(columns.iter().enumerate().map(|(index, column)| {
            match (goal, &reward, &terminated) {
                (Some(goal), ..) if index == self.goal => G::value(goal),
                (_, Some(reward), _) if index == self.reward => reward.value(),
                (_, _, Some(flag)) if Some(index) == self.terminated => flag.into(),
                _ => column.row(step),
            }
        }));
        let result = sink(&item);
        self.values = recycle(item);
        result
    }
}

/// Without the data.
impl<G> fmt::Debug for Hindsight<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hindsight")
            .field("schema", &format_args!("{}", self.schema))
            .field("strategy", &self.strategy)
            .field("environments", &self.trajectories.len())
            .finish_non_exhaustive()
    }
}
