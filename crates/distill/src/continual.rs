//! Dark Experience Replay: a network that learns one task after the other, and distils its own past.
//!
//! ```text
//! DER     L = CE(y, f(x)) + α·MSE(z', f(x'))                     (x', z') from the buffer
//! DER++   L = CE(y, f(x)) + α·MSE(z', f(x')) + β·CE(y'', f(x''))   (x'', y'') drawn anew
//! ```
//!
//! The buffer keeps a uniform sample of everything that has come (a reservoir): the input, its label,
//! and the logits that the network gave when it came. Buzzega et al. 2020, "Dark experience for
//! general continual learning", arXiv:2004.07211, algorithms 1 and 2. As in the authors' code the mean
//! square is over classes, and a replayed batch holds no example twice.

use ndarray::ArrayRef2;
use rand::Rng;
use reflux_nn::{Mlp, Optimizer, Workspace};
use reflux_replay::{Batch, Buffer, Column, Reservoir, Schema, WithoutReplacement};
use reflux_softmax::{CrossEntropy, LogitMse};

use crate::{Error, Result, Schedule};

/// A memory of past examples, and the training step that replays them.
///
/// It needs to know of no tasks, nor where one ends.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_distill::DarkExperienceReplay;
/// use reflux_nn::{Mlp, MlpConfig, Sgd};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut network = Mlp::new(MlpConfig::new(2, &[16], 4)?, rng)?;
/// let mut memory = DarkExperienceReplay::new(network.config(), 200, 1)?.with_beta(0.5)?;
/// let mut sgd = Sgd::new(0.1)?;
/// // Two classes first, and then the others.
/// for labels in [[0, 1], [2, 3]] {
///     for _ in 0..20 {
///         memory.learn(&mut network, &mut sgd, &array![[0.5, 1.0], [1.0, -0.5]], &labels, rng)?;
///     }
/// }
/// assert_eq!(memory.len(), 80);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug)]
pub struct DarkExperienceReplay {
    buffer: Buffer<WithoutReplacement>,
    columns: Columns,
    alpha: f64,
    beta: f64,
    batch_size: usize,
    batch: Batch,
    workspace: Workspace,
    gradients: Vec<f32>,
    labels: Vec<i64>,
    batch_labels: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Columns {
    input: Column<f32>,
    logits: Column<f32>,
    label: Column<i64>,
}

impl DarkExperienceReplay {
    /// For a network of this configuration, with room for `capacity` examples; `seed` settles which are
    /// kept. DER with α 0.5; batches of 32 are replayed.
    ///
    /// # Errors
    ///
    /// A capacity of 0, or one that does not fit into memory.
    pub fn new(network: &reflux_nn::MlpConfig, capacity: usize, seed: u64) -> Result<Self> {
        let mut schema = Schema::new();
        let columns = Columns {
            input: schema.column("input", &[network.inputs()])?,
            logits: schema.column("logits", &[network.outputs()])?,
            label: schema.column("label", &[])?,
        };
        let builder = Buffer::builder(schema, capacity).with_eviction(Reservoir::new(seed));
        Ok(Self {
            buffer: builder.build(WithoutReplacement::within_batches())?,
            columns,
            alpha: 0.5,
            beta: 0.0,
            batch_size: 32,
            batch: Batch::new(),
            workspace: Workspace::new(),
            gradients: Vec::new(),
            labels: Vec::new(),
            batch_labels: Vec::new(),
        })
    }

    /// Sets α, the weight of the logits of the past.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] unless it is finite and at least 0.
    pub fn with_alpha(self, alpha: f64) -> Result<Self> {
        Schedule::from(alpha).checked_weight("alpha")?;
        Ok(Self { alpha, ..self })
    }

    /// Sets β, the weight of the labels of the past: above 0 it is DER++.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] unless it is finite and at least 0.
    pub fn with_beta(self, beta: f64) -> Result<Self> {
        Schedule::from(beta).checked_weight("beta")?;
        Ok(Self { beta, ..self })
    }

