//! n-step returns, assembled before items enter a buffer.
//!
//! ```text
//! R_t = Σ_{k<m} γ^k r_{t+k}        target = R_t + d_t · V(s_{t+m})        d_t = γ^m, or 0
//! ```
//!
//! m is n, or less where the episode ends sooner; d_t is 0 if the task is over after these m steps.
//! Sutton & Barto 2018, "Reinforcement Learning", section 7.1; Hessel et al. 2018, "Rainbow",
//! arXiv:1710.02298.

use crate::cells::{self, Cells, recycle};
use crate::checkpoint::{WaitingReader, WaitingWriter, damaged};
use crate::episode::{self, Number, Real};
use crate::{Column, Element, Episode, Error, Result, Schema, Sink, Value, memory};

/// Turns single steps into items that span n of them, for any number of environments that take
/// turns, and passes them on to a [`Buffer`](crate::Buffer) or another [`Sink`].
///
/// The columns of an item are the buffer's. Those of the step that it starts with are kept as they
/// are, but for
///
/// - the *reward*: the discounted sum of the rewards of its steps;
/// - the *discount*, computed here: what the value of the last step's next observation counts for
///   in the target, `reward + discount * value`. It is gamma to the number of steps, and 0 where
///   the episode was terminated;
/// - the columns named in [`NStep::with_last`], which come from the last step of the item: the next
///   observation, and what else belongs to it.
///
/// Where an episode ends, the items that have less than n steps left follow. At a termination their
/// discount is 0. At a truncation the value of the final observation counts, for gamma to the
/// number of steps; so the next observation of a last step has to be the one with which the episode
/// ended, not the one with which the next starts.
///
/// An item is passed on n − 1 steps after its first step. All memory is taken by the constructor
/// and the `with_*` methods; [`NStep::push`] does not allocate.
///
/// # Example
///
/// ```
/// use reflux_replay::{Batch, Buffer, Episode, NStep, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// let observation = schema.column::<f32>("observation", &[1])?;
/// let action = schema.column::<i64>("action", &[])?;
/// let reward = schema.column::<f32>("reward", &[])?;
/// let next_observation = schema.column::<f32>("next_observation", &[1])?;
/// let discount = schema.column::<f32>("discount", &[])?;
/// let mut buffer = Buffer::new(schema, 1000, Uniform::new())?;
///
/// let mut steps =
///     NStep::new(buffer.schema(), reward, discount, 2, 0.5)?.with_last(next_observation)?;
/// for t in 0..3 {
///     // One value a column, in their order, without the discount.
///     let (seen, next) = ([t as f32], [t as f32 + 1.0]);
///     let values = [(&seen).into(), (&7_i64).into(), (&1.0_f32).into(), (&next).into()];
///     let episode = if t == 2 { Episode::Truncated } else { Episode::Continues };
///     steps.push(0, &values, episode, &mut buffer)?;
/// }
///
/// let mut batch = Batch::new();
/// buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
/// assert_eq!(batch.values(observation)?, [0.0, 1.0, 2.0]);
/// assert_eq!(batch.values(reward)?, [1.5, 1.5, 1.0]);
/// assert_eq!(batch.values(next_observation)?, [2.0, 3.0, 3.0]);
/// assert_eq!(batch.values(discount)?, [0.25, 0.25, 0.5]);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NStep {
    schema: Schema,
    reward: usize,
    discount: usize,
    /// For each column, whether it comes from the last step of an item.
    last: Vec<bool>,
    n: usize,
    gamma: f64,
    /// The steps of each environment that wait: room for `n` of them, a ring.
    windows: Vec<Window>,
    /// For each column, row `environment * n + place in the ring`.
    steps: Vec<Cells>,
    rewards: Vec<f64>,
    /// Memory for the values of an item.
    values: Vec<Value<'static>>,
}

/// The place of the oldest step that waits, and how many do.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    oldest: usize,
    len: usize,
}

impl NStep {
    /// Items of `n` steps, discounted by `gamma` a step, for one environment and these columns of a
    /// buffer. An `n` of 1 gives the steps themselves; Rainbow uses 3, and gamma 0.99.
    ///
    /// # Errors
    ///
    /// An `n` of 0, a `gamma` outside `[0, 1]`, a handle of another schema, a reward or discount
    /// with more than one number an item, one column for both, or too little memory.
    pub fn new<R: Real, D: Real>(
        schema: &Schema,
        reward: Column<R>,
        discount: Column<D>,
        n: usize,
        gamma: f64,
    ) -> Result<Self> {
        if n == 0 {
            return Err(Error::Setting { name: "n", legal: "at least 1", got: 0.0 });
        }
        if !(0.0..=1.0).contains(&gamma) {
            return Err(Error::Setting { name: "gamma", legal: "between 0 and 1", got: gamma });
        }
        let reward = episode::scalar(schema, reward)?;
        let discount = episode::scalar(schema, discount)?;
        if reward == discount {
            let problem = "cannot be the reward and the discount at once";
            return Err(episode::role(&schema.columns()[reward], problem));
        }
        let new = Self {
            schema: schema.clone(),
            reward,
            discount,
            last: vec![false; schema.columns().len()],
            n,
            gamma,
            windows: Vec::new(),
            steps: schema.columns().iter().map(Cells::new).collect(),
            rewards: Vec::new(),
            values: Vec::with_capacity(schema.columns().len()),
        };
        new.with_environments(1)
    }

