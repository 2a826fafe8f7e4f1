//! Activation functions, applied in place, with derivatives taken from the output.

use reflux_softmax::Real;

/// What a layer does to each of its sums.
///
/// Each derivative here can be told from the output alone, so a network keeps no sums for the
/// backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Activation {
    /// `x`: what the last layer of a network has, so that it gives logits.
    Identity,
    /// `max(x, 0)`, with derivative 0 at 0. The default for hidden layers.
    #[default]
    Relu,
    /// `tanh x`.
    Tanh,
    /// `1/(1 + exp(−x))`.
    Sigmoid,
}

impl Activation {
    /// Overwrites sums with activations.
    pub(crate) fn apply_inplace<F: Real>(self, values: &mut [F]) {
        match self {
            Self::Identity => {}
            // Not `max`, which would turn a NaN into 0 and hide it.
            Self::Relu => {
                values.iter_mut().for_each(|x| *x = if *x < F::zero() { F::zero() } else { *x });
            }
            Self::Tanh => values.iter_mut().for_each(|x| *x = x.tanh()),
            Self::Sigmoid => values.iter_mut().for_each(|x| *x = (F::one() + (-*x).exp()).recip()),
        }
    }

    /// Multiplies the gradient with respect to the activations by their derivative, which makes it
    /// the gradient with respect to the sums.
    pub(crate) fn backward_inplace<F: Real>(self, activations: &[F], gradient: &mut [F]) {
        let pairs = gradient.iter_mut().zip(activations);
        match self {
            Self::Identity => {}
            Self::Relu => {
                pairs.for_each(|(g, &a)| *g = if a > F::zero() { *g } else { F::zero() });
            }
            Self::Tanh => pairs.for_each(|(g, &a)| *g *= F::one() - a * a),
            Self::Sigmoid => pairs.for_each(|(g, &a)| *g *= a * (F::one() - a)),
        }
    }

    /// The name that files hold.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Identity, Self::Relu, Self::Tanh, Self::Sigmoid]
            .into_iter()
            .find(|activation| activation.name() == name)
    }
}
