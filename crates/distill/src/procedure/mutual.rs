//! Deep mutual learning: students without a teacher, who learn from labels and from each other.
//!
//! ```text
//! L_k = CE(labels, p_k) + 1/(n − 1) Σ_{l ≠ k} KL(p_l ‖ p_k)
//! ```
//!
//! For each batch every network takes a step in turn, and the others see its new predictions. Zhang et
//! al. 2018, "Deep mutual learning", arXiv:1706.00384, algorithm 1 and equation 8.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayRef2};
use rand::Rng;
use rand::seq::SliceRandom;
use reflux_nn::{Mlp, Optimizer, Real, Workspace, gather_labels, gather_rows};
use reflux_softmax::{CrossEntropy, Divergence};

use super::Lesson;
use crate::{Error, Result, labels};

/// How long, and in what portions, networks learn from each other.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use ndarray::Array2;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_distill::{Lesson, MutualLearning, agreement};
/// use reflux_nn::{Adam, Mlp, MlpConfig};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let inputs = Array2::from_shape_fn((200, 2), |(i, j)| ((i * (7 + 4 * j)) as f32).sin());
/// let labels: Vec<usize> = inputs.rows().into_iter().map(|x| usize::from(x[0] > x[1])).collect();
///
/// let (wide, narrow) = (MlpConfig::new(2, &[16], 2)?, MlpConfig::new(2, &[4], 2)?);
/// let mut networks = [Mlp::new(wide, rng)?, Mlp::new(narrow, rng)?];
/// let lesson = Lesson::labelled(&inputs, &labels);
/// let learning = MutualLearning::new(30, 32)?;
/// learning.run(&mut networks, lesson, &Adam::new(0.01)?, rng, |_| ControlFlow::Continue(()))?;
/// let [one, other] = &networks;
/// assert!(agreement(&one.predict(&inputs)?, &other.predict(&inputs)?)? > 0.9);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MutualLearning {
    epochs: usize,
    batch_size: usize,
    cosine: bool,
}

/// What an observer is shown after each epoch of [`MutualLearning`].
#[derive(Debug)]
#[non_exhaustive]
pub struct MutualEpoch<'a, F = f32> {
    /// Which epoch has ended, from 1.
    pub number: usize,
    /// Each network's mean loss over the epoch's rows.
    pub losses: &'a [f64],
    /// The networks as they are now.
    pub networks: &'a [Mlp<F>],
}

