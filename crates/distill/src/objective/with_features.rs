//! A loss of a hidden layer beside an objective on the outputs.
//!
//! ```text
//! L = L_outputs + w·L_features(s, t)
//! ```
//!
//! `s` the values of a hidden layer of the student, `t` those of a layer of the teacher.

use ndarray::{Array2, ArrayRef2, ArrayView2, Axis};
use reflux_nn::{Mlp, Objective, Real, Workspace};

use super::FeatureLoss;
use super::memory::Memory;
use crate::{Error, Result, Schedule};

/// An [`Objective`] with a [`FeatureLoss`] of one hidden layer, times a weight.
///
/// To compare several layers, put one around the other; of the same layer there can be only one.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use ndarray::Array2;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_distill::{Distill, Hint, Hinton, SoftTargets, WithFeatures, hidden_features};
/// use reflux_nn::{Adam, Fit, Mlp, MlpConfig};
///
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let inputs = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (7 + 4 * j)) as f32).sin());
/// let teacher = Mlp::new(MlpConfig::new(2, &[32, 24], 3)?, rng)?;
/// let targets = SoftTargets::from_teacher(&teacher, &inputs)?;
///
/// let mut student = Mlp::new(MlpConfig::new(2, &[8], 3)?, rng)?;
/// let outputs = Distill::unlabelled(&targets, Hinton::new().with_alpha(0.0)?)?;
/// let features = hidden_features(&teacher, &inputs, 1)?;
/// let hint = Hint::new(8, features.ncols(), Adam::new(0.01)?, rng)?;
/// let mut objective = WithFeatures::new(outputs, hint, &features, 0)?.with_weight(0.1)?;
/// let (fit, mut adam) = (Fit::new(10, 20)?, Adam::new(0.01)?);
/// fit.run(&mut student, &inputs, &mut objective, &mut adam, rng, |_| ControlFlow::Continue(()))?;
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct WithFeatures<'a, O, L, F = f32> {
    objective: O,
    loss: L,
    teacher: ArrayView2<'a, F>,
    layer: usize,
    weight: Schedule,
    step: u64,
    memory: Memory<F>,
}

impl<'a, F: Real, O: Objective<F>, L: FeatureLoss<F>> WithFeatures<'a, O, L, F> {
    /// `objective` as it is, and `loss` between the student's hidden layer `layer`, from 0, and the
    /// `teacher`'s features `[rows, width]`, with weight 1.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there are features for each row of the objective.
    pub fn new(objective: O, loss: L, teacher: &'a ArrayRef2<F>, layer: usize) -> Result<Self> {
        if teacher.nrows() != objective.rows() {
            return Err(Error::Shape {
                what: "the teacher's features",
                expected: vec![objective.rows(), teacher.ncols()],
                got: teacher.shape().to_vec(),
            });
        }
        let (teacher, weight, memory) = (teacher.view(), 1.0.into(), Memory::default());
        Ok(Self { objective, loss, teacher, layer, weight, step: 0, memory })
    }

    /// Sets the weight of the features.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] unless it is finite and at least 0.
    pub fn with_weight(self, weight: impl Into<Schedule>) -> Result<Self> {
        Ok(Self { weight: weight.into().checked_weight("the weight of features")?, ..self })
    }
}

impl<F: Real, O: Objective<F>, L: FeatureLoss<F>> Objective<F> for WithFeatures<'_, O, L, F> {
    fn rows(&self) -> usize {
        self.objective.rows()
    }

    fn value_and_gradient(
        &mut self,
        rows: &[usize],
        outputs: &ArrayRef2<F>,
        gradient: &mut ArrayRef2<F>,
    ) -> reflux_nn::Result<F> {
        self.objective.value_and_gradient(rows, outputs, gradient)
    }

    fn hidden_value_and_gradient(
        &mut self,
        rows: &[usize],
        workspace: &mut Workspace<F>,
    ) -> reflux_nn::Result<F> {
        let other_layers = self.objective.hidden_value_and_gradient(rows, workspace)?;
        let [mut teacher] = self.memory.matrices([(rows.len(), self.teacher.ncols())]);
        for (&row, mut features) in rows.iter().zip(teacher.rows_mut()) {
            if row >= self.teacher.nrows() {
                return Err(reflux_nn::Error::Row { row, rows: self.teacher.nrows() });
            }
            features.assign(&self.teacher.row(row));
        }
        let layer = self.layer;
        let (student, mut gradient) =
            workspace.hidden_and_gradient_mut(layer).ok_or(Error::HiddenLayer { layer })?;
        let value = self.loss.value_and_gradient(&student, &teacher, &mut gradient)?;
        let weight = F::from_f64(self.weight.at(self.step));
        gradient *= weight;
        self.loss.step()?;
        self.step += 1;
        Ok(other_layers + weight * value)
    }
}

