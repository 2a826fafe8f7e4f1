//! One training: the data, the objective, and what is called on the way.

use std::ops::ControlFlow;

use ndarray::{ArrayRef2, ArrayViewMut2};
use rand::seq::SliceRandom;
use rand::{Rng, RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_softmax::Real;

use super::{Best, Epoch, Fit, Progress};
use crate::mlp::check_finite;
use crate::workspace::view;
use crate::{Error, Mlp, Objective, Optimizer, Result, Workspace, clip_norm, gather_rows};

type Observer<'a, F> = Box<dyn FnMut(&Epoch<'_, F>) -> ControlFlow<()> + 'a>;
type Validation<'a, F> = Box<dyn FnMut(&Mlp<F>) -> Result<f64> + 'a>;
type Augmentation<'a, F> = Box<dyn FnMut(ArrayViewMut2<'_, F>, &mut dyn RngCore) + 'a>;

/// A training that [`Fit::on`] has begun to describe.
pub struct Training<'a, F = f32> {
    fit: Fit,
    inputs: &'a ArrayRef2<F>,
    objective: &'a mut dyn Objective<F>,
    observe: Option<Observer<'a, F>>,
    validate: Option<Validation<'a, F>>,
    augment: Option<Augmentation<'a, F>>,
    progress: Option<Progress<F>>,
}

impl<F> std::fmt::Debug for Training<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Training").field("fit", &self.fit).finish_non_exhaustive()
    }
}

impl<'a, F: Real> Training<'a, F> {
    pub(super) fn new(
        fit: Fit,
        inputs: &'a ArrayRef2<F>,
        objective: &'a mut dyn Objective<F>,
    ) -> Self {
        let (observe, validate, augment) = (None, None, None);
        Self { fit, inputs, objective, observe, validate, augment, progress: None }
    }

