//! Several environments that are stepped together.

use ndarray::ArrayView2;

use crate::error::{check_observation, check_reward};
use crate::saved::saved;
use crate::{Env, Error, Result, Space};

/// When the next episode of an environment begins, as Gymnasium 1.x names it (`AutoresetMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Autoreset {
    /// At the step after the end: that step ignores the action, gives the first observation of the
    /// new episode with reward 0, and is no transition (see [`VectorStep::resets`]). Gymnasium's
    /// default, and ours.
    #[default]
    NextStep,
    /// At the step that ends the episode: its observation is the first of the next episode, and the
    /// last one is in [`VectorStep::final_observation`].
    SameStep,
    /// Never: the caller calls [`VectorEnv::reset_where`] before the next step.
    Disabled,
}

/// Steps several environments of one kind together; observations come as one array with a row for
/// each.
///
/// [`Autoreset`] says when the next episode of an environment begins. What follows an action is, in
/// every mode, [`VectorStep::next_observation`]: at the end of an episode the last one of it, from
/// which a truncated step bootstraps.
///
/// All environments have equal spaces. They are stepped one after the other in the caller's thread:
/// a step takes some ten nanoseconds, so that handing it to another thread would cost more. After a
/// first call, stepping allocates nothing.
///
/// Whatever the environments give is checked: an observation that is not finite or not as long as
/// its space says, or a reward that is not finite, is an error that names the environment. After
/// it, and after any other error inside of an environment, some have been stepped and others have
/// not; therefore [`step`](Self::step) is [`ResetNeeded`](crate::Error::ResetNeeded) until all have
/// been reset. Wrong actions are found before anything is stepped.
///
/// ```
/// use reflux_envs::{Autoreset, CartPole, VectorEnv};
///
/// let mut envs = VectorEnv::new(vec![CartPole::v1(); 4], Autoreset::SameStep)?;
/// assert_eq!(envs.reset(Some(0))?.dim(), (4, 4)); // environments, numbers of an observation
/// for _ in 0..100 {
///     let before = envs.observations().to_owned();
///     let actions = [0, 1, 0, 1];
///     let step = envs.step(&actions)?;
///     for (i, action) in actions.into_iter().enumerate() {
///         // What a replay buffer keeps:
///         let transition = (
///             before.row(i),
///             action,
///             step.rewards[i],
///             step.next_observation(i),
///             step.terminated[i], // and not `truncated`: the last state keeps its value
///         );
///     }
/// }
/// # Ok::<(), reflux_envs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(remote = "Self"))]
pub struct VectorEnv<E> {
    envs: Vec<E>,
    autoreset: Autoreset,
    /// Whether all environments are in step: there was a reset, and no failure since.
    ready: bool,
    /// `[envs, len]`, row after row.
    observations: Vec<f32>,
    /// The last observations of episodes that ended at this step, if the mode is `SameStep`.
    final_observations: Vec<f32>,
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    resets: Vec<bool>,
}

saved!(VectorEnv<E>);

/// What one step of several environments gives back. Lists have an element for each environment.
#[derive(Clone, Copy, Debug)]
pub struct VectorStep<'a> {
    /// The observations to act upon next, `[envs, len]`.
    pub observations: ArrayView2<'a, f32>,
    /// The rewards for the actions.
    pub rewards: &'a [f32],
    /// Which tasks are over; what follows is worth nothing.
    pub terminated: &'a [bool],
    /// Which episodes were cut short; their states still have a value.
    pub truncated: &'a [bool],
    /// Which environments were only reset, their action ignored, by [`Autoreset::NextStep`]: not
    /// transitions, to be left out of a replay buffer.
    pub resets: &'a [bool],
    autoreset: Autoreset,
    final_observations: &'a [f32],
}

impl<'a> VectorStep<'a> {
    /// Whether the episode of environment `index` is over, for either reason; false if there is no
    /// such environment.
    pub fn done(&self, index: usize) -> bool {
        self.terminated.get(index) == Some(&true) || self.truncated.get(index) == Some(&true)
    }

    /// The last observation of the episode that ended at this step in environment `index`; `None`
    /// if none did.
    pub fn final_observation(&self, index: usize) -> Option<&'a [f32]> {
        if !self.done(index) {
            return None;
        }
        let len = self.observations.ncols();
        if self.autoreset == Autoreset::SameStep {
            self.final_observations.get(index * len..(index + 1) * len)
        } else {
            self.row(index)
        }
    }

    /// What followed the action in environment `index`: its final observation if the episode is
    /// over, otherwise its row of [`observations`](Self::observations). `None` if there is no such
    /// environment, or it was only reset.
    pub fn next_observation(&self, index: usize) -> Option<&'a [f32]> {
        if self.resets.get(index) != Some(&false) {
            return None;
        }
        self.final_observation(index).or_else(|| self.row(index))
    }

    fn row(&self, index: usize) -> Option<&'a [f32]> {
        let len = self.observations.ncols();
        self.observations.to_slice()?.get(index * len..(index + 1) * len)
    }
}

