//! The network itself: its parameters in one piece of memory, and views of each layer.

use ndarray::{Array2, ArrayRef2, ArrayView1, ArrayView2, Axis};
use rand::Rng;
use reflux_softmax::Real;

use crate::error::check_positive;
use crate::layer::Layer;
use crate::matmul::dot_product;
use crate::metrics::ROWS_AT_ONCE;
use crate::sequence::Sequence;
use crate::{Error, MlpConfig, Result, Workspace};

/// A multilayer perceptron: dense layers with an activation between them.
///
/// All parameters lie in one slice, layer after layer: of a dense layer, the weights
/// `[outputs, inputs]` in row-major order and then the bias `[outputs]`, as PyTorch has them; with noise,
/// then the deviations of both; of a normalisation, the scale and then the shift. So an optimizer, a
/// target network's update and a file are each one pass over one slice.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_nn::{Mlp, MlpConfig};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mlp = Mlp::new(MlpConfig::new(4, &[64, 64], 2)?, rng)?;
/// let logits = mlp.predict(&array![[0.1_f32, 0.2, 0.3, 0.4]])?;
/// assert_eq!(logits.dim(), (1, 2));
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp<F = f32> {
    config: MlpConfig,
    sequence: Sequence,
    parameters: Vec<F>,
}

impl<F: Real> Mlp<F> {
    /// A network with weights drawn from `rng` as the config's initialiser says.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where memory for the parameters cannot be had.
    pub fn new<R: Rng + ?Sized>(config: MlpConfig, rng: &mut R) -> Result<Self> {
        let sequence = Sequence::new(&config);
        let mut parameters = Vec::new();
        if parameters.try_reserve_exact(sequence.parameters()).is_err() {
            let bytes = sequence.parameters() * size_of::<F>();
            let got = format!("{config}, which takes {bytes} bytes");
            return Err(Error::config("the network's size", "one that fits in memory", got));
        }
        parameters.resize(sequence.parameters(), F::zero());
        for (index, layer) in sequence.layers.iter().enumerate() {
            config.init().fill(layer, sequence.part_mut(&mut parameters, index), rng);
        }
        Ok(Self { config, sequence, parameters })
    }

    /// A network with these parameters, in the order in which [`Mlp::parameters`] gives them.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there are as many as the config has, [`Error::NonFinite`] where one is
    /// NaN or infinite.
    pub fn from_parameters(config: MlpConfig, parameters: Vec<F>) -> Result<Self> {
        let sequence = Sequence::new(&config);
        if parameters.len() != sequence.parameters() {
            return Err(Error::Shape {
                what: "parameters",
                expected: vec![sequence.parameters()],
                got: vec![parameters.len()],
            });
        }
        check_finite("parameters", parameters.iter())?;
        Ok(Self { config, sequence, parameters })
    }

    /// The sizes, activation and initialiser.
    pub fn config(&self) -> &MlpConfig {
        &self.config
    }

    /// Every weight and bias.
    pub fn parameters(&self) -> &[F] {
        &self.parameters
    }

    /// Every weight and bias, to be changed: by an optimizer, say.
    pub fn parameters_mut(&mut self) -> &mut [F] {
        &mut self.parameters
    }

    /// The weights `[outputs, inputs]` and the bias `[outputs]` of dense layer `index`, if there is
    /// one; of a noisy layer, their means.
    pub fn layer(&self, index: usize) -> Option<(ArrayView2<'_, F>, ArrayView1<'_, F>)> {
        let layer = *self.sequence.dense.get(index)?;
        let parameters = self.sequence.part(&self.parameters, layer);
        let linear = match self.sequence.layers[layer] {
            Layer::Linear(linear) => linear,
            Layer::Noisy(noisy) => noisy.linear,
            _ => return None,
        };
        let (weights, bias) = linear.split(&parameters[..linear.parameters()]);
        Some((weights, bias.into()))
    }