    /// Calls `observe` after each epoch; it may end the training.
    pub fn observe(self, observe: impl FnMut(&Epoch<'_, F>) -> ControlFlow<()> + 'a) -> Self {
        Self { observe: Some(Box::new(observe)), ..self }
    }

    /// Calls `score` after each epoch for how good the network is on data that it does not train on,
    /// the smaller the better: [`mean_loss`](crate::mean_loss), or an error rate.
    pub fn validate(self, score: impl FnMut(&Mlp<F>) -> Result<f64> + 'a) -> Self {
        Self { validate: Some(Box::new(score)), ..self }
    }

    /// Changes each batch `[batch, features]`, a copy, before the network sees it: jittered images,
    /// say. What it draws from its generator is part of the training, which a resumed one repeats.
    pub fn augment(self, change: impl FnMut(ArrayViewMut2<'_, F>, &mut dyn RngCore) + 'a) -> Self {
        Self { augment: Some(Box::new(change)), ..self }
    }

    /// Goes on from where another training of the same [`Fit`] stood, with the network and the
    /// optimizer of that moment. The result is bit-equal to that of a training without the pause.
    pub fn resume(self, progress: Progress<F>) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// Trains `mlp` with `optimizer`. All that is random is drawn from one seed, which comes from
    /// `rng`, or from the [`Progress`] of a training that is resumed.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for inputs that do not fit the network or the objective,
    /// [`Error::TooFewRows`] for none, [`Error::NonFinite`] for a NaN among them,
    /// [`Error::Config`] where early stopping or best weights have no validation, and whatever the
    /// objective, the validation or the optimizer refuses. [`Error::Diverged`] for a loss that is not
    /// finite: the parameters are then those that gave it.
    pub fn run<R: Rng + ?Sized>(
        mut self,
        mlp: &mut Mlp<F>,
        optimizer: &mut dyn Optimizer<F>,
        rng: &mut R,
    ) -> Result<Progress<F>> {
        self.check(mlp)?;
        let mut progress =
            self.progress.take().unwrap_or_else(|| Progress::new(rng.random(), 0, 0));
        let initial_rate = optimizer.learning_rate();
        let result = self.epochs(mlp, optimizer, &mut progress);
        optimizer.set_learning_rate(initial_rate)?;
        result?;
        if self.fit.best_weights
            && let Some(parameters) =
                progress.best.as_ref().and_then(|best| best.parameters.as_ref())
        {
            mlp.parameters_mut().copy_from_slice(parameters);
        }
        Ok(progress)
    }

    fn check(&self, mlp: &Mlp<F>) -> Result<()> {
        let inputs = self.inputs;
        let expected = [self.objective.rows(), mlp.config().inputs()];
        if inputs.shape() != expected {
            let (expected, got) = (expected.to_vec(), inputs.shape().to_vec());
            return Err(Error::Shape { what: "inputs", expected, got });
        }
        if inputs.nrows() == 0 {
            return Err(Error::TooFewRows { what: "training", needed: 1, got: 0 });
        }
        let needs_validation = self.fit.patience.is_some() || self.fit.best_weights;
        if needs_validation && self.validate.is_none() {
            let name = "early stopping and best weights";
            return Err(Error::config(name, "used with a validation", "none"));
        }
        let best = self.progress.as_ref().and_then(|progress| progress.best.as_ref());
        if let Some(parameters) = best.and_then(|best| best.parameters.as_ref())
            && parameters.len() != mlp.parameters().len()
        {
            return Err(Error::Shape {
                what: "the best parameters of the training to resume",
                expected: vec![mlp.parameters().len()],
                got: vec![parameters.len()],
            });
        }
        check_finite("inputs", inputs.iter())
    }

    fn epochs(
        &mut self,
        mlp: &mut Mlp<F>,
        optimizer: &mut dyn Optimizer<F>,
        progress: &mut Progress<F>,
    ) -> Result<()> {
        let mut memory = Memory::default();
        let initial_rate = optimizer.learning_rate();
        while progress.epochs < self.fit.epochs {
            let rng = &mut epoch_rng(progress);
            let loss = self.epoch(mlp, optimizer, progress, initial_rate, rng, &mut memory)?;
            progress.epochs += 1;
            let validation = match &mut self.validate {
                None => None,
                Some(validate) => Some(validate(mlp)?),
            };
            // As it was at the start, so that a copy of it made by the observer can go on.
            let learning_rate = optimizer.learning_rate();
            optimizer.set_learning_rate(initial_rate)?;
            let stale = validation.is_some_and(|score| self.compare(progress, score, mlp));
            let epoch = Epoch {
                number: progress.epochs,
                steps: progress.steps,
                loss,
                validation,
                learning_rate,
                mlp,
                optimizer,
                progress,
            };
            let stop = self.observe.as_mut().is_some_and(|observe| observe(&epoch).is_break());
            if stop || stale {
                break;
            }
        }
        Ok(())
    }

    /// Takes note of a validation score; whether it is time to stop.
    fn compare(&self, progress: &mut Progress<F>, score: f64, mlp: &Mlp<F>) -> bool {
        // A NaN is never better.
        if progress.best.as_ref().is_none_or(|best| score < best.score) {
            let parameters = self.fit.best_weights.then(|| mlp.parameters().to_vec());
            progress.best = Some(Best { epoch: progress.epochs, score, parameters });
        }
        let waited = progress.best.as_ref().map_or(0, |best| progress.epochs - best.epoch);
        self.fit.patience.is_some_and(|patience| waited > 0 && waited >= patience)
    }

    /// One pass over the data; the mean loss.
    fn epoch(
        &mut self,
        mlp: &mut Mlp<F>,
        optimizer: &mut dyn Optimizer<F>,
        progress: &mut Progress<F>,
        initial_rate: f64,
        rng: &mut Xoshiro256PlusPlus,
        memory: &mut Memory<F>,
    ) -> Result<f64> {
        let rows = self.inputs.nrows();
        let all_steps = self.fit.epochs * rows.div_ceil(self.fit.batch_size);
        memory.order.clear();
        memory.order.extend(0..rows);
        if self.fit.shuffle {
            memory.order.shuffle(rng);
        }
        let Memory { order, batch, workspace } = memory;
        let mut loss_sum = 0.0;
        for rows in order.chunks(self.fit.batch_size) {
            let factor = self.fit.schedule.rate_at(progress.steps, all_steps as u64);
            optimizer.set_learning_rate(initial_rate * factor)?;
            let inputs = if self.fit.shuffle || self.augment.is_some() {
                let inputs = gather_rows(self.inputs, rows, batch)?;
                if let Some(augment) = &mut self.augment {
                    augment(inputs, rng);
                }
                view((rows.len(), self.inputs.ncols()), batch)
            } else {
                self.inputs.slice(ndarray::s![rows[0]..rows[0] + rows.len(), ..])
            };
            mlp.forward_train(&inputs, workspace, rng)?;
            let loss = self.loss(rows, workspace, progress.steps)?;
            mlp.backward(&inputs, workspace)?;
            if let Some(max_norm) = self.fit.clip_norm {
                clip_norm(workspace.gradients_mut(), max_norm);
            }
            optimizer.step(mlp.parameters_mut(), workspace.gradients())?;
            if let Some(max_norm) = self.fit.max_norm {
                mlp.clip_max_norm(max_norm)?;
            }
            loss_sum += loss * rows.len() as f64;
            progress.steps += 1;
        }
        Ok(loss_sum / rows as f64)
    }

    /// The loss of the last forward pass, whose gradients are left in the workspace.
    fn loss(&mut self, rows: &[usize], workspace: &mut Workspace<F>, step: u64) -> Result<f64> {
        let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
        // A network whose weights have blown up gives logits that a loss would refuse as if the caller
        // had given them.
        if let Some(&bad) = outputs.iter().find(|x| !x.is_finite()) {
            return Err(Error::Diverged { step, loss: bad.as_f64() });
        }
        let loss = self.objective.value_and_gradient(rows, &outputs, &mut gradient)?;
        let hidden = self.objective.hidden_value_and_gradient(rows, workspace)?;
        let loss = (loss + hidden).as_f64();
        if loss.is_finite() { Ok(loss) } else { Err(Error::Diverged { step, loss }) }
    }
}

/// What is reused from step to step.
#[derive(Default)]
struct Memory<F> {
    order: Vec<usize>,
    batch: Vec<F>,
    workspace: Workspace<F>,
}

/// The stream of random numbers that belongs to the next epoch.
fn epoch_rng<F>(progress: &Progress<F>) -> Xoshiro256PlusPlus {
    // Seeds that differ in one bit give unrelated streams; an odd factor makes each epoch's its own.
    let epoch = (progress.epochs as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Xoshiro256PlusPlus::seed_from_u64(progress.seed ^ epoch)
}