impl<E: Env> VectorEnv<E> {
    /// These environments, none of which needs to have been reset.
    ///
    /// # Errors
    ///
    /// [`NoEnvironments`](crate::Error::NoEnvironments),
    /// [`SpacesDiffer`](crate::Error::SpacesDiffer), or [`SpaceKind`](crate::Error::SpaceKind) if
    /// the action space is not discrete.
    pub fn new(envs: Vec<E>, autoreset: Autoreset) -> Result<Self> {
        check_spaces(&envs)?;
        let (n, len) = (envs.len(), envs[0].observation_space().len());
        let final_rows = if autoreset == Autoreset::SameStep { n } else { 0 };
        Ok(Self {
            envs,
            autoreset,
            ready: false,
            observations: vec![0.0; n * len],
            final_observations: vec![0.0; final_rows * len],
            rewards: vec![0.0; n],
            terminated: vec![false; n],
            truncated: vec![false; n],
            resets: vec![false; n],
        })
    }

    /// The space that the observation of one environment is from.
    pub fn observation_space(&self) -> &Space {
        self.envs[0].observation_space()
    }

    /// The space that the action of one environment is from.
    pub fn action_space(&self) -> &Space {
        self.envs[0].action_space()
    }

    /// Starts an episode in every environment and returns the first observations, `[envs, len]`.
    ///
    /// With `Some(seed)` environment `i` gets the seed `seed + i` (modulo 2^64), as in Gymnasium;
    /// with `None` every generator goes on from where it is.
    ///
    /// # Errors
    ///
    /// What an environment refuses, or what is wrong with what it gives, as
    /// [`InEnvironment`](crate::Error::InEnvironment).
    pub fn reset(&mut self, seed: Option<u64>) -> Result<ArrayView2<'_, f32>> {
        self.reset_each(|index| seed.map(|seed| seed.wrapping_add(index as u64)))
    }

    /// [`reset`](Self::reset) with a seed, or none, for each environment.
    ///
    /// # Errors
    ///
    /// As [`reset`](Self::reset), and [`Count`](crate::Error::Count).
    pub fn reset_with_seeds(&mut self, seeds: &[Option<u64>]) -> Result<ArrayView2<'_, f32>> {
        self.check_count("seeds", seeds.len())?;
        self.reset_each(|index| seeds[index])
    }

    fn reset_each(&mut self, seed: impl Fn(usize) -> Option<u64>) -> Result<ArrayView2<'_, f32>> {
        self.ready = false;
        for index in 0..self.envs.len() {
            self.reset_one(index, seed(index))?;
        }
        self.ready = true;
        Ok(self.observations())
    }

    /// Starts the next episode in those environments whose flag in `mask` is set, and returns all
    /// observations, `[envs, len]`. With [`Autoreset::Disabled`] this has to be done where an
    /// episode is over; an episode that still runs is abandoned.
    ///
    /// # Errors
    ///
    /// As [`reset`](Self::reset), and [`Count`](crate::Error::Count) or
    /// [`ResetNeeded`](crate::Error::ResetNeeded).
    pub fn reset_where(&mut self, mask: &[bool]) -> Result<ArrayView2<'_, f32>> {
        self.check_count("flags", mask.len())?;
        self.check_ready()?;
        self.ready = false;
        for (index, _) in mask.iter().enumerate().filter(|(_, chosen)| **chosen) {
            self.reset_one(index, None)?;
        }
        self.ready = true;
        Ok(self.observations())
    }

    /// Takes one action in each environment.
    ///
    /// # Errors
    ///
    /// Nothing has been stepped after [`Count`](crate::Error::Count),
    /// [`ResetNeeded`](crate::Error::ResetNeeded) and, as
    /// [`InEnvironment`](crate::Error::InEnvironment),
    /// [`ActionOutOfRange`](crate::Error::ActionOutOfRange) and, with [`Autoreset::Disabled`],
    /// [`StepAfterEnd`](crate::Error::StepAfterEnd). What else an environment refuses, or what is
    /// wrong with what it gives, makes a reset of all of them necessary.
    pub fn step(&mut self, actions: &[usize]) -> Result<VectorStep<'_>> {
        self.check_step(actions)?;
        self.ready = false;
        for (index, &action) in actions.iter().enumerate() {
            if self.autoreset == Autoreset::NextStep && self.is_over(index) {
                self.reset_one(index, None)?;
                self.resets[index] = true;
            } else {
                self.step_one(index, action)?;
            }
        }
        self.ready = true;
        Ok(VectorStep {
            observations: view(&self.observations, self.envs.len()),
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            resets: &self.resets,
            autoreset: self.autoreset,
            final_observations: &self.final_observations,
        })
    }

    fn check_step(&self, actions: &[usize]) -> Result<()> {
        self.check_count("actions", actions.len())?;
        self.check_ready()?;
        let n = self.action_space().n().unwrap_or(0);
        for (index, &action) in actions.iter().enumerate() {
            if self.autoreset == Autoreset::Disabled && self.is_over(index) {
                return Err(Error::StepAfterEnd.in_environment(index));
            }
            if action >= n {
                return Err(Error::ActionOutOfRange { action, n }.in_environment(index));
            }
        }
        Ok(())
    }

    #[inline]
    fn step_one(&mut self, index: usize, action: usize) -> Result<()> {
        let len = self.observations.len() / self.envs.len();
        let row = index * len..(index + 1) * len;
        let wrong = |error: Error| error.in_environment(index);
        let step = self.envs[index].step(action).map_err(wrong)?;
        check_observation(step.observation, len).map_err(wrong)?;
        check_reward(step.reward).map_err(wrong)?;
        self.rewards[index] = step.reward;
        self.terminated[index] = step.terminated;
        self.truncated[index] = step.truncated;
        self.resets[index] = false;
        if self.autoreset == Autoreset::SameStep && step.done() {
            self.final_observations[row].copy_from_slice(step.observation);
            self.observe_start(index, None)
        } else {
            self.observations[row].copy_from_slice(step.observation);
            Ok(())
        }
    }

    /// A reset that is not also the end of an episode.
    fn reset_one(&mut self, index: usize, seed: Option<u64>) -> Result<()> {
        self.observe_start(index, seed)?;
        self.rewards[index] = 0.0;
        (self.terminated[index], self.truncated[index]) = (false, false);
        self.resets[index] = false;
        Ok(())
    }

    /// Resets an environment and keeps its first observation.
    fn observe_start(&mut self, index: usize, seed: Option<u64>) -> Result<()> {
        let len = self.observations.len() / self.envs.len();
        let wrong = |error: Error| error.in_environment(index);
        let first = self.envs[index].reset(seed).map_err(wrong)?;
        check_observation(first, len).map_err(wrong)?;
        self.observations[index * len..(index + 1) * len].copy_from_slice(first);
        Ok(())
    }

    #[cfg(feature = "serde")]
    fn restore(&mut self) -> Result<()> {
        check_spaces(&self.envs)?;
        let (n, len) = (self.envs.len(), self.observation_space().len());
        let final_rows = if self.autoreset == Autoreset::SameStep { n } else { 0 };
        check_observation(&self.observations, n * len)?;
        check_observation(&self.final_observations, final_rows * len)?;
        self.check_count("rewards", self.rewards.len())?;
        for flags in [&self.terminated, &self.truncated, &self.resets] {
            self.check_count("flags", flags.len())?;
        }
        Ok(())
    }
}

