//! A network frozen for use: weights packed once, answers without allocation.

mod dense;
mod int8;

use std::sync::Arc;

use ndarray::{ArrayRef2, ArrayView2};

use crate::layer::Layer;
use crate::mlp::check_finite;
use crate::workspace::view;
use crate::{Activation, Error, Mlp, Result};
use dense::Packed;
use int8::Quantized;

/// A network that only predicts, for deployment.
///
/// It answers rows and batches in memory of its own, allocates nothing once it has met its largest
/// batch, and for a single row skips the weights of inputs that are 0, as after a ReLU half of them
/// are; so a row costs what reading the rest of the weights costs. Dropout is gone, and noise is at its
/// mean. Clones share the weights: give one to each thread.
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_nn::{Mlp, MlpConfig, Predictor};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mlp = Mlp::new(MlpConfig::new(4, &[64, 64], 2)?, rng)?;
/// let mut predictor = Predictor::new(&mlp);
/// let mut logits = [0.0; 2];
/// predictor.predict_row(&[0.1, 0.2, 0.3, 0.4], &mut logits)?;
///
/// // A quarter of the memory, about the same answers.
/// let mut small = Predictor::int8(&mlp);
/// assert!(small.weight_bytes() < predictor.weight_bytes() / 3);
/// let mut close = [0.0; 2];
/// small.predict_row(&[0.1, 0.2, 0.3, 0.4], &mut close)?;
/// assert!((logits[0] - close[0]).abs() < 0.01);
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Predictor {
    steps: Arc<[Step]>,
    inputs: usize,
    outputs: usize,
    /// The most values that a row has between two steps.
    widest: usize,
    /// The values between two steps, which the steps pass through in turn.
    values: [Vec<f32>; 2],
    /// Which inputs of a step are not 0, and their values.
    nonzero: Vec<(u32, f32)>,
    /// What a layer keeps for a backward pass that never comes.
    kept: Vec<f32>,
}

/// One thing done to the values.
#[derive(Debug)]
enum Step {
    Dense(Packed),
    Int8(Quantized),
    Activation(Activation, usize),
    /// Whatever has few parameters or none.
    Other(Layer, Vec<f32>),
}

impl Predictor {
    /// The network `mlp` in f32. Its answers are those of [`Mlp::forward`] up to the last bits, in
    /// which sums depend on their order.
    pub fn new(mlp: &Mlp<f32>) -> Self {
        Self::with(mlp, |weights, bias| Step::Dense(Packed::new(weights, bias)))
    }

    /// The same with weights of 8 bits: each output's weights are whole numbers from −127 to 127 times
    /// a scale of its own, so that the largest is exact. Biases and sums stay in f32.
    pub fn int8(mlp: &Mlp<f32>) -> Self {
        Self::with(mlp, |weights, bias| Step::Int8(Quantized::new(weights, bias)))
    }

