//! A student of a policy: trained from a teacher's values in a replay buffer, without rewards.

use std::ops::ControlFlow;

use ndarray::ArrayRef2;
use rand::Rng;
use reflux_nn::{Adam, Mlp, Optimizer, Workspace};
use reflux_replay::Batch;

use crate::error::{check_above_zero, check_length, check_positive};
use crate::{Error, PolicyLoss, PolicyMemory, Result};

/// How a student learns a policy from a [`PolicyMemory`] (Rusu et al. 2015, arXiv:1511.06295).
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_dqn::{PolicyDistillation, PolicyMemory};
/// use reflux_nn::{Mlp, MlpConfig, argmax};
///
/// // A teacher that prefers action 1 where the observation is positive.
/// let mut memory = PolicyMemory::new(1, 2, 100)?;
/// for x in -50..50 {
///     let x = x as f32 / 50.0 + 0.01;
///     memory.push(&[x], &[0.0, x])?;
/// }
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut student = Mlp::new(MlpConfig::new(1, &[], 2)?, rng)?;
/// let distillation = PolicyDistillation::new().with_updates(500)?.with_learning_rate(0.01)?;
/// distillation.run(&mut student, &mut memory, rng, |_| ControlFlow::Continue(()))?;
/// for x in [-0.5, 0.5] {
///     let values = student.predict(&ndarray::array![[x]])?;
///     assert_eq!(argmax(values.row(0)), usize::from(x > 0.0));
/// }
/// # Ok::<(), reflux_dqn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", default, deny_unknown_fields))]
pub struct PolicyDistillation {
    loss: PolicyLoss,
    updates: u64,
    batch_size: usize,
    learning_rate: f64,
}

impl Default for PolicyDistillation {
    fn default() -> Self {
        Self { loss: PolicyLoss::default(), updates: 10_000, batch_size: 64, learning_rate: 1e-3 }
    }
}

/// What an observer is shown after each update.
#[derive(Debug)]
#[non_exhaustive]
pub struct Distilled<'a> {
    /// Which update it was, from 1.
    pub update: u64,
    /// The mean loss of its batch, taken before the step.
    pub loss: f64,
    /// The student as it is now.
    pub student: &'a Mlp,
}

impl PolicyDistillation {
    /// The paper's loss; 10,000 updates of 64 observations with Adam at 0.001, which is plenty for a
    /// task of CartPole's size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the loss.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a temperature that is not finite and above 0.
    pub fn with_loss(self, loss: PolicyLoss) -> Result<Self> {
        Self { loss, ..self }.checked()
    }

    /// Sets the number of updates.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for 0.
    pub fn with_updates(self, updates: u64) -> Result<Self> {
        Self { updates, ..self }.checked()
    }

    /// Sets how many observations are sampled for an update.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for 0.
    pub fn with_batch_size(self, batch_size: usize) -> Result<Self> {
        Self { batch_size, ..self }.checked()
    }

    /// Sets Adam's step size.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and above 0.
    pub fn with_learning_rate(self, learning_rate: f64) -> Result<Self> {
        Self { learning_rate, ..self }.checked()
    }

    /// The loss.
    pub fn loss(&self) -> PolicyLoss {
        self.loss
    }

    /// The number of updates.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Observations an update.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Adam's step size.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// Trains `student` on batches drawn from `memory` with `rng`. Calls `observe` after each
    /// update; it may end the training.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] where the student's outputs are not as many as the actions,
    /// [`Error::Replay`] for an empty memory, [`Error::Diverged`] for a loss that is not finite, with
    /// the student as it was before that update.
    pub fn run<R: Rng + ?Sized>(
        &self,
        student: &mut Mlp,
        memory: &mut PolicyMemory,
        rng: &mut R,
        mut observe: impl FnMut(&Distilled<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        check_length("the student's outputs", memory.actions(), student.config().outputs())?;
        let (mut learner, mut batch) = (Learner::new(self)?, Batch::new());
        for update in 1..=self.updates {
            memory.sample(self.batch_size, rng, &mut batch)?;
            let (observations, teacher) = memory.columns(&batch)?;
            let loss = learner.update(student, &observations, &teacher)?;
            if observe(&Distilled { update, loss, student }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn checked(self) -> Result<Self> {
        self.loss.checked()?;
        check_positive("updates", self.updates)?;
        check_positive("batch size", self.batch_size as u64)?;
        check_above_zero("learning rate", self.learning_rate)?;
        Ok(self)
    }
}

/// Updates of one student, with what it takes from one to the next.
#[derive(Debug)]
pub(crate) struct Learner {
    loss: PolicyLoss,
    pub(crate) adam: Adam,
    workspace: Workspace,
    pub(crate) updates: u64,
}

impl Learner {
    pub(crate) fn new(distillation: &PolicyDistillation) -> Result<Self> {
        let (loss, adam) = (distillation.loss, Adam::new(distillation.learning_rate)?);
        Ok(Self { loss, adam, workspace: Workspace::new(), updates: 0 })
    }

    /// One step of Adam towards the `teacher`'s values `[batch, actions]` of the `observations`. Returns
    /// the mean loss before it; one that is not finite is an error, with the student as it was.
    pub(crate) fn update(
        &mut self,
        student: &mut Mlp,
        observations: &ArrayRef2<f32>,
        teacher: &ArrayRef2<f32>,
    ) -> Result<f64> {
        student.forward(observations, &mut self.workspace)?;
        let (values, mut gradient) = self.workspace.outputs_and_gradient_mut();
        let loss = self.loss.value_and_gradient(&values, teacher, &mut gradient)?;
        let loss = f64::from(loss);
        if !loss.is_finite() {
            return Err(Error::Diverged { update: self.updates, loss });
        }
        student.backward(observations, &mut self.workspace)?;
        self.adam.step(student.parameters_mut(), self.workspace.gradients())?;
        self.updates += 1;
        Ok(loss)
    }

    pub(crate) fn updates(&self) -> u64 {
        self.updates
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for PolicyDistillation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for PolicyDistillation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)?.checked().map_err(serde::de::Error::custom)
    }
}