    pub(crate) fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// The outputs `[batch, outputs]` for `inputs` `[batch, inputs]`, in a new array.
    ///
    /// To reuse memory between calls, use [`Mlp::forward`] with a [`Workspace`].
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there are as many columns as inputs, [`Error::NonFinite`] for a NaN or
    /// an infinity among the inputs.
    pub fn predict(&self, inputs: &ArrayRef2<F>) -> Result<Array2<F>> {
        check_finite("inputs", inputs.iter())?;
        let mut workspace = Workspace::new();
        let mut outputs = Array2::zeros((inputs.nrows(), self.config.outputs()));
        let blocks = outputs.axis_chunks_iter_mut(Axis(0), ROWS_AT_ONCE);
        for (inputs, mut outputs) in inputs.axis_chunks_iter(Axis(0), ROWS_AT_ONCE).zip(blocks) {
            outputs.assign(&self.forward(&inputs, &mut workspace)?);
        }
        Ok(outputs)
    }

    /// Scales the incoming weights of each unit of each dense layer down, if need be, so that their
    /// Euclidean norm is at most `max`; biases stay, and of a noisy layer the means are scaled. To be
    /// called after each step, it keeps a high learning rate from blowing the weights up (Srivastava
    /// et al. 2014; Hinton et al. 2015, arXiv:1503.02531, train their teacher with it).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless `max` is finite and above 0.
    pub fn clip_max_norm(&mut self, max: f64) -> Result<()> {
        check_positive("max-norm", max)?;
        for &layer in &self.sequence.dense {
            let (inputs, outputs) = self.sequence.layers[layer].widths();
            let parameters = self.sequence.part_mut(&mut self.parameters, layer);
            for weights in parameters[..inputs * outputs].chunks_exact_mut(inputs) {
                let norm = dot_product(weights, weights).sqrt().as_f64();
                if norm > max {
                    let factor = F::from_f64(max / norm);
                    weights.iter_mut().for_each(|weight| *weight *= factor);
                }
            }
        }
        Ok(())
    }

    /// Becomes a copy of `other`: the hard update of a target network. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless both have the same layers.
    pub fn copy_from(&mut self, other: &Self) -> Result<()> {
        self.blend(other, F::one())
    }

    /// Moves every parameter towards `other`'s: `θ ← (1 − τ)·θ + τ·θ_other`, the soft (Polyak) update
    /// of a target network. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless both have the same layers, [`Error::Config`] unless `tau` is between 0
    /// and 1.
    pub fn blend(&mut self, other: &Self, tau: F) -> Result<()> {
        if self.sequence != other.sequence {
            return Err(Error::Shape {
                what: "the other network's layers",
                expected: self.sequence.widths(),
                got: other.sequence.widths(),
            });
        }
        if !(tau >= F::zero() && tau <= F::one()) {
            return Err(Error::config("tau", "between 0 and 1", tau));
        }
        if tau == F::one() {
            self.parameters.copy_from_slice(&other.parameters);
            return Ok(());
        }
        for (own, &other) in self.parameters.iter_mut().zip(&other.parameters) {
            *own += tau * (other - *own);
        }
        Ok(())
    }
}

