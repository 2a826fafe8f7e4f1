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
    #[error("state element {index} must be in [-{limit}, {limit}], got {value}")]
    StateOutOfRange {
        /// Position of the element in the state.
        index: usize,
        /// The value that was given.
        value: f64,
        /// The largest legal magnitude of this element.
        limit: f64,
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
    /// The first `reset` had no seed and the operating system gave no random one.
    #[error("no random seed from the operating system ({reason}): pass a seed to reset")]
    NoEntropy {
        /// What the operating system said.
        reason: String,
    },
    /// For environments outside this crate: a failure that no other variant names.
    ///
    /// What it leaves behind is up to that environment.
    #[error("the environment failed: {0}")]
    Environment(String),
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_value_and_the_legal_range() {
        let action = Error::ActionOutOfRange { action: 7, n: 2 };
        assert_eq!(action.to_string(), "action must be in 0..2, got 7");
        let state = Error::StateOutOfRange { index: 0, value: -3.0, limit: 2.4 };
        assert_eq!(state.to_string(), "state element 0 must be in [-2.4, 2.4], got -3");
    }
}
