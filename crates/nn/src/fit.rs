//! The training loop: epochs of shuffled mini-batches.

use std::ops::ControlFlow;

use ndarray::{ArrayRef2, ArrayViewMut2};
use rand::Rng;
use rand::seq::SliceRandom;
use reflux_softmax::Real;

use crate::mlp::check_finite;
use crate::{Error, Mlp, Objective, Optimizer, Result, Workspace};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    epochs: usize,
    batch_size: usize,
    cosine: bool,
}

/// What an observer is shown after each epoch.
#[derive(Debug)]
#[non_exhaustive]
pub struct Epoch<'a, F = f32> {
    /// Which epoch has ended, from 1.
    pub number: usize,
    /// Optimizer steps so far.
    pub steps: u64,
    /// The mean loss over the epoch's rows, each taken before its step.
    pub loss: f64,
    /// The network as it is now.
    pub mlp: &'a Mlp<F>,
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
        Ok(Self { epochs, batch_size, cosine: false })
    }

    /// Lowers the learning rate from its initial value to 0 along half a cosine (Loshchilov & Hutter
    /// 2017, arXiv:1608.03983). It is set back afterwards.
    pub fn with_cosine_schedule(self) -> Self {
        Self { cosine: true, ..self }
    }

    /// The number of epochs.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// Trains `mlp` on `inputs` `[rows, features]` towards `objective`, in an order drawn from `rng`
    /// for each epoch. Calls `observe` after each; it may end the training.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for inputs that do not fit the network or the objective,
    /// [`Error::TooFewRows`] for none, [`Error::NonFinite`] for a NaN among them, and whatever the
    /// objective or the optimizer refuses. [`Error::Diverged`] for a loss that is not finite: the
    /// parameters are then those that gave it.
    pub fn run<F: Real, R: Rng + ?Sized>(
        &self,
        mlp: &mut Mlp<F>,
        inputs: &ArrayRef2<F>,
        objective: &mut (impl Objective<F> + ?Sized),
        optimizer: &mut (impl Optimizer<F> + ?Sized),
        rng: &mut R,
        observe: impl FnMut(&Epoch<'_, F>) -> ControlFlow<()>,
    ) -> Result<()> {
        if objective.rows() != inputs.nrows() {
            let expected = vec![objective.rows(), mlp.config().inputs()];
            return Err(Error::Shape { what: "inputs", expected, got: inputs.shape().to_vec() });
        }
        if inputs.nrows() == 0 {
            return Err(Error::TooFewRows { what: "training", needed: 1, got: 0 });
        }
        check_finite("inputs", inputs.iter())?;
        let initial_rate = optimizer.learning_rate();
        let result = self.run_epochs(mlp, inputs, objective, optimizer, rng, observe);
        optimizer.set_learning_rate(initial_rate)?;
        result
    }

    fn run_epochs<F: Real, R: Rng + ?Sized>(
        &self,
        mlp: &mut Mlp<F>,
        inputs: &ArrayRef2<F>,
        objective: &mut (impl Objective<F> + ?Sized),
        optimizer: &mut (impl Optimizer<F> + ?Sized),
        rng: &mut R,
        mut observe: impl FnMut(&Epoch<'_, F>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut order: Vec<usize> = (0..inputs.nrows()).collect();
        let mut batch_memory = Vec::new();
        let mut workspace = Workspace::new();
        let initial_rate = optimizer.learning_rate();
        let all_steps = self.epochs * inputs.nrows().div_ceil(self.batch_size);
        let mut steps = 0;
        for number in 1..=self.epochs {
            order.shuffle(rng);
            let mut loss_sum = 0.0;
            for rows in order.chunks(self.batch_size) {
                if self.cosine {
                    let progress = steps as f64 / all_steps as f64;
                    let factor = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
                    optimizer.set_learning_rate(initial_rate * factor)?;
                }
                let batch = gather(inputs, rows, &mut batch_memory);
                mlp.forward(&batch, &mut workspace)?;
                let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
                // A network whose weights have blown up gives logits that a loss would refuse as if
                // the caller had given them.
                if let Some(&bad) = outputs.iter().find(|x| !x.is_finite()) {
                    return Err(Error::Diverged { step: steps, loss: bad.as_f64() });
                }
                let loss = objective.value_and_gradient(rows, &outputs, &mut gradient)?.as_f64();
                if !loss.is_finite() {
                    return Err(Error::Diverged { step: steps, loss });
                }
                mlp.backward(&batch, &mut workspace)?;
                optimizer.step(mlp.parameters_mut(), workspace.gradients())?;
                loss_sum += loss * rows.len() as f64;
                steps += 1;
            }
            let loss = loss_sum / inputs.nrows() as f64;
            if observe(&Epoch { number, steps, loss, mlp }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The given rows of `inputs`, copied into memory that is reused.
#[allow(clippy::expect_used)]
fn gather<'m, F: Real>(
    inputs: &ArrayRef2<F>,
    rows: &[usize],
    memory: &'m mut Vec<F>,
) -> ArrayViewMut2<'m, F> {
    memory.clear();
    for &row in rows {
        memory.extend(inputs.row(row));
    }
    ArrayViewMut2::from_shape((rows.len(), inputs.ncols()), memory).expect("as long as its rows")
}