    fn with(mlp: &Mlp<f32>, dense: impl Fn(ArrayView2<'_, f32>, &[f32]) -> Step) -> Self {
        let sequence = mlp.sequence();
        let mut steps = Vec::new();
        let mut widest = mlp.config().inputs();
        for (index, layer) in sequence.layers.iter().enumerate() {
            let parameters = sequence.part(mlp.parameters(), index);
            let linear = match *layer {
                Layer::Linear(linear) => Some(linear),
                Layer::Noisy(noisy) => Some(noisy.linear),
                _ => None,
            };
            widest = widest.max(layer.widths().1);
            match (linear, layer) {
                (Some(linear), _) => {
                    let (weights, bias) = linear.split(&parameters[..linear.parameters()]);
                    steps.push(dense(weights, bias));
                }
                (None, Layer::Dropout(_)) => {}
                (None, &Layer::Activation(activation, width)) => {
                    steps.push(Step::Activation(activation, width));
                }
                (None, layer) => steps.push(Step::Other(*layer, parameters.to_vec())),
            }
        }
        Self {
            steps: steps.into(),
            inputs: mlp.config().inputs(),
            outputs: mlp.config().outputs(),
            widest,
            values: [vec![0.0; widest], vec![0.0; widest]],
            nonzero: vec![(0, 0.0); widest],
            kept: vec![0.0; 2 * widest],
        }
    }

    /// The number of input features.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The bytes that weights and biases take, with what fills up the last panel of each layer.
    pub fn weight_bytes(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Dense(packed) => packed.bytes(),
                Step::Int8(quantized) => quantized.bytes(),
                Step::Activation(..) => 0,
                Step::Other(_, parameters) => size_of_val(parameters.as_slice()),
            })
            .sum()
    }

    /// The outputs `[outputs]` for one row `[inputs]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for a slice of another length, [`Error::NonFinite`] for a NaN or an infinity
    /// among the inputs.
    pub fn predict_row(&mut self, input: &[f32], output: &mut [f32]) -> Result<()> {
        for (what, expected, got) in
            [("the input", self.inputs, input.len()), ("the output", self.outputs, output.len())]
        {
            if expected != got {
                return Err(Error::Shape { what, expected: vec![expected], got: vec![got] });
            }
        }
        check_finite("the input", input.iter())?;
        self.values[0][..input.len()].copy_from_slice(input);
        let last = self.run(1);
        output.copy_from_slice(&self.values[last][..self.outputs]);
        Ok(())
    }

    /// The outputs `[batch, outputs]` for `inputs` `[batch, inputs]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for arrays of other shapes, [`Error::NonFinite`] for a NaN or an infinity among
    /// the inputs.
    pub fn predict_into(
        &mut self,
        inputs: &ArrayRef2<f32>,
        outputs: &mut ArrayRef2<f32>,
    ) -> Result<()> {
        let rows = inputs.nrows();
        for (what, width, got) in [
            ("inputs", self.inputs, inputs.shape()),
            ("outputs", self.outputs, outputs.shape()),
        ] {
            if got != [rows, width] {
                return Err(Error::Shape { what, expected: vec![rows, width], got: got.to_vec() });
            }
        }
        check_finite("inputs", inputs.iter())?;
        for values in &mut self.values {
            if values.len() < rows * self.widest {
                values.resize(rows * self.widest, 0.0);
            }
        }
        for (slot, &input) in self.values[0].iter_mut().zip(inputs) {
            *slot = input;
        }
        let last = self.run(rows);
        for (output, &value) in outputs.iter_mut().zip(&self.values[last]) {
            *output = value;
        }
        Ok(())
    }

    /// Passes the rows in the first of the two memories through every step; which of the two they end
    /// up in.
    fn run(&mut self, rows: usize) -> usize {
        let Self { steps, values, nonzero, kept, .. } = self;
        let mut from = 0;
        for step in steps.iter() {
            let [first, second] = values;
            let (inputs, outputs) = if from == 0 { (first, second) } else { (second, first) };
            match step {
                Step::Dense(packed) => packed.run(rows, inputs, outputs, nonzero),
                Step::Int8(quantized) => quantized.run(rows, inputs, outputs, nonzero),
                Step::Activation(activation, width) => {
                    activation.apply_inplace(&mut inputs[..rows * width]);
                    continue;
                }
                Step::Other(layer, parameters) => {
                    // A row alone lies the same way whether by rows or by features.
                    let (width, outputs_width) = layer.widths();
                    let inputs = inputs.chunks_exact(width).take(rows);
                    for (input, output) in inputs.zip(outputs.chunks_exact_mut(outputs_width)) {
                        let input = view((width, 1), input);
                        layer.forward(parameters, input, kept, output, None);
                    }
                }
            }
            from = 1 - from;
        }
        from
    }
}

