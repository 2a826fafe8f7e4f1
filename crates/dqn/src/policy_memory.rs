//! A replay buffer of what was seen and what a teacher said about it.

use ndarray::{ArrayView2, Axis, aview1};
use rand::Rng;
use reflux_distill::{SoftTargets, Teacher};
use reflux_envs::Env;
use reflux_replay::{Batch, Buffer, Column, Schema, Uniform};

use crate::memory::check_observation;
use crate::{Policy, Result};

/// Observations, and beside each the values that a teacher gives to the actions there.
///
/// The teacher is asked once, when an observation comes in; the student may look at it many times.
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_dqn::{EpsilonGreedy, Greedy, PolicyMemory};
/// use reflux_envs::CartPole;
/// use reflux_nn::{Mlp, MlpConfig};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let teacher = Mlp::new(MlpConfig::new(4, &[64], 2)?, rng)?;
/// let mut memory = PolicyMemory::new(4, 2, 10_000)?;
/// let mut actor = EpsilonGreedy::new(Greedy::new(&teacher), 0.1, 2, rng)?;
/// memory.record(&mut actor, &teacher, &mut CartPole::v1(), 500, 1)?;
/// assert_eq!(memory.len(), 500);
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug)]
pub struct PolicyMemory {
    buffer: Buffer<Uniform>,
    observation: Column<f32>,
    teacher_values: Column<f32>,
    observation_len: usize,
    actions: usize,
}

impl PolicyMemory {
    /// For observations of `observation_len` numbers and `actions` actions, with room for `capacity`
    /// of them; beyond that the oldest make room.
    ///
    /// # Errors
    ///
    /// [`Error::Replay`](crate::Error::Replay) for a length or a capacity of 0, and for what does not
    /// fit in memory.
    pub fn new(observation_len: usize, actions: usize, capacity: usize) -> Result<Self> {
        let mut schema = Schema::new();
        let observation = schema.column("observation", &[observation_len])?;
        let teacher_values = schema.column("teacher_values", &[actions])?;
        let buffer = Buffer::new(schema, capacity, Uniform::new())?;
        Ok(Self { buffer, observation, teacher_values, observation_len, actions })
    }

    /// Keeps an observation `[observation]` with the teacher's values `[actions]`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) and [`Error::NonFinite`](crate::Error::NonFinite) for
    /// an observation that is none, [`Error::Replay`](crate::Error::Replay) for another number of
    /// values.
    pub fn push(&mut self, observation: &[f32], teacher_values: &[f32]) -> Result<()> {
        check_observation(observation, self.observation_len)?;
        self.buffer.push(&[observation.into(), teacher_values.into()])?;
        Ok(())
    }

    /// Lets `actor` play `steps` steps in `env`, from a start that `seed` settles, and asks `teacher`
    /// about each observation.
    ///
    /// The actor is usually the teacher with a little randomness ([`EpsilonGreedy`]), so that the
    /// buffer shows states that a less than perfect student will get into (Rusu et al. 2015). With
    /// the student as the actor, the teacher corrects the student where it really goes
    /// (Ross, Gordon & Bagnell 2011, arXiv:1011.0686).
    ///
    /// # Errors
    ///
    /// What the actor, the environment or the teacher refuse; what was recorded before is kept.
    ///
    /// [`EpsilonGreedy`]: crate::EpsilonGreedy
    pub fn record(
        &mut self,
        actor: &mut (impl Policy + ?Sized),
        teacher: &(impl Teacher<f32> + ?Sized),
        env: &mut (impl Env + ?Sized),
        steps: usize,
        seed: u64,
    ) -> Result<()> {
        let mut observation = env.reset(Some(seed))?.to_vec();
        for _ in 0..steps {
            check_observation(&observation, self.observation_len)?;
            let row = aview1(&observation).insert_axis(Axis(0));
            let said = SoftTargets::from_teacher(teacher, &row)?;
            self.push(&observation, said.logits().row(0).as_slice().unwrap_or_default())?;
            let step = env.step(actor.act(&observation)?)?;
            let next = if step.done() { env.reset(None)? } else { step.observation };
            observation.clear();
            observation.extend_from_slice(next);
        }
        Ok(())
    }

    /// Fills `batch` with `len` observations drawn uniformly.
    pub(crate) fn sample<R: Rng + ?Sized>(
        &mut self,
        len: usize,
        rng: &mut R,
        batch: &mut Batch,
    ) -> Result<()> {
        Ok(self.buffer.sample(len, rng, batch)?)
    }

    /// The observations `[batch, observation]` and teacher's values `[batch, actions]` of a batch.
    pub(crate) fn columns<'b>(
        &self,
        batch: &'b Batch,
    ) -> Result<(ArrayView2<'b, f32>, ArrayView2<'b, f32>)> {
        Ok((batch.matrix(self.observation)?, batch.matrix(self.teacher_values)?))
    }

    /// How many observations it holds.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The number of actions.
    pub fn actions(&self) -> usize {
        self.actions
    }
}
