//! The training loop: epochs of shuffled mini-batches.

mod progress;
mod training;

use std::ops::ControlFlow;

use ndarray::ArrayRef2;
use rand::Rng;
use reflux_softmax::Real;

use crate::error::check_positive;
use crate::{Error, Mlp, Objective, Optimizer, Result, Schedule};
pub use progress::{Best, Epoch, Progress};
pub use training::Training;

/// How long and in what portions to train.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use ndarray::array;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, accuracy};
///
/// // Exclusive or, which no linear model can learn.
/// let inputs = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let labels = [0, 1, 1, 0];
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
/// let mut mlp = Mlp::new(MlpConfig::new(2, &[16], 2)?, rng)?;
///
/// let (mut objective, mut adam) = (HardLabels::new(&labels), Adam::new(0.02)?);
/// Fit::new(200, 4)?.run(&mut mlp, &inputs, &mut objective, &mut adam, rng, |epoch| {
///     if epoch.loss < 0.01 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// })?;
/// assert_eq!(accuracy(&mlp.predict(&inputs)?, &labels)?, 1.0);
/// # Ok::<(), reflux_nn::Error>(())
/// ```
///
/// With a validation set, an early end and the best weights of all epochs:
///
/// ```
/// # use ndarray::array;
/// # use rand::SeedableRng;
/// # use rand_xoshiro::Xoshiro256PlusPlus;
/// # use reflux_nn::{Adam, Fit, HardLabels, Mlp, MlpConfig, mean_loss};
/// # let (inputs, labels) = (array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]);
/// # let (held_out, held_labels) = (inputs.clone(), labels);
/// # let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
/// # let mut mlp = Mlp::new(MlpConfig::new(2, &[16], 2)?, rng)?;
/// # let mut adam = Adam::new(0.02)?;
/// let mut objective = HardLabels::new(&labels);
/// let mut held_objective = HardLabels::new(&held_labels);
/// let progress = Fit::new(500, 4)?
///     .with_early_stopping(10)
///     .with_best_weights(true)
///     .on(&inputs, &mut objective)
///     .validate(|mlp| mean_loss(mlp, &held_out, &mut held_objective))
///     .run(&mut mlp, &mut adam, rng)?;
/// let best = progress.best().expect("there was at least one epoch");
/// println!("epoch {} of {} was the best: {}", best.epoch, progress.epochs(), best.score);
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    epochs: usize,
    batch_size: usize,
    schedule: Schedule,
    shuffle: bool,
    clip_norm: Option<f64>,
    max_norm: Option<f64>,
    patience: Option<usize>,
    best_weights: bool,
}

impl Fit {
    /// `epochs` passes over the data in batches of `batch_size` rows (the last of an epoch may be
    /// smaller), at a constant learning rate.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a batch size of 0.
    pub fn new(epochs: usize, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::config("batch size", "at least 1", batch_size));
        }
        Ok(Self {
            epochs,
            batch_size,
            schedule: Schedule::constant(),
            shuffle: true,
            clip_norm: None,
            max_norm: None,
            patience: None,
            best_weights: false,
        })
    }

    /// Lowers the learning rate from its initial value to 0 along half a cosine: short for
    /// [`with_schedule`](Self::with_schedule) with [`Schedule::cosine`].
    pub fn with_cosine_schedule(self) -> Self {
        Self { schedule: Schedule::cosine_to_zero(), ..self }
    }

    /// Multiplies the optimizer's learning rate by what the schedule says at each step. It is set back
    /// afterwards.
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// Whether each epoch takes the rows in an order of its own (the default) or as they come.
    /// Without, and with nothing that changes the batches, these are views of the data.
    pub fn with_shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self }
    }

    /// Scales each step's gradients down to at most this norm: [`clip_norm`](crate::clip_norm()).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and above 0.
    pub fn with_clip_norm(self, max_norm: f64) -> Result<Self> {
        Ok(Self { clip_norm: Some(check_positive("the norm to clip at", max_norm)?), ..self })
    }

    /// After each step, scales the incoming weights of each unit down to at most this norm:
    /// [`Mlp::clip_max_norm`].
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and above 0.
    pub fn with_max_norm(self, max_norm: f64) -> Result<Self> {
        Ok(Self { max_norm: Some(check_positive("max-norm", max_norm)?), ..self })
    }

    /// Ends the training when the validation score has not been better than its best for `patience`
    /// epochs. Needs [`Training::validate`].
    pub fn with_early_stopping(self, patience: usize) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// At the end, sets the network to the parameters of the epoch with the best validation score.
    /// Needs [`Training::validate`].
    pub fn with_best_weights(self, best_weights: bool) -> Self {
        Self { best_weights, ..self }
    }

    /// The number of epochs.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// The number of rows in a batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// A training on `inputs` `[rows, features]` towards `objective`, to be told what else it needs
    /// and then run.
    pub fn on<'a, F: Real>(
        &self,
        inputs: &'a ArrayRef2<F>,
        objective: &'a mut dyn Objective<F>,
    ) -> Training<'a, F> {
        Training::new(*self, inputs, objective)
    }

    /// Trains `mlp` on `inputs` `[rows, features]` towards `objective`, in an order drawn from `rng`
    /// for each epoch. Calls `observe` after each; it may end the training. (A closure that is kept in
    /// a variable first has to name its argument's type: `|epoch: &Epoch<'_>| ...`.)
    ///
    /// # Errors
    ///
    /// Those of [`Training::run`].
    pub fn run<F: Real, R: Rng + ?Sized>(
        &self,
        mlp: &mut Mlp<F>,
        inputs: &ArrayRef2<F>,
        objective: &mut dyn Objective<F>,
        optimizer: &mut dyn Optimizer<F>,
        rng: &mut R,
        observe: impl FnMut(&Epoch<'_, F>) -> ControlFlow<()>,
    ) -> Result<Progress<F>> {
        self.on(inputs, objective).observe(observe).run(mlp, optimizer, rng)
    }
}