    /// Takes this column from the last step of an item instead of the first: for the next
    /// observation, and for whatever else says something about it, such as which actions are legal
    /// there. Call it once a column.
    ///
    /// # Errors
    ///
    /// A handle of another schema; the column of the reward or of the discount.
    pub fn with_last<T: Element>(mut self, column: Column<T>) -> Result<Self> {
        let index = self.schema.check(column)?;
        if index == self.reward || index == self.discount {
            let problem = "is computed from all steps of an item, not taken from the last";
            return Err(episode::role(&self.schema.columns()[index], problem));
        }
        self.last[index] = true;
        Ok(self)
    }

    /// The number of environments that take turns; each is known by its number, from 0. Steps that
    /// wait are forgotten.
    ///
    /// # Errors
    ///
    /// No environments, or [`Error::Memory`] where n steps of each do not fit.
    pub fn with_environments(mut self, environments: usize) -> Result<Self> {
        if environments == 0 {
            return Err(Error::Setting { name: "environments", legal: "at least 1", got: 0.0 });
        }
        let per_step = self.schema.bytes_per_item() + size_of::<f64>();
        let per_environment = self.n as u128 * per_step as u128 + size_of::<Window>() as u128;
        let needed = per_environment.saturating_mul(environments as u128);
        let what = || format!("{} steps of {environments} environments", self.n);
        memory::check(what, needed)?;
        let refused = || memory::refused(what(), needed);

        let rows = self.n.checked_mul(environments).ok_or_else(refused)?;
        for (index, steps) in self.steps.iter_mut().enumerate() {
            if index != self.reward && index != self.discount {
                steps.resize(rows, refused)?;
            }
        }
        memory::resize(&mut self.rewards, rows, 0.0, refused)?;
        self.windows.clear();
        memory::resize(&mut self.windows, environments, Window::default(), refused)?;
        Ok(self)
    }