/// Lists the values that are not 0, with their places.
fn list_nonzero<'n>(values: &[f32], nonzero: &'n mut [(u32, f32)]) -> &'n [(u32, f32)] {
    let mut count = 0;
    for (index, &value) in values.iter().enumerate() {
        // Without a branch, since it could not be foretold: a zero is written over by the next.
        nonzero[count] = (index as u32, value);
        count += usize::from(value != 0.0);
    }
    &nonzero[..count]
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;
    use ndarray::Array2;
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::MlpConfig;

    fn networks() -> Vec<Mlp> {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(2);
        let plain = |hidden: &[usize]| MlpConfig::new(7, hidden, 6).unwrap();
        let mut configs = vec![
            plain(&[]),
            plain(&[64, 33]).with_layer_norm(true).with_dropout(0.5).unwrap(),
            plain(&[16, 90]).with_dueling(2).unwrap().with_noisy(0.5, 2).unwrap(),
        ];
        configs.extend(Activation::all().map(|kind| plain(&[40, 130]).with_activation(kind)));
        let mut networks: Vec<_> =
            configs.into_iter().map(|config| Mlp::new(config, rng).unwrap()).collect();
        for network in &mut networks {
            network.parameters_mut().iter_mut().for_each(|x| *x += rng.random_range(-0.1..0.1));
        }
        networks
    }

    fn inputs(rows: usize) -> Array2<f32> {
        // Every third is 0.
        Array2::from_shape_fn((rows, 7), |(i, j)| {
            if (i + j) % 3 == 0 { 0.0 } else { ((i * 7 + j) as f32).sin() }
        })
    }

    #[test]
    fn rows_and_batches_give_what_the_network_gives() {
        for mlp in networks() {
            let mut predictor = Predictor::new(&mlp);
            for rows in [1, 2, 8, 9, 40] {
                let inputs = inputs(rows);
                let expected = mlp.predict(&inputs).unwrap();
                let mut got = Array2::zeros((rows, 6));
                predictor.predict_into(&inputs, &mut got).unwrap();
                assert_abs_diff_eq!(got, expected, epsilon = 2e-6);
                for (input, expected) in inputs.rows().into_iter().zip(expected.rows()) {
                    let mut row = [0.0; 6];
                    predictor.predict_row(input.as_slice().unwrap(), &mut row).unwrap();
                    assert_abs_diff_eq!(ndarray::aview1(&row), expected, epsilon = 2e-6);
                }
            }
        }
    }

    /// The bound of one layer: half a step of the scale for each weight.
    #[test]
    fn eight_bits_err_by_at_most_half_a_step_a_weight() {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        let mlp = Mlp::<f32>::new(MlpConfig::new(50, &[], 70).unwrap(), rng).unwrap();
        let mut predictor = Predictor::int8(&mlp);
        let inputs = Array2::from_shape_fn((9, 50), |(i, j)| ((i * 50 + j) as f32).cos());
        let exact = mlp.predict(&inputs).unwrap();
        let mut close = Array2::zeros((9, 70));
        predictor.predict_into(&inputs, &mut close).unwrap();
        let (weights, _) = mlp.layer(0).unwrap();
        for ((row, output), &close) in close.indexed_iter() {
            let largest = weights.row(output).fold(0.0_f32, |max, w| max.max(w.abs()));
            let bound = largest / 254.0 * inputs.row(row).mapv(f32::abs).sum() + 1e-5;
            assert!((close - exact[[row, output]]).abs() <= bound);
        }
        assert_ne!(close, exact);
    }

    #[test]
    fn whole_numbers_up_to_127_are_exact_in_eight_bits() {
        let mut parameters: Vec<f32> = (0..70 * 9).map(|i| (i * 37 % 255) as f32 - 127.0).collect();
        // The largest of each output decides its scale.
        parameters.chunks_mut(9).take(70).for_each(|row| row[0] = 127.0);
        parameters.extend([0.5; 70]);
        let mlp = Mlp::from_parameters(MlpConfig::new(9, &[], 70).unwrap(), parameters).unwrap();
        let inputs = Array2::from_shape_fn((5, 9), |(i, j)| ((i + j) % 4) as f32);
        let mut got = Array2::zeros((5, 70));
        Predictor::int8(&mlp).predict_into(&inputs, &mut got).unwrap();
        assert_abs_diff_eq!(got, mlp.predict(&inputs).unwrap(), epsilon = 1e-3);
    }

    #[test]
    fn bad_input_is_a_typed_error() {
        let mut predictor = Predictor::new(&networks()[0]);
        let mut output = [0.0; 6];
        assert!(matches!(
            predictor.predict_row(&[0.0; 6], &mut output),
            Err(Error::Shape { what: "the input", .. })
        ));
        assert!(matches!(
            predictor.predict_row(&[0.0; 7], &mut [0.0; 5]),
            Err(Error::Shape { what: "the output", .. })
        ));
        let nan = [0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0];
        assert!(matches!(
            predictor.predict_row(&nan, &mut output),
            Err(Error::NonFinite { index: 2, .. })
        ));
        let mut outputs = Array2::zeros((3, 6));
        assert!(predictor.predict_into(&inputs(2), &mut outputs).is_err());
    }
}