impl MutualLearning {
    /// `epochs` passes over the data in batches of `batch_size` rows (the last of an epoch may be
    /// smaller), at a constant learning rate.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for a batch size of 0.
    pub fn new(epochs: usize, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::setting("batch size", "at least 1", 0.0));
        }
        Ok(Self { epochs, batch_size, cosine: false })
    }

    /// Lowers the learning rate from its initial value to 0 along half a cosine, as
    /// [`Fit`](reflux_nn::Fit) does.
    pub fn with_cosine_schedule(self) -> Self {
        Self { cosine: true, ..self }
    }

    /// Trains all networks at once; each has its own copy of the optimizer. `observe` is called after
    /// each epoch; it may end the training.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewNetworks`] for fewer than two, [`Error::LabelsMissing`] for a lesson without
    /// labels, [`Error::Shape`] for labels or networks that do not fit, whatever a network refuses,
    /// and [`reflux_nn::Error::Diverged`] for a loss that is not finite.
    pub fn run<F: Real, R: Rng + ?Sized>(
        &self,
        networks: &mut [Mlp<F>],
        lesson: Lesson<'_, F>,
        optimizer: &(impl Optimizer<F> + Clone),
        rng: &mut R,
        mut observe: impl FnMut(&MutualEpoch<'_, F>) -> ControlFlow<()>,
    ) -> Result<()> {
        let labels = check(networks, lesson)?;
        let rows = lesson.inputs.nrows();
        let mut order: Vec<usize> = (0..rows).collect();
        let mut optimizers = vec![optimizer.clone(); networks.len()];
        let mut class = Class::new(networks.len());
        let (mut batch_inputs, mut batch_labels) = (Vec::new(), Vec::new());
        let all_steps = self.epochs * rows.div_ceil(self.batch_size);
        let mut steps = 0;
        for number in 1..=self.epochs {
            order.shuffle(rng);
            let mut losses = vec![0.0; networks.len()];
            for batch in order.chunks(self.batch_size) {
                let inputs = gather_rows(&lesson.inputs, batch, &mut batch_inputs)?;
                gather_labels(labels, batch, &mut batch_labels)?;
                if self.cosine {
                    let rate =
                        crate::Schedule::cosine(optimizer.learning_rate(), 0.0, all_steps as u64);
                    for optimizer in &mut optimizers {
                        optimizer.set_learning_rate(rate.at(steps))?;
                    }
                }
                class.look(networks, &inputs, rng)?;
                for (index, optimizer) in optimizers.iter_mut().enumerate() {
                    let loss = class.step(index, networks, &inputs, &batch_labels, optimizer)?;
                    // It says anew what it thinks.
                    networks[index].forward_train(&inputs, &mut class.workspaces[index], rng)?;
                    if !loss.is_finite() {
                        return Err(reflux_nn::Error::Diverged { step: steps, loss }.into());
                    }
                    losses[index] += loss * batch.len() as f64 / rows as f64;
                }
                steps += 1;
            }
            if observe(&MutualEpoch { number, losses: &losses, networks }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The labels, if everything fits.
fn check<'a, F: Real>(networks: &[Mlp<F>], lesson: Lesson<'a, F>) -> Result<&'a [usize]> {
    let [first, _, ..] = networks else {
        return Err(Error::TooFewNetworks(networks.len()));
    };
    let classes = first.config().outputs();
    if let Some(other) = networks.iter().find(|network| network.config().outputs() != classes) {
        let (expected, got) = (vec![classes], vec![other.config().outputs()]);
        return Err(Error::Shape { what: "each network's classes", expected, got });
    }
    let labels = lesson.labels.ok_or(Error::LabelsMissing { loss: "mutual learning" })?;
    labels::check(labels, lesson.inputs.nrows(), classes)?;
    if labels.is_empty() {
        return Err(
            reflux_nn::Error::TooFewRows { what: "mutual learning", needed: 1, got: 0 }.into()
        );
    }
    Ok(labels)
}

/// What the networks say of the present batch.
struct Class<F> {
    workspaces: Vec<Workspace<F>>,
    gradient: Array2<F>,
}

impl<F: Real> Class<F> {
    fn new(networks: usize) -> Self {
        let workspaces = (0..networks).map(|_| Workspace::new()).collect();
        Self { workspaces, gradient: Array2::zeros((0, 0)) }
    }

    /// Every network says what it thinks.
    fn look<R: Rng + ?Sized>(
        &mut self,
        networks: &[Mlp<F>],
        inputs: &ArrayRef2<F>,
        rng: &mut R,
    ) -> Result<()> {
        for (network, workspace) in networks.iter().zip(&mut self.workspaces) {
            network.forward_train(inputs, workspace, rng)?;
        }
        Ok(())
    }

    /// A step of one network. Gives its loss before it.
    fn step(
        &mut self,
        index: usize,
        networks: &mut [Mlp<F>],
        inputs: &ArrayRef2<F>,
        labels: &[usize],
        optimizer: &mut impl Optimizer<F>,
    ) -> Result<f64> {
        let (before, from) = self.workspaces.split_at_mut(index);
        let [own, after @ ..] = from else { return Ok(0.0) };
        let (outputs, mut total) = own.outputs_and_gradient_mut();
        if self.gradient.dim() != outputs.dim() {
            self.gradient = Array2::zeros(outputs.dim());
        }
        let mut loss = CrossEntropy::new().value_and_gradient(&outputs, labels, &mut total)?;
        let others = before.iter().chain(after.iter());
        let share = F::from_f64(1.0 / (networks.len() - 1) as f64);
        let mimicry = Divergence::forward_kl(1.0)?;
        for other in others {
            let theirs = other.outputs();
            loss += share * mimicry.value_and_gradient(&outputs, &theirs, &mut self.gradient)?;
            total.scaled_add(share, &self.gradient);
        }
        let network = &mut networks[index];
        network.backward(inputs, own)?;
        optimizer.step(network.parameters_mut(), own.gradients())?;
        Ok(loss.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Axis, array};
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_nn::{MlpConfig, Sgd};
    use reflux_softmax::softmax;

    use super::*;

    fn linear(weights: [f64; 4]) -> Mlp<f64> {
        let parameters = weights.into_iter().chain([0.0, 0.0]).collect();
        Mlp::from_parameters(MlpConfig::new(2, &[], 2).unwrap(), parameters).unwrap()
    }

    #[test]
    fn one_batch_as_the_algorithm_writes_it() {
        let (inputs, labels) = (array![[1.0, 2.0]], [1]);
        let mut networks = [linear([0.5, -0.5, 0.2, 0.1]), linear([-0.3, 0.4, 0.0, 1.0])];
        let probabilities =
            |network: &Mlp<f64>| softmax(&network.predict(&inputs).unwrap(), Axis(1), 1.0).unwrap();
        let hard = array![[0.0, 1.0]];
        let step = |own: &Mlp<f64>, other: &Mlp<f64>| {
            // Gradients of the cross-entropy and of KL(other ‖ own) with respect to the logits.
            let (p, q) = (probabilities(own), probabilities(other));
            let slope = (&p - &hard) + (&p - &q);
            let weights = slope.t().dot(&inputs); // [outputs, inputs]
            let gradient = weights.iter().chain(slope.iter());
            let parameters = own.parameters().iter().zip(gradient).map(|(w, g)| w - 0.1 * g);
            Mlp::from_parameters(own.config().clone(), parameters.collect()).unwrap()
        };
        let first = step(&networks[0], &networks[1]);
        let second = step(&networks[1], &first); // which has moved already
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let lesson = Lesson::labelled(&inputs, &labels);
        let learning = MutualLearning::new(1, 8).unwrap();
        let sgd = Sgd::new(0.1).unwrap();
        learning.run(&mut networks, lesson, &sgd, rng, |_| ControlFlow::Continue(())).unwrap();
        for (network, expected) in networks.iter().zip([first, second]) {
            for (own, expected) in network.parameters().iter().zip(expected.parameters()) {
                assert_relative_eq!(own, expected, max_relative = 1e-12);
            }
        }
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let inputs = array![[1.0, 2.0]];
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let mut run = |networks: &mut [Mlp<f64>], labels: Option<&[usize]>| {
            let lesson = Lesson { inputs: inputs.view(), labels };
            let sgd = Sgd::new(0.1).unwrap();
            let learning = MutualLearning::new(1, 8).unwrap();
            learning.run(networks, lesson, &sgd, rng, |_| ControlFlow::Continue(()))
        };
        let alone = &mut [linear([0.0; 4])];
        assert!(matches!(run(alone, Some(&[0])), Err(Error::TooFewNetworks(1))));
        let pair = &mut [linear([0.0; 4]), linear([0.0; 4])];
        assert!(matches!(run(pair, None), Err(Error::LabelsMissing { .. })));
        assert!(matches!(run(pair, Some(&[0, 1])), Err(Error::Shape { .. })));
        assert!(matches!(run(pair, Some(&[2])), Err(Error::Softmax(_))));
        let other =
            Mlp::new(MlpConfig::new(2, &[], 3).unwrap(), &mut Xoshiro256PlusPlus::seed_from_u64(0));
        let pair = &mut [linear([0.0; 4]), other.unwrap()];
        assert!(matches!(run(pair, Some(&[0])), Err(Error::Shape { .. })));
        assert!(MutualLearning::new(1, 0).is_err());
    }
}
