//! The shape of a network, checked before there is one.

use crate::{Activation, Error, Init, Result};

/// The size, activation and initialiser of a multilayer perceptron.
///
/// # Example
///
/// ```
/// use reflux_nn::{Activation, MlpConfig};
///
/// let config = MlpConfig::new(784, &[800, 800], 10)?.with_activation(Activation::Tanh);
/// assert_eq!(config.parameters(), 784 * 800 + 800 + 800 * 800 + 800 + 800 * 10 + 10);
/// assert!(MlpConfig::new(784, &[0], 10).is_err());
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct MlpConfig {
    /// Inputs, the width of each hidden layer, outputs: at least two, none of them 0.
    widths: Vec<usize>,
    activation: Activation,
    init: Init,
}

impl MlpConfig {
    /// `inputs` features, hidden layers as wide as `hidden` says (none makes a linear model), and
    /// `outputs` logits or values. ReLU, and PyTorch's initialiser.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a width of 0, or a number of parameters beyond the address space.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize) -> Result<Self> {
        let widths: Vec<usize> = [inputs].iter().chain(hidden).chain(&[outputs]).copied().collect();
        if widths.contains(&0) {
            let got = format!("{widths:?} (inputs, hidden layers, outputs)");
            return Err(Error::config("each width of the network", "at least 1", got));
        }
        // As bytes of the widest type, so that nothing below can overflow.
        let parameters = widths.windows(2).try_fold(0_usize, |sum, pair| {
            pair[0].checked_add(1)?.checked_mul(pair[1])?.checked_add(sum)
        });
        if parameters.and_then(|n| n.checked_mul(8)).is_none_or(|n| n > isize::MAX as usize) {
            let got = format!("{widths:?} (inputs, hidden layers, outputs)");
            return Err(Error::config("the network's size", "one that can be addressed", got));
        }
        Ok(Self { widths, activation: Activation::default(), init: Init::default() })
    }

    /// Sets the activation of the hidden layers. The last layer has none: it gives logits.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Sets the initialiser.
    pub fn with_init(self, init: Init) -> Self {
        Self { init, ..self }
    }

    /// The number of input features.
    pub fn inputs(&self) -> usize {
        self.widths[0]
    }

    /// The widths of the hidden layers.
    pub fn hidden(&self) -> &[usize] {
        &self.widths[1..self.widths.len() - 1]
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// The activation of the hidden layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The initialiser.
    pub fn init(&self) -> Init {
        self.init
    }

    /// How many layers have weights: one more than there are hidden layers.
    pub fn layers(&self) -> usize {
        self.widths.len() - 1
    }

    /// The number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.widths.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
    }

    /// Multiplications of one row's forward pass, each with an addition.
    pub fn multiply_adds(&self) -> usize {
        self.widths.windows(2).map(|pair| pair[0] * pair[1]).sum()
    }

    /// Inputs, the width of each hidden layer, outputs.
    pub(crate) fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Where the parameters of layer `index` start.
    pub(crate) fn layer_start(&self, index: usize) -> usize {
        self.widths[..=index].windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
    }

    /// The inputs and outputs of layer `index`.
    pub(crate) fn layer(&self, index: usize) -> (usize, usize) {
        (self.widths[index], self.widths[index + 1])
    }

    /// The activation of layer `index`.
    pub(crate) fn layer_activation(&self, index: usize) -> Activation {
        if index + 1 == self.layers() { Activation::Identity } else { self.activation }
    }
}

impl std::fmt::Display for MlpConfig {
    /// The widths, as in `784-800-800-10`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let widths: Vec<String> = self.widths.iter().map(ToString::to_string).collect();
        f.write_str(&widths.join("-"))
    }
}

/// What is read from a file, before it is checked.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    inputs: usize,
    hidden: Vec<usize>,
    outputs: usize,
    #[serde(default)]
    activation: Activation,
    #[serde(default)]
    init: Init,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for MlpConfig {
    type Error = Error;
    fn try_from(unchecked: Unchecked) -> Result<Self> {
        let config = Self::new(unchecked.inputs, &unchecked.hidden, unchecked.outputs)?;
        Ok(config.with_activation(unchecked.activation).with_init(unchecked.init))
    }
}

#[cfg(feature = "serde")]
impl From<MlpConfig> for Unchecked {
    fn from(config: MlpConfig) -> Self {
        Self {
            inputs: config.inputs(),
            hidden: config.hidden().to_vec(),
            outputs: config.outputs(),
            activation: config.activation,
            init: config.init,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_sizes_are_refused() {
        for (inputs, hidden, outputs) in
            [(0, vec![], 1), (1, vec![0], 1), (1, vec![], 0), (1 << 40, vec![1 << 40], 1)]
        {
            assert!(matches!(MlpConfig::new(inputs, &hidden, outputs), Err(Error::Config { .. })));
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_config_is_checked_when_it_is_read() {
        let config = MlpConfig::new(4, &[8], 2).unwrap().with_activation(Activation::Tanh);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<MlpConfig>(&text).unwrap(), config);
        let zero = r#"{"inputs": 4, "hidden": [0], "outputs": 2}"#;
        assert!(serde_json::from_str::<MlpConfig>(zero).is_err());
    }
}