impl<E> VectorEnv<E> {
    /// The number of environments, at least 1.
    pub fn count(&self) -> usize {
        self.envs.len()
    }

    /// When the next episode of an environment begins.
    pub fn autoreset(&self) -> Autoreset {
        self.autoreset
    }

    /// The observations to act upon next, `[envs, len]`; 0 before the first reset.
    pub fn observations(&self) -> ArrayView2<'_, f32> {
        view(&self.observations, self.envs.len())
    }

    /// The environments.
    pub fn envs(&self) -> &[E] {
        &self.envs
    }

    /// The environments. Steps taken and resets made there are not seen here.
    pub fn envs_mut(&mut self) -> &mut [E] {
        &mut self.envs
    }

    /// Takes the environments out.
    pub fn into_envs(self) -> Vec<E> {
        self.envs
    }

    /// Whether the last step ended the episode of an environment that has not been reset since,
    /// unless the mode is `SameStep`, which resets at once.
    fn is_over(&self, index: usize) -> bool {
        self.terminated[index] || self.truncated[index]
    }

    fn check_ready(&self) -> Result<()> {
        if self.ready { Ok(()) } else { Err(Error::ResetNeeded) }
    }

    fn check_count(&self, what: &'static str, got: usize) -> Result<()> {
        let expected = self.envs.len();
        if got == expected { Ok(()) } else { Err(Error::Count { what, expected, got }) }
    }
}

/// Numbers of several environments as an array with a row for each.
fn view(numbers: &[f32], rows: usize) -> ArrayView2<'_, f32> {
    let shape = (rows, numbers.len() / rows);
    // The lengths fit: `numbers` has as many for each of the rows.
    ArrayView2::from_shape(shape, numbers).unwrap_or_else(|_| ArrayView2::from(&[[]; 0]))
}

/// An error unless there are environments, whose spaces are equal and whose actions are numbers.
fn check_spaces<E: Env>(envs: &[E]) -> Result<()> {
    let spaces = |env: &E| (env.observation_space().clone(), env.action_space().clone());
    let first = envs.first().map(spaces).ok_or(Error::NoEnvironments)?;
    if let Some(index) = envs.iter().position(|env| spaces(env) != first) {
        return Err(Error::SpacesDiffer { index });
    }
    if first.1.n().is_none() {
        return Err(Error::SpaceKind { user: "VectorEnv", needed: "a discrete action space" });
    }
    Ok(())
}
