//! How far a training has come: what an observer is shown, and what it takes to go on later.

use reflux_softmax::Real;

use crate::{Mlp, Optimizer};

/// What an observer is shown after each epoch.
#[non_exhaustive]
pub struct Epoch<'a, F = f32> {
    /// Which epoch has ended, from 1.
    pub number: usize,
    /// Optimizer steps so far.
    pub steps: u64,
    /// The mean loss over the epoch's rows, each taken before its step.
    pub loss: f64,
    /// What [`Training::validate`](crate::Training::validate) said, where there is such a thing.
    pub validation: Option<f64>,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// The network as it is now.
    pub mlp: &'a Mlp<F>,
    /// The optimizer as it is now.
    pub optimizer: &'a dyn Optimizer<F>,
    /// What [`Training::resume`](crate::Training::resume) takes to go on from here.
    pub progress: &'a Progress<F>,
}

impl<F: std::fmt::Debug> std::fmt::Debug for Epoch<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoch")
            .field("number", &self.number)
            .field("steps", &self.steps)
            .field("loss", &self.loss)
            .field("validation", &self.validation)
            .field("learning_rate", &self.learning_rate)
            .finish_non_exhaustive()
    }
}

/// Where a training stands between two epochs. With the network and the optimizer of that moment, it
/// goes on as if it had never stopped.
///
/// It takes so little because each epoch draws its random numbers from a stream of its own, which the
/// seed and the epoch's number determine.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress<F = f32> {
    pub(super) seed: u64,
    pub(super) epochs: usize,
    pub(super) steps: u64,
    pub(super) best: Option<Best<F>>,
}

/// The epoch with the best validation score, so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Best<F = f32> {
    /// Which epoch it was, from 1.
    pub epoch: usize,
    /// Its score, the smaller the better.
    pub score: f64,
    /// The parameters after it, where the training keeps them.
    pub parameters: Option<Vec<F>>,
}

impl<F: Real> Progress<F> {
    /// That of a training with this seed after so many epochs and steps.
    pub fn new(seed: u64, epochs: usize, steps: u64) -> Self {
        Self { seed, epochs, steps, best: None }
    }

    /// The same with the best epoch so far.
    pub fn with_best(self, best: Option<Best<F>>) -> Self {
        Self { best, ..self }
    }

    /// What every random number of the training comes from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of epochs done.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// The number of optimizer steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The epoch with the best validation score, where there is validation.
    pub fn best(&self) -> Option<&Best<F>> {
        self.best.as_ref()
    }
}
