//! The one error type of the crate.

/// What can go wrong in `reflux-dqn`, with the value that was wrong and the values that are legal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its legal range.
    #[error("{name} must be {legal}, got {got}")]
    Config {
        /// The setting.
        name: &'static str,
        /// What it may be.
        legal: &'static str,
        /// What it was.
        got: String,
    },
    /// Two things that should be of one size are not.
    #[error("{what} must have length {expected}, got {got}")]
    Length {
        /// What has the wrong length.
        what: &'static str,
        /// The length that fits.
        expected: usize,
        /// The length that came.
        got: usize,
    },
    /// An environment panicked; it has to be reset before it can go on.
    #[error("the environment panicked: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
    /// The environment gave an observation or a reward that is NaN or infinite.
    #[error("the environment's {what} must be finite, got {value} at index {index}")]
    NonFinite {
        /// Observation or reward.
        what: &'static str,
        /// Where in it.
        index: usize,
        /// The value.
        value: f32,
    },
    /// The environment's actions cannot be numbered.
    #[error("deep Q-learning needs a discrete action space, got {0}")]
    ActionSpace(String),
    /// A run cannot be saved, or what was saved is not this run.
    #[error("the run: {problem}")]
    Run {
        /// What is wrong with it.
        problem: String,
    },
    /// A run was saved with other settings than those with which it should go on.
    #[error("{setting} was {saved} when the run was saved, and is {given} now")]
    Differs {
        /// The first setting that differs.
        setting: String,
        /// What it was.
        saved: String,
        /// What it is.
        given: String,
    },
    /// An event could not be written.
    #[error("an event cannot be written to {to}: {source}")]
    Sink {
        /// Where to.
        to: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A transition came without the teacher's values, or an agent without a teacher got some.
    #[error("the agent {0}")]
    Teacher(&'static str),
    /// The loss or its gradient became NaN or infinite; the networks are those before this update.
    #[error(
        "loss became {loss} at update {update}; the network is as it was before: \
         lower the learning rate or clip rewards"
    )]
    Diverged {
        /// The update, from 0.
        update: u64,
        /// The loss.
        loss: f64,
    },
    /// The buffer refused something.
    #[error(transparent)]
    Replay(#[from] reflux_replay::Error),
    /// The environment failed.
    #[error(transparent)]
    Env(#[from] reflux_envs::Error),
    /// A network refused its input.
    #[error(transparent)]
    Nn(#[from] reflux_nn::Error),
    /// A loss refused its input.
    #[error(transparent)]
    Softmax(#[from] reflux_softmax::Error),
    /// A teacher failed.
    #[error(transparent)]
    Distill(#[from] reflux_distill::Error),
}

impl Error {
    pub(crate) fn run(problem: impl std::fmt::Display) -> Self {
        Self::Run { problem: problem.to_string() }
    }

    pub(crate) fn config(
        name: &'static str,
        legal: &'static str,
        got: impl std::fmt::Display,
    ) -> Self {
        Self::Config { name, legal, got: got.to_string() }
    }
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `length` if it is what was expected.
pub(crate) fn check_length(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::Length { what, expected, got }) }
}

/// A setting that counts something and cannot be 0.
pub(crate) fn check_positive(name: &'static str, count: u64) -> Result<()> {
    if count > 0 { Ok(()) } else { Err(Error::config(name, "at least 1", count)) }
}

/// A setting that is a probability or a fraction.
pub(crate) fn check_fraction(name: &'static str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(Error::config(name, "between 0 and 1", value))
    }
}

/// A setting that is a size, a step or a bound.
pub(crate) fn check_above_zero(name: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(Error::config(name, "finite and above 0", value))
    }
}
