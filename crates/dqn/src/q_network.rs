//! A network together with what its outputs mean.

use ndarray::{Array2, ArrayRef2};
use reflux_distill::Teacher;
use reflux_nn::Mlp;

use crate::error::check_length;
use crate::{Result, Values};

/// A network from observations to values of actions, which knows what its outputs mean.
///
/// It is a [`Teacher`], whose logits are the values: so that a distributional, dueling or noisy
/// agent can be distilled as any other.
#[derive(Debug, Clone, PartialEq)]
pub struct QNetwork {
    mlp: Mlp,
    values: Values,
}

impl QNetwork {
    /// A network whose outputs are `values`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless there are as many outputs for each action.
    pub fn new(mlp: Mlp, values: Values) -> Result<Self> {
        let (outputs, atoms) = (mlp.config().outputs(), values.checked()?.atoms());
        check_length("the outputs of the last action", 0, outputs % atoms)?;
        Ok(Self { mlp, values })
    }

    /// The number of actions.
    pub fn actions(&self) -> usize {
        self.mlp.config().outputs() / self.values.atoms()
    }

    /// The network.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    pub(crate) fn mlp_mut(&mut self) -> &mut Mlp {
        &mut self.mlp
    }

    pub(crate) fn into_mlp(self) -> Mlp {
        self.mlp
    }

    /// What the outputs mean.
    pub fn values(&self) -> Values {
        self.values
    }

    /// The values `[batch, actions]` of observations `[batch, observation]`.
    ///
    /// # Errors
    ///
    /// [`Error::Nn`](crate::Error::Nn) for observations of another length or with NaN.
    pub fn predict(&self, observations: &ArrayRef2<f32>) -> Result<Array2<f32>> {
        let outputs = self.mlp.predict(observations)?;
        Ok(means(self.values, &outputs))
    }
}

/// The expected returns `[batch, actions]` that outputs `[batch, actions · atoms]` stand for.
pub(crate) fn means(values: Values, outputs: &ArrayRef2<f32>) -> Array2<f32> {
    let atoms = values.atoms();
    let actions = outputs.ncols() / atoms;
    let mut means = Array2::zeros((outputs.nrows(), actions));
    for (row, mut means) in outputs.rows().into_iter().zip(means.rows_mut()) {
        let chunks = row.to_slice().unwrap_or_default().chunks_exact(atoms);
        means.iter_mut().zip(chunks).for_each(|(mean, outputs)| *mean = values.mean(outputs));
    }
    means
}

impl Teacher<f32> for QNetwork {
    fn classes(&self) -> usize {
        self.actions()
    }

    fn logits(&self, inputs: &ArrayRef2<f32>) -> reflux_distill::Result<Array2<f32>> {
        Ok(means(self.values, &self.mlp.predict(inputs)?))
    }
}
