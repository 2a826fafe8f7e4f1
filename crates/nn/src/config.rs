//! The shape of a network, checked before there is one.

use crate::sequence::Sequence;
use crate::{Activation, Error, Init, Result};

/// Which dense layers have noise, and how much at the start: see [`MlpConfig::with_noisy`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NoisyConfig {
    pub(crate) sigma: f64,
    /// Counted from the last.
    pub(crate) layers: usize,
}

/// The size, activation and initialiser of a multilayer perceptron, and what stands between its dense
/// layers.
///
/// Each hidden layer is dense, then normalised where [`with_layer_norm`](Self::with_layer_norm) says
/// so, then activated, then dropped out; the last layer is dense, with a dueling head behind it where
/// [`with_dueling`](Self::with_dueling) says so.
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
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked", into = "Unchecked"))]
pub struct MlpConfig {
    /// Inputs, the width of each hidden layer, outputs: at least two, none of them 0.
    widths: Vec<usize>,
    activation: Activation,
    init: Init,
    dropout: f64,
    input_dropout: f64,
    layer_norm: bool,
    dueling_atoms: Option<usize>,
    noisy: Option<NoisyConfig>,
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
        // As bytes of the widest type with all that a layer may have besides its weights, so that
        // nothing below can overflow.
        let parameters = widths.windows(2).try_fold(0_usize, |sum, pair| {
            pair[0].checked_add(5)?.checked_mul(pair[1])?.checked_add(sum)
        });
        if parameters.and_then(|n| n.checked_mul(64)).is_none_or(|n| n > isize::MAX as usize) {
            let got = format!("{widths:?} (inputs, hidden layers, outputs)");
            return Err(Error::config("the network's size", "one that can be addressed", got));
        }
        Ok(Self {
            widths,
            activation: Activation::default(),
            init: Init::default(),
            dropout: 0.0,
            input_dropout: 0.0,
            layer_norm: false,
            dueling_atoms: None,
            noisy: None,
        })
    }

    /// Sets the activation of the hidden layers. The last layer has none: it gives logits.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Sets the initialiser.
    pub fn with_init(self, init: Init) -> Self {
        Self { init, ..self }
    }

    /// In training, drops each hidden value with this probability (Srivastava et al. 2014; Hinton et
    /// al. 2015 train their teacher with 0.5). It is rounded to a multiple of 1/65536.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is at least 0 and less than 1.
    pub fn with_dropout(self, probability: f64) -> Result<Self> {
        Ok(Self { dropout: check_probability("dropout", probability)?, ..self })
    }

    /// In training, drops each input with this probability; 0.2 is usual.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is at least 0 and less than 1.
    pub fn with_input_dropout(self, probability: f64) -> Result<Self> {
        Ok(Self { input_dropout: check_probability("input dropout", probability)?, ..self })
    }

    /// Normalises the sums of each hidden layer before its activation (Ba, Kiros & Hinton 2016,
    /// arXiv:1607.06450).
    pub fn with_layer_norm(self, layer_norm: bool) -> Self {
        Self { layer_norm, ..self }
    }

    /// Makes the outputs from a value and an advantage for each action: `V + A − mean A` (Wang et al.
    /// 2016, arXiv:1511.06581). There are `atoms` outputs an action, one where the network gives
    /// action values, more where it gives their distributions; those of one action lie together.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless the number of outputs is a multiple of `atoms`.
    pub fn with_dueling(self, atoms: usize) -> Result<Self> {
        if atoms == 0 || self.outputs() % atoms != 0 {
            let legal = "at least 1 and a divisor of the number of outputs";
            return Err(Error::config("atoms of the dueling head", legal, atoms));
        }
        Ok(Self { dueling_atoms: Some(atoms), ..self })
    }

    /// Gives the last `layers` dense layers learned noise, whose deviation starts at `sigma/√inputs`
    /// (Fortunato et al. 2018, arXiv:1706.10295, which has 0.5 and every dense layer).
    ///
    /// Noise is drawn by [`Mlp::forward_train`](crate::Mlp::forward_train); other passes see the means.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless `sigma` is finite and at least 0, and `layers` from 1 to
    /// [`layers`](Self::layers).
    pub fn with_noisy(self, sigma: f64, layers: usize) -> Result<Self> {
        if !(sigma.is_finite() && sigma >= 0.0) {
            return Err(Error::config("sigma of the noise", "finite and at least 0", sigma));
        }
        if !(1..=self.layers()).contains(&layers) {
            let legal = "at least 1 and at most the number of dense layers";
            return Err(Error::config("noisy layers", legal, layers));
        }
        Ok(Self { noisy: Some(NoisyConfig { sigma, layers }), ..self })
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

    /// The probability with which a hidden value is dropped in training.
    pub fn dropout(&self) -> f64 {
        self.dropout
    }

    /// The probability with which an input is dropped in training.
    pub fn input_dropout(&self) -> f64 {
        self.input_dropout
    }

    /// Whether hidden layers are normalised.
    pub fn layer_norm(&self) -> bool {
        self.layer_norm
    }

    /// With a dueling head, how many outputs an action has.
    pub fn dueling_atoms(&self) -> Option<usize> {
        self.dueling_atoms
    }

    pub(crate) fn noisy(&self) -> Option<NoisyConfig> {
        self.noisy
    }

    /// How many dense layers there are: one more than there are hidden layers.
    pub fn layers(&self) -> usize {
        self.widths.len() - 1
    }

    /// The number of parameters: weights and biases, and what normalisation and noise add.
    pub fn parameters(&self) -> usize {
        Sequence::new(self).parameters()
    }

    /// Multiplications of one row's forward pass in the dense layers, each with an addition.
    pub fn multiply_adds(&self) -> usize {
        let sequence = Sequence::new(self);
        let widths = sequence.dense.iter().map(|&dense| sequence.layers[dense].widths());
        widths.map(|(inputs, outputs)| inputs * outputs).sum()
    }
}

fn check_probability(name: &'static str, probability: f64) -> Result<f64> {
    if (0.0..1.0).contains(&probability) {
        Ok(probability)
    } else {
        Err(Error::config(name, "at least 0 and less than 1", probability))
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
    #[serde(default)]
    dropout: f64,
    #[serde(default)]
    input_dropout: f64,
    #[serde(default)]
    layer_norm: bool,
    #[serde(default)]
    dueling_atoms: Option<usize>,
    #[serde(default)]
    noisy_sigma: Option<f64>,
    #[serde(default)]
    noisy_layers: usize,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for MlpConfig {
    type Error = Error;
    fn try_from(unchecked: Unchecked) -> Result<Self> {
        let mut config = Self::new(unchecked.inputs, &unchecked.hidden, unchecked.outputs)?
            .with_activation(unchecked.activation)
            .with_init(unchecked.init)
            .with_dropout(unchecked.dropout)?
            .with_input_dropout(unchecked.input_dropout)?
            .with_layer_norm(unchecked.layer_norm);
        if let Some(atoms) = unchecked.dueling_atoms {
            config = config.with_dueling(atoms)?;
        }
        if let Some(sigma) = unchecked.noisy_sigma {
            config = config.with_noisy(sigma, unchecked.noisy_layers)?;
        }
        Ok(config)
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
            dropout: config.dropout,
            input_dropout: config.input_dropout,
            layer_norm: config.layer_norm,
            dueling_atoms: config.dueling_atoms,
            noisy_sigma: config.noisy.map(|noisy| noisy.sigma),
            noisy_layers: config.noisy.map_or(0, |noisy| noisy.layers),
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