/// The values `[rows, width]` of a network's hidden layer `layer`, from 0, for every row of `inputs`
/// `[rows, features]`: what a teacher's features are.
///
/// # Errors
///
/// [`Error::HiddenLayer`] for one that there is not, inputs of the wrong shape, [`Error::Feature`] for a
/// value that is not finite.
pub fn hidden_features<F: Real>(
    network: &Mlp<F>,
    inputs: &ArrayRef2<F>,
    layer: usize,
) -> Result<Array2<F>> {
    let width = *network.config().hidden().get(layer).ok_or(Error::HiddenLayer { layer })?;
    let mut features = Array2::zeros((inputs.nrows(), width));
    let mut workspace = Workspace::new();
    for (inputs, mut out) in
        inputs.axis_chunks_iter(Axis(0), 256).zip(features.axis_chunks_iter_mut(Axis(0), 256))
    {
        network.forward(&inputs, &mut workspace)?;
        out.assign(&workspace.hidden(layer).ok_or(Error::HiddenLayer { layer })?);
    }
    match features.indexed_iter().find(|(_, x)| !x.is_finite()) {
        Some(((row, _), value)) => {
            Err(Error::Feature { whose: "teacher", row, value: value.as_f64() })
        }
        None => Ok(features),
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use reflux_nn::{Activation, HardLabels, MlpConfig};

    use super::*;
    use crate::{Hint, Relational, Similarity};

    fn inputs() -> Array2<f64> {
        Array2::from_shape_fn((6, 3), |(i, j)| ((i * 5 + j * 3) as f64 * 0.9).sin())
    }

    fn network(hidden: &[usize], seed: u64) -> Mlp<f64> {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let config = MlpConfig::new(3, hidden, 2).unwrap().with_activation(Activation::Tanh);
        Mlp::new(config, rng).unwrap()
    }

    #[test]
    fn hidden_features_are_those_of_the_layer() {
        let teacher = network(&[5, 4], 1);
        let features = hidden_features(&teacher, &inputs(), 1).unwrap();
        let mut workspace = Workspace::new();
        teacher.forward(&inputs(), &mut workspace).unwrap();
        assert_eq!(features, workspace.hidden(1).unwrap());
        let error = hidden_features(&teacher, &inputs(), 2).unwrap_err().to_string();
        assert_eq!(error, "there is no hidden layer 2 (they count from 0)");
    }

    /// The gradient that a step of the training loop uses is that of the whole loss, for every
    /// parameter of the student, with one loss around another.
    #[test]
    fn gradients_of_all_parameters_match_central_differences() {
        let teacher = network(&[5, 4], 1);
        let [first, second] = [0, 1].map(|layer| hidden_features(&teacher, &inputs(), layer));
        let (first, second) = (first.unwrap(), second.unwrap());
        let labels = [0, 1, 1, 0, 1, 0];
        let student = network(&[4, 3], 2);
        let value_and_gradients = |student: &Mlp<f64>| {
            let hard = HardLabels::new(&labels);
            let of_first = WithFeatures::new(hard, Similarity::new(), &first, 0).unwrap();
            let of_first = of_first.with_weight(3.0).unwrap();
            let loss = Relational::new();
            let mut both = WithFeatures::new(of_first, loss, &second, 1).unwrap();
            let rows = [4, 0, 3, 2];
            let batch = inputs().select(Axis(0), &rows);
            let mut workspace = Workspace::new();
            student.forward(&batch, &mut workspace).unwrap();
            let (outputs, mut gradient) = workspace.outputs_and_gradient_mut();
            let value = both.value_and_gradient(&rows, &outputs, &mut gradient).unwrap();
            let hidden = both.hidden_value_and_gradient(&rows, &mut workspace).unwrap();
            assert!(hidden > 0.01);
            student.backward(&batch, &mut workspace).unwrap();
            (value + hidden, workspace.gradients().to_vec())
        };
        let (_, gradients) = value_and_gradients(&student);
        for (index, &gradient) in gradients.iter().enumerate() {
            let at = |h: f64| {
                let mut moved = student.clone();
                moved.parameters_mut()[index] += h;
                value_and_gradients(&moved).0
            };
            let difference = |h: f64| (at(h) - at(-h)) / (2.0 * h);
            let expected = (4.0 * difference(1e-3) - difference(2e-3)) / 3.0;
            assert_relative_eq!(gradient, expected, max_relative = 1e-7, epsilon = 1e-9);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (features, labels) = (Array2::<f64>::zeros((6, 4)), [0; 6]);
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let adam = reflux_nn::Adam::new(0.1).unwrap();
        let hint = Hint::new(9, 4, adam, rng).unwrap();
        let short = HardLabels::new(&labels[..5]);
        assert!(WithFeatures::new(short, hint.clone(), &features, 0).is_err());
        let run = |layer, student: &Mlp<f64>| {
            let hard = HardLabels::new(&labels);
            let mut objective = WithFeatures::new(hard, hint.clone(), &features, layer).unwrap();
            let mut workspace = Workspace::new();
            student.forward(&inputs(), &mut workspace).unwrap();
            objective.hidden_value_and_gradient(&[0, 1, 2, 3, 4, 5], &mut workspace).unwrap_err()
        };
        let error = run(3, &network(&[9], 0)).to_string();
        assert!(error.contains("there is no hidden layer 3"), "{error}");
        assert!(run(0, &network(&[8], 0)).to_string().contains("must have shape"));
    }
}