    /// Sets how many examples of the past are replayed in a step, for each of the two terms.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for 0.
    pub fn with_batch_size(self, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::setting("batch size", "at least 1", 0.0));
        }
        Ok(Self { batch_size, ..self })
    }

    /// How many examples are remembered.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What is remembered: the columns `input`, `logits` and `label`.
    pub fn buffer(&self) -> &Buffer<WithoutReplacement> {
        &self.buffer
    }

    /// One step of `network` on new `inputs` `[batch, features]` with their `labels` `[batch]` and on
    /// what is remembered; then the new examples are offered to the memory, with the logits that they
    /// had before the step. Gives the loss, all terms together.
    ///
    /// # Errors
    ///
    /// Inputs, labels or a network that do not fit; [`Error::TeacherLogit`] for logits that are not
    /// finite, and [`reflux_nn::Error::Diverged`] for such a loss. Network and memory are then as they
    /// were.
    pub fn learn<R: Rng + ?Sized>(
        &mut self,
        network: &mut Mlp,
        optimizer: &mut (impl Optimizer<f32> + ?Sized),
        inputs: &ArrayRef2<f32>,
        labels: &[usize],
        rng: &mut R,
    ) -> Result<f32> {
        let inputs = inputs.as_standard_layout();
        // A rectifier would hide an infinity, and the memory would keep it.
        if let Some((index, value)) = inputs.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            let value = f64::from(*value);
            return Err(reflux_nn::Error::NonFinite { what: "inputs", index, value }.into());
        }
        network.forward_train(&inputs, &mut self.workspace, rng)?;
        let (outputs, mut gradient) = self.workspace.outputs_and_gradient_mut();
        let mut loss = CrossEntropy::new().value_and_gradient(&outputs, labels, &mut gradient)?;
        network.backward(&inputs, &mut self.workspace)?;
        let said = self.workspace.outputs().to_owned();
        crate::targets::check_finite(&said, 0)?;
        self.gradients.clear();
        self.gradients.extend_from_slice(self.workspace.gradients());

        let size = self.batch_size.min(self.len());
        for (term, weight) in [(Term::Logits, self.alpha), (Term::Labels, self.beta)] {
            if weight > 0.0 && size > 0 {
                self.buffer.sample(size, rng, &mut self.batch)?;
                loss += self.replay(network, term, weight as f32, rng)?;
            }
        }
        if !loss.is_finite() {
            return Err(reflux_nn::Error::Diverged { step: 0, loss: loss.into() }.into());
        }
        optimizer.step(network.parameters_mut(), &self.gradients)?;
        self.remember(&inputs, &said, labels)?;
        Ok(loss)
    }

    /// The weighted loss of the batch that has been drawn; adds its gradients.
    fn replay<R: Rng + ?Sized>(
        &mut self,
        network: &Mlp,
        term: Term,
        weight: f32,
        rng: &mut R,
    ) -> Result<f32> {
        let Self { batch, columns, workspace, batch_labels, .. } = self;
        let inputs = batch.matrix(columns.input)?;
        network.forward_train(&inputs, workspace, rng)?;
        let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
        let loss = match term {
            Term::Logits => {
                let past = batch.matrix(columns.logits)?;
                LogitMse::new().value_and_gradient(&outputs, &past, &mut gradient)?
            }
            Term::Labels => {
                batch_labels.clear();
                let labels = batch.values(columns.label)?;
                batch_labels.extend(labels.iter().map(|&label| label as usize));
                CrossEntropy::new().value_and_gradient(&outputs, batch_labels, &mut gradient)?
            }
        };
        gradient *= weight;
        network.backward(&inputs, workspace)?;
        for (sum, more) in self.gradients.iter_mut().zip(workspace.gradients()) {
            *sum += more;
        }
        Ok(weight * loss)
    }

    fn remember(
        &mut self,
        inputs: &ArrayRef2<f32>,
        logits: &ArrayRef2<f32>,
        labels: &[usize],
    ) -> Result<()> {
        self.labels.clear();
        self.labels.extend(labels.iter().map(|&label| label as i64));
        // Both are in standard layout.
        let (inputs, logits) = (inputs.as_slice(), logits.as_slice());
        let (inputs, logits) = (inputs.unwrap_or_default(), logits.unwrap_or_default());
        let values = [inputs.into(), logits.into(), (&self.labels).into()];
        self.buffer.push_batch(labels.len(), &values)?;
        Ok(())
    }
}

/// What is asked of an example from the past.
#[derive(Debug, Clone, Copy)]
enum Term {
    Logits,
    Labels,
}