/// The first value that is NaN or infinite, as an error.
pub(crate) fn check_finite<'a, F: Real>(
    what: &'static str,
    values: impl Iterator<Item = &'a F>,
) -> Result<()> {
    match values.enumerate().find(|(_, value)| !value.is_finite()) {
        Some((index, value)) => Err(Error::NonFinite { what, index, value: value.as_f64() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::array;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(7)
    }

    #[test]
    fn a_network_worked_by_hand() {
        let config = MlpConfig::new(2, &[2], 1).unwrap();
        // Hidden: [x0 − x1 + 1, 2·x0 + x1 − 4], ReLU. Output: 3·h0 − h1 + 0.5.
        let parameters = vec![1.0, -1.0, 2.0, 1.0, 1.0, -4.0, 3.0, -1.0, 0.5];
        let mlp = Mlp::from_parameters(config, parameters).unwrap();
        let outputs = mlp.predict(&array![[1.0, 1.0], [3.0, 2.0], [0.0, 5.0]]).unwrap();
        assert_relative_eq!(outputs, array![[3.5], [2.5], [-0.5]]);
        let (weights, bias) = mlp.layer(0).unwrap();
        assert_eq!(
            (weights, bias),
            (array![[1.0, -1.0], [2.0, 1.0]].view(), array![1.0, -4.0].view())
        );
        assert!(mlp.layer(2).is_none());
    }

    #[test]
    fn a_row_alone_gives_what_it_gives_in_a_batch() {
        let mlp = Mlp::<f32>::new(MlpConfig::new(5, &[33, 17], 3).unwrap(), &mut rng()).unwrap();
        let inputs = Array2::from_shape_fn((40, 5), |(i, j)| ((i * 5 + j) as f32 * 0.7).sin());
        let together = mlp.predict(&inputs).unwrap();
        for (row, expected) in inputs.rows().into_iter().zip(together.rows()) {
            let alone = mlp.predict(&row.insert_axis(ndarray::Axis(0))).unwrap();
            assert_relative_eq!(alone.row(0), expected, max_relative = 1e-5, epsilon = 1e-6);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_network() {
        let config = MlpConfig::new(3, &[4], 2).unwrap();
        let first = Mlp::<f32>::new(config.clone(), &mut rng()).unwrap();
        assert_eq!(first, Mlp::new(config.clone(), &mut rng()).unwrap());
        assert_ne!(first, Mlp::new(config, &mut Xoshiro256PlusPlus::seed_from_u64(8)).unwrap());
    }

    #[test]
    fn blending_moves_by_tau_and_copying_all_the_way() {
        let config = MlpConfig::new(1, &[], 1).unwrap();
        let mut target = Mlp::from_parameters(config.clone(), vec![1.0, -2.0]).unwrap();
        let online = Mlp::from_parameters(config, vec![2.0, 2.0]).unwrap();
        target.blend(&online, 0.25).unwrap();
        assert_eq!(target.parameters(), [1.25, -1.0]);
        target.copy_from(&online).unwrap();
        assert_eq!(target, online);
        for tau in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(target.blend(&online, tau), Err(Error::Config { name: "tau", .. })));
        }
        let other = Mlp::new(MlpConfig::new(2, &[], 1).unwrap(), &mut rng()).unwrap();
        assert!(matches!(target.copy_from(&other), Err(Error::Shape { .. })));
    }

    #[test]
    fn max_norm_shrinks_the_rows_of_weights_that_are_too_long_and_nothing_else() {
        // Hidden weights [3, 4] (norm 5) and [0.6, 0.8] (norm 1), biases 7; output weights [0, −4].
        let parameters = vec![3.0, 4.0, 0.6, 0.8, 7.0, 7.0, 0.0, -4.0, 9.0];
        let config = MlpConfig::new(2, &[2], 1).unwrap();
        let mut mlp = Mlp::from_parameters(config, parameters).unwrap();
        mlp.clip_max_norm(2.0).unwrap();
        let expected = [1.2, 1.6, 0.6, 0.8, 7.0, 7.0, 0.0, -2.0, 9.0];
        assert_relative_eq!(mlp.parameters(), &expected[..], max_relative = 1e-14);
        for max in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(mlp.clip_max_norm(max), Err(Error::Config { .. })));
        }

        // Of a noisy layer the means are scaled: one unit of norm 5, its deviations stay.
        let config = MlpConfig::new(2, &[], 1).unwrap().with_noisy(0.5, 1).unwrap();
        let mut noisy = Mlp::from_parameters(config, vec![3.0, 4.0, 7.0, 8.0, 8.0, 8.0]).unwrap();
        noisy.clip_max_norm(1.0).unwrap();
        let expected = [0.6, 0.8, 7.0, 8.0, 8.0, 8.0];
        assert_relative_eq!(noisy.parameters(), &expected[..], max_relative = 1e-14);
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let config = MlpConfig::new(2, &[], 1).unwrap();
        let mlp = Mlp::<f32>::new(config.clone(), &mut rng()).unwrap();
        assert!(matches!(mlp.predict(&array![[1.0]]), Err(Error::Shape { what: "inputs", .. })));
        assert!(matches!(
            mlp.predict(&array![[1.0, f32::NAN]]),
            Err(Error::NonFinite { what: "inputs", index: 1, .. })
        ));
        assert!(Mlp::from_parameters(config.clone(), vec![0.0_f32; 2]).is_err());
        assert!(Mlp::from_parameters(config, vec![0.0, f32::INFINITY, 0.0]).is_err());
    }
}