    /// Takes in one step of one environment, and adds the items that it completes to `buffer`: none
    /// or one while the episode goes on, all that wait when it ends. The result is how many.
    ///
    /// `values` are one step's, one a column in the order of the schema, without the discount's.
    ///
    /// # Errors
    ///
    /// A number of an environment that there is not, or values that do not fit the schema; nothing
    /// is changed then. A buffer of another schema refuses the items: the step is not taken in.
    pub fn push(
        &mut self,
        environment: usize,
        values: &[Value<'_>],
        episode: Episode,
        buffer: &mut (impl Sink + ?Sized),
    ) -> Result<usize> {
        self.push_with(environment, values, episode, |item| buffer.accept(item))
    }

    /// As [`NStep::push`], with the items going to `sink`: one value a column, the discount's
    /// included, in the order of the schema.
    ///
    /// # Errors
    ///
    /// As for [`NStep::push`]. When `sink` fails, its error is the result, and the step is not taken
    /// in; what `sink` had taken before, in the same call, it has.
    pub fn push_with<E: From<Error>>(
        &mut self,
        environment: usize,
        values: &[Value<'_>],
        episode: Episode,
        sink: impl FnMut(&[Value<'_>]) -> Result<(), E>,
    ) -> Result<usize, E> {
        episode::check_environment(environment, self.windows.len())?;
        let discount = self.discount;
        cells::check(self.schema.columns(), Some(discount), values)?;

        // There is always a free place: a full window has passed its oldest step on.
        let Window { oldest, len } = self.windows[environment];
        let row = self.row(environment, oldest + len);
        let columns = (0..self.steps.len()).filter(|&index| index != discount);
        for (index, &value) in columns.zip(values) {
            if index == self.reward {
                self.rewards[row] = episode::number(value);
            } else {
                self.steps[index].set(row, value);
            }
        }
        let window = Window { oldest, len: len + 1 };
        let complete = match episode {
            Episode::Continues => usize::from(window.len == self.n),
            Episode::Terminated | Episode::Truncated => window.len,
        };
        let terminated = episode == Episode::Terminated;
        self.emit(environment, window, complete, terminated, sink)?;
        self.windows[environment] = window.after(complete, self.n);
        Ok(complete)
    }

    /// Adds the items of the steps of this environment that wait to `buffer`, as if the last of
    /// them had been truncated: for the end of the collection in the middle of an episode. The next
    /// step starts anew. The result is how many items there were.
    ///
    /// # Errors
    ///
    /// A number of an environment that there is not; a buffer of another schema.
    pub fn flush(
        &mut self,
        environment: usize,
        buffer: &mut (impl Sink + ?Sized),
    ) -> Result<usize> {
        episode::check_environment(environment, self.windows.len())?;
        let window = self.windows[environment];
        self.emit(environment, window, window.len, false, |item| buffer.accept(item))?;
        self.windows[environment] = Window::default();
        Ok(window.len)
    }

    /// Forgets the steps of this environment that wait. The result is how many there were.
    ///
    /// # Errors
    ///
    /// A number of an environment that there is not.
    pub fn reset(&mut self, environment: usize) -> Result<usize> {
        episode::check_environment(environment, self.windows.len())?;
        Ok(std::mem::take(&mut self.windows[environment]).len)
    }

    /// The steps that wait, in bytes: to be saved with the buffer, as what
    /// [`Checkpoint::save`](crate::Checkpoint::save) takes besides it, or elsewhere.
    pub fn state(&self) -> Vec<u8> {
        let mut writer = WaitingWriter::new(&self.description());
        for (environment, window) in self.windows.iter().enumerate() {
            writer.number(window.len as u64);
            let rows = || (0..window.len).map(|step| self.row(environment, window.oldest + step));
            rows().for_each(|row| writer.number(self.rewards[row].to_bits()));
            for index in self.taken_columns() {
                rows().for_each(|row| writer.value(self.steps[index].row(row)));
            }
        }
        writer.finish()
    }

    /// Goes on where another assembler of the same settings was when it gave this
    /// [`state`](Self::state).
    ///
    /// # Errors
    ///
    /// [`Error::ForeignCheckpoint`] where columns, settings or the number of environments were others;
    /// [`Error::Format`] for damaged bytes. Nothing is changed then.
    pub fn restore(&mut self, state: &[u8]) -> Result<()> {
        let mut reader = WaitingReader::new(state, &self.description())?;
        let mut new = self.clone();
        let columns = self.schema.columns();
        for environment in 0..new.windows.len() {
            let len = reader.number()?;
            if len >= self.n as u64 {
                return Err(damaged("more steps wait than can"));
            }
            let (rows, first) = (0..len as usize, environment * self.n);
            for reward in &mut new.rewards[first..][..rows.len()] {
                *reward = f64::from_bits(reader.number()?);
            }
            for index in self.taken_columns() {
                let column = reader.rows(len, &columns[index])?;
                new.steps[index].set_rows(first, rows.clone(), column.rows(rows.clone()));
            }
            new.windows[environment] = Window { oldest: 0, len: rows.end };
        }
        reader.finish()?;
        *self = new;
        Ok(())
    }

    /// All that two assemblers must have in common for one to go on with what waits in the other.
    fn description(&self) -> String {
        let Self { schema, reward, discount, last, n, gamma, windows, .. } = self;
        let environments = windows.len();
        format!(
            "{n} steps, gamma {gamma}, {environments} environments, columns {schema}; \
             reward {reward}, discount {discount}, from the last step {last:?}"
        )
    }

    /// The columns of which steps are kept as they come.
    fn taken_columns(&self) -> impl Iterator<Item = usize> {
        let (reward, discount) = (self.reward, self.discount);
        (0..self.steps.len()).filter(move |&index| index != reward && index != discount)
    }

    /// The number of steps of an item.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The discount of one step.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// The number of environments.
    pub fn environments(&self) -> usize {
        self.windows.len()
    }

    /// Passes on the items that start with the `complete` oldest steps of a window and reach to its
    /// newest.
    fn emit<E>(
        &mut self,
        environment: usize,
        window: Window,
        complete: usize,
        terminated: bool,
        mut sink: impl FnMut(&[Value<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut memory = std::mem::take(&mut self.values);
        let mut result = Ok(());
        for first in 0..complete {
            let (reward, power) = self.discounted(environment, window, first);
            let discount = if terminated { 0.0 } else { power };
            let reward = Number::new(self.schema.columns()[self.reward].dtype(), reward);
            let discount = Number::new(self.schema.columns()[self.discount].dtype(), discount);
            let first_row = self.row(environment, window.oldest + first);
            let last_row = self.row(environment, window.oldest + window.len - 1);

            let mut item = recycle(memory);
            item.extend(self.steps.iter().zip(&self.last).enumerate().map(
                |(index, (steps, &last))| match index {
                    _ if index == self.reward => reward.value(),
                    _ if index == self.discount => discount.value(),
                    _ => steps.row(if last { last_row } else { first_row }),
                },
            ));
            result = sink(&item);
            memory = recycle(item);
            if result.is_err() {
                break;
            }
        }
        self.values = memory;
        result
    }

    /// The discounted sum of the rewards of a window from its step `first` on, and gamma to their
    /// number.
    fn discounted(&self, environment: usize, window: Window, first: usize) -> (f64, f64) {
        (first..window.len).fold((0.0, 1.0), |(sum, power), step| {
            let reward = self.rewards[self.row(environment, window.oldest + step)];
            (sum + power * reward, power * self.gamma)
        })
    }

    /// The row of a step, by its place counted from the start of the ring, perhaps once around.
    fn row(&self, environment: usize, place: usize) -> usize {
        environment * self.n + if place < self.n { place } else { place - self.n }
    }
}

impl Window {
    /// Without its `passed_on` oldest steps.
    fn after(self, passed_on: usize, n: usize) -> Self {
        let oldest = self.oldest + passed_on;
        let oldest = if oldest < n { oldest } else { oldest - n };
        Self { oldest, len: self.len - passed_on }
    }
}
