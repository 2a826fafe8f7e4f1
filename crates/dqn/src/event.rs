//! What happens while an agent learns.

use crate::Update;

/// What an observer of a training is told, and what goes into an [`EventSink`](crate::EventSink).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An episode has ended.
    Episode {
        /// In which of the environments.
        actor: usize,
        /// The sum of its rewards, undiscounted.
        total_reward: f64,
        /// Its number of steps.
        length: u64,
    },
    /// A round of updates has been made; this is the last of them.
    Learned(Update),
    /// The policy was tried out without exploration.
    Evaluated {
        /// The mean return.
        mean_return: f64,
        /// The smallest return.
        worst_return: f64,
        /// Over so many episodes.
        episodes: usize,
        /// Whether no mean was larger before.
        best: bool,
    },
}

impl Event {
    /// Its name, in snake case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Episode { .. } => "episode",
            Self::Learned(_) => "learned",
            Self::Evaluated { .. } => "evaluated",
        }
    }

    /// Its numbers, each with its name; a flag is 0 or 1.
    pub fn numbers(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Self::Episode { actor, total_reward, length } => vec![
                ("actor", actor as f64),
                ("total_reward", total_reward),
                ("length", length as f64),
            ],
            Self::Learned(Update { loss, mean_q, gradient_norm }) => {
                vec![("loss", loss), ("mean_q", mean_q), ("gradient_norm", gradient_norm)]
            }
            Self::Evaluated { mean_return, worst_return, episodes, best } => vec![
                ("mean_return", mean_return),
                ("worst_return", worst_return),
                ("episodes", episodes as f64),
                ("best", f64::from(u8::from(best))),
            ],
        }
    }
}
