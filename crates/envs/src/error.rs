//! The one error type of the crate.

/// What can go wrong when an environment is built, reset or stepped.
///
/// An environment is unchanged by a call that fails, unless the variant says otherwise.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `step` was given an action that the action space does not have.
    #[error("action must be in 0..{n}, got {action}")]
    ActionOutOfRange {
        /// The action that was asked for.
        action: usize,
        /// The number of actions there are.
        n: usize,
    },
    /// `step` was called before the first `reset`.
    #[error("step was called before the first reset: call reset to start an episode")]
    StepBeforeReset,
    /// `step` was called after a step that was terminated or truncated.
    #[error("step was called after the end of the episode: call reset to start the next one")]
    StepAfterEnd,
    /// A state was set that an episode cannot go on from.
    #[error("state element {index} must be in [{low}, {high}], got {value}")]
    StateOutOfRange {
        /// Position of the element in the state.
        index: usize,
        /// The value that was given.
        value: f64,
        /// The smallest legal value of this element.
        low: f64,
        /// The largest legal value of this element.
        high: f64,
    },
    /// A state was set at which an episode is over, such as a hole in the ice.
    #[error("no episode goes on from state {state}, which is terminal")]
    TerminalState {
        /// The state that was given.
        state: usize,
    },
    /// An outcome was chosen that the action does not have in this state.
    #[error("outcome must be in 0..{n}, got {outcome}")]
    OutcomeOutOfRange {
        /// The outcome that was asked for.
        outcome: usize,
        /// The number of outcomes there are.
        n: usize,
    },
    /// A setting has a value that makes no sense.
    #[error("{name} must be {legal}, got {value}")]
    Setting {
        /// The name of the setting.
        name: &'static str,
        /// What it may be.
        legal: &'static str,
        /// What it was.
        value: f64,
    },
    /// A time limit of no steps.
    #[error("time limit must be at least 1 step, got 0")]
    ZeroTimeLimit,
    /// A discrete space of no elements.
    #[error("a discrete space must have at least 1 element, got 0")]
    EmptySpace,
    /// The two bounds of a box have different lengths.
    #[error("box bounds must be equally long, got {low} lower and {high} upper bounds")]
    BoundsLength {
        /// Number of lower bounds.
        low: usize,
        /// Number of upper bounds.
        high: usize,
    },
    /// A lower bound of a box is above the upper one, or one of them is NaN.
    #[error("box bounds of element {index} must be low <= high and not NaN, got [{low}, {high}]")]
    Bounds {
        /// Position of the element in the box.
        index: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
    /// A box of so many elements cannot have this shape.
    #[error("a box of {len} elements cannot have the shape {shape:?}")]
    Shape {
        /// The shape that was asked for.
        shape: Vec<usize>,
        /// The number of elements of the box.
        len: usize,
    },
    /// A wrapper or a vectorised form needs a space of another kind.
    #[error("{user} needs {needed}")]
    SpaceKind {
        /// What needs it.
        user: &'static str,
        /// The space that it needs.
        needed: &'static str,
    },
    /// A map of a frozen lake that cannot be played on.
    #[error("map of the lake: {0}")]
    Map(#[from] crate::MapError),
    /// The first `reset` had no seed and the operating system gave no random one.
    #[error("no random seed from the operating system ({reason}): pass a seed to reset")]
    NoEntropy {
        /// What the operating system said.
        reason: String,
    },
    /// An environment gave an observation of another length than its space says.
    #[error("the environment gave an observation of {got} numbers, its space has {expected}")]
    ObservationLength {
        /// The length of its observation space.
        expected: usize,
        /// The length of the observation.
        got: usize,
    },
    /// An environment gave an observation with NaN or infinity in it.
    #[error("element {index} of the environment's observation must be finite, got {value}")]
    ObservationNotFinite {
        /// Position of the first such element.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// An environment gave an observation that its discrete space does not have.
    #[error("the environment's observation must be a whole number in 0..{n}, got {value}")]
    ObservationNotInSpace {
        /// The observation.
        value: f32,
        /// The number of elements of the space.
        n: usize,
    },
    /// An environment gave a reward that is NaN or infinite.
    #[error("the environment's reward must be finite, got {value}")]
    RewardNotFinite {
        /// The reward.
        value: f32,
    },
    /// A vectorised form without environments.
    #[error("a vectorised form needs at least 1 environment, got 0")]
    NoEnvironments,
    /// The environments of a vectorised form differ in a space.
    #[error("environment {index} has other spaces than environment 0")]
    SpacesDiffer {
        /// Position of the first that differs.
        index: usize,
    },
    /// A vectorised form was given too many or too few actions, seeds or flags.
    #[error("there must be as many {what} as environments, {expected}, got {got}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// The number of environments.
        expected: usize,
        /// How many there were.
        got: usize,
    },
    /// A vectorised form has not been reset yet, or one of its environments failed at its last step
    /// or reset.
    #[error("all environments must be reset first: there was no reset yet, or one of them failed")]
    ResetNeeded,
    /// Something went wrong in one environment of a vectorised form.
    #[error("environment {index}: {source}")]
    InEnvironment {
        /// The position of the environment.
        index: usize,
        /// What went wrong.
        source: Box<Error>,
    },
    /// An environment breaks a rule of [`Env`](crate::Env); found by
    /// [`check_env`](crate::check_env).
    #[error("the environment breaks a rule of Env: {0}")]
    Contract(String),
    /// For environments outside this crate: a failure that no other variant names.
    ///
    /// What it leaves behind is up to that environment.
    #[error("the environment failed: {0}")]
    Environment(String),
}

impl Error {
    /// This error, in the environment at `index` of several.
    pub(crate) fn in_environment(self, index: usize) -> Self {
        Self::InEnvironment { index, source: Box::new(self) }
    }
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error unless each element of a state is in its range.
pub(crate) fn check_state(state: &[f64], ranges: &[(f64, f64)]) -> Result<()> {
    for (index, (&value, &(low, high))) in state.iter().zip(ranges).enumerate() {
        // Written so that NaN, which compares as false, is refused.
        let within = low <= value && value <= high;
        if !within {
            return Err(Error::StateOutOfRange { index, value, low, high });
        }
    }
    Ok(())
}

/// An error unless an observation is of length `len` and finite.
#[inline]
pub(crate) fn check_observation(observation: &[f32], len: usize) -> Result<()> {
    if observation.len() != len {
        return Err(Error::ObservationLength { expected: len, got: observation.len() });
    }
    match observation.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::ObservationNotFinite { index, value: observation[index] }),
        None => Ok(()),
    }
}

/// An error unless a reward is finite.
#[inline]
pub(crate) fn check_reward(value: f32) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(Error::RewardNotFinite { value }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_value_and_the_legal_range() {
        let action = Error::ActionOutOfRange { action: 7, n: 2 };
        assert_eq!(action.to_string(), "action must be in 0..2, got 7");
        let state = Error::StateOutOfRange { index: 0, value: -3.0, low: -2.4, high: 2.4 };
        assert_eq!(state.to_string(), "state element 0 must be in [-2.4, 2.4], got -3");
        let inside = Error::RewardNotFinite { value: f32::NAN }.in_environment(3);
        let message = "environment 3: the environment's reward must be finite, got NaN";
        assert_eq!(inside.to_string(), message);
    }
}
