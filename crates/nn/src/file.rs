//! Networks in safetensors files, under the names that PyTorch's `nn.Sequential` gives them.
//!
//! Layer `l` of the sequence is stored as `{l}.weight` and `{l}.bias` in f32, a dense layer's weights
//! as `[outputs, inputs]`: `nn.Sequential(Linear, ReLU, Linear)` has `0.weight`, `0.bias`, `2.weight`
//! and `2.bias`. A noisy layer has `{l}.weight_sigma` and `{l}.bias_sigma` besides. What the tensors do
//! not tell, such as the activation, stands in the file's metadata.

use std::collections::BTreeMap;
use std::path::Path;

use crate::archive::{Archive, write_whole};
use crate::layer::Layer;
use crate::sequence::Sequence;
use crate::{Activation, Error, Init, Mlp, MlpConfig, Result};

impl Mlp<f32> {
    /// Writes the network to `path` as safetensors. The file is written beside it and renamed, so
    /// that `path` is at every moment either what it was or whole.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where the folder cannot be written to or the disk is full.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.to_archive().to_bytes();
        write_whole(path, &bytes.map_err(|problem| Error::file(path, problem))?)
    }

    /// Reads a network that [`Mlp::save`] wrote, or one that PyTorch wrote from an `nn.Sequential` of
    /// `Linear` layers with activations, and perhaps `LayerNorm` before and `Dropout` after them.
    /// Where the file does not name the activation, it is taken to be ReLU; [`Mlp::config`] tells,
    /// and [`Mlp::load_as`] takes another.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for a file that is missing, truncated, corrupt, of another type than f32, or
    /// whose tensors are not those of such a network.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        Self::decode(&bytes, config_of).map_err(|problem| Error::file(path, problem))
    }

    /// The same for a network of this configuration.
    ///
    /// # Errors
    ///
    /// [`Error::File`] as for [`Mlp::load`], and where the tensors do not fit the configuration.
    pub fn load_as(config: MlpConfig, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        Self::decode(&bytes, |_| Ok(config)).map_err(|problem| Error::file(path, problem))
    }

    /// The bytes that [`Mlp::save`] writes.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where safetensors cannot hold them.
    pub fn to_safetensors_bytes(&self) -> Result<Vec<u8>> {
        self.to_archive().to_bytes().map_err(|problem| Error::Format { what: "a network", problem })
    }

    /// [`Mlp::load`] from bytes in memory: a network that is part of the program, say.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where [`Mlp::load`] gives [`Error::File`].
    pub fn from_safetensors_bytes(bytes: &[u8]) -> Result<Self> {
        Self::decode(bytes, config_of)
            .map_err(|problem| Error::Format { what: "a network", problem })
    }

    fn decode(
        bytes: &[u8],
        config: impl FnOnce(&Archive<'_>) -> Result<MlpConfig, String>,
    ) -> Result<Self, String> {
        let archive = Archive::parse(bytes)?;
        let config = config(&archive)?;
        Self::from_archive(config, archive)
    }

    pub(crate) fn to_archive(&self) -> Archive<'static> {
        let mut archive = Archive { texts: texts_of(self.config()), ..Archive::default() };
        for tensor in tensors_of(self.sequence()) {
            let values = &self.parameters()[tensor.start..tensor.start + tensor.len()];
            archive.insert(tensor.name, tensor.shape, values);
        }
        archive
    }

    /// From an archive that also tells the configuration.
    pub(crate) fn from_own_archive(archive: Archive<'_>) -> Result<Self, String> {
        Self::from_archive(config_of(&archive)?, archive)
    }

    fn from_archive(config: MlpConfig, archive: Archive<'_>) -> Result<Self, String> {
        let sequence = Sequence::new(&config);
        let expected = tensors_of(&sequence);
        // What the file holds bounds what is allocated.
        for Tensor { name, shape, .. } in &expected {
            let Some(tensor) = archive.tensors.get(name) else {
                return Err(format!("lacks the tensor {name}"));
            };
            if tensor.shape != *shape {
                return Err(format!("{name} must have shape {shape:?}, got {:?}", tensor.shape));
            }
        }
        if archive.tensors.len() != expected.len() {
            let names: Vec<&str> = expected.iter().map(|tensor| tensor.name.as_str()).collect();
            let got: Vec<&String> = archive.tensors.keys().collect();
            return Err(format!("must hold {names:?} alone, but holds {got:?}"));
        }
        let mut parameters = vec![0.0; sequence.parameters()];
        for Tensor { name, start, .. } in &expected {
            let tensor = &archive.tensors[name];
            let length = tensor.shape.iter().product::<usize>();
            tensor.read_into(name, &mut parameters[*start..*start + length])?;
        }
        Self::from_parameters(config, parameters).map_err(|error| error.to_string())
    }
}

/// A tensor of a file, and where its values lie among the parameters.
struct Tensor {
    name: String,
    shape: Vec<usize>,
    start: usize,
}

impl Tensor {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Every tensor of a network, in the order of its parameters.
fn tensors_of(sequence: &Sequence) -> Vec<Tensor> {
    let mut tensors: Vec<Tensor> = Vec::new();
    let mut add = |name: String, shape: &[usize]| {
        let start = tensors.last().map_or(0, |last| last.start + last.len());
        tensors.push(Tensor { name, shape: shape.to_vec(), start });
    };
    for (index, layer) in sequence.layers.iter().enumerate() {
        let (inputs, outputs) = layer.widths();
        match layer {
            Layer::Linear(_) => {
                add(format!("{index}.weight"), &[outputs, inputs]);
                add(format!("{index}.bias"), &[outputs]);
            }
            Layer::Noisy(_) => {
                for kind in ["", "_sigma"] {
                    add(format!("{index}.weight{kind}"), &[outputs, inputs]);
                    add(format!("{index}.bias{kind}"), &[outputs]);
                }
            }
            Layer::LayerNorm(_) => {
                add(format!("{index}.weight"), &[outputs]);
                add(format!("{index}.bias"), &[outputs]);
            }
            Layer::Activation(..) | Layer::Dropout(_) | Layer::Dueling(_) => {}
        }
    }
    tensors
}

const ACTIVATION: &str = "activation";
const DROPOUT: &str = "dropout";
const INPUT_DROPOUT: &str = "input_dropout";
const DUELING: &str = "dueling_atoms";
const NOISY: &str = "noisy_sigma";
const INIT: &str = "init";

fn texts_of(config: &MlpConfig) -> BTreeMap<String, String> {
    let mut archive = Archive::default();
    archive.set(ACTIVATION, config.activation().name());
    archive.set(INIT, config.init().name());
    for (key, probability) in [(DROPOUT, config.dropout()), (INPUT_DROPOUT, config.input_dropout())]
    {
        if probability > 0.0 {
            archive.set(key, probability);
        }
    }
    if let Some(atoms) = config.dueling_atoms() {
        archive.set(DUELING, atoms);
    }
    if let Some(noisy) = config.noisy() {
        archive.set(NOISY, noisy.sigma);
    }
    archive.texts
}

/// The configuration that a file's tensors and metadata tell of.
fn config_of(archive: &Archive<'_>) -> Result<MlpConfig, String> {
    let activation = match archive.texts.get(ACTIVATION) {
        None => Activation::default(),
        Some(name) => Activation::from_name(name)
            .ok_or_else(|| format!("names the activation {name:?}, which is unknown"))?,
    };
    let init = match archive.texts.get(INIT) {
        None => Init::default(),
        Some(name) => Init::from_name(name)
            .ok_or_else(|| format!("names the initialiser {name:?}, which is unknown"))?,
    };
    // The dense layers, in order, are the matrices of weights.
    let mut dense: Vec<(usize, [usize; 2])> = Vec::new();
    for (name, tensor) in &archive.tensors {
        let index = name.strip_suffix(".weight").and_then(|index| index.parse().ok());
        if let (Some(index), &[outputs, inputs]) = (index, tensor.shape.as_slice()) {
            dense.push((index, [outputs, inputs]));
        }
    }
    dense.sort_unstable();
    let (Some(&(first, [_, inputs])), Some(&(last, [last_outputs, _]))) =
        (dense.first(), dense.last())
    else {
        return Err(format!(
            "must hold the tensors 0.weight, 0.bias, 2.weight, 2.bias, ... of an nn.Sequential, but \
             holds {:?}",
            archive.tensors.keys()
        ));
    };
    let hidden: Vec<usize> =
        dense[..dense.len() - 1].iter().map(|(_, [outputs, _])| *outputs).collect();
    let atoms = archive.number::<usize>(DUELING)?;
    let outputs = last_outputs
        .checked_sub(atoms.unwrap_or(0))
        .ok_or_else(|| format!("has a dueling head of {last_outputs} outputs, which is too few"))?;

    let checked = |error: Error| error.to_string();
    let mut config = MlpConfig::new(inputs, &hidden, outputs).map_err(checked)?;
    config = config.with_activation(activation).with_init(init);
    // In the sequence, normalisation and dropout take a number each.
    let norms = archive.tensors.keys().any(|name| {
        let norm = name.strip_suffix(".weight").and_then(|index| index.parse::<usize>().ok());
        norm.is_some_and(|index| !dense.iter().any(|(dense, _)| *dense == index))
    });
    config = config.with_layer_norm(norms);
    let per_block = 1 + usize::from(norms) + usize::from(activation != Activation::Identity);
    let dropped = !hidden.is_empty() && last - first > hidden.len() * per_block;
    let dropout = archive.number(DROPOUT)?.unwrap_or(if dropped { 0.5 } else { 0.0 });
    let input_dropout = archive.number(INPUT_DROPOUT)?.unwrap_or(if first > 0 { 0.5 } else { 0.0 });
    config = config.with_dropout(dropout).map_err(checked)?;
    config = config.with_input_dropout(input_dropout).map_err(checked)?;
    if let Some(atoms) = atoms {
        config = config.with_dueling(atoms).map_err(checked)?;
    }
    if let Some(sigma) = archive.number(NOISY)? {
        let noisy = archive.tensors.keys().filter(|name| name.ends_with(".weight_sigma")).count();
        config = config.with_noisy(sigma, noisy).map_err(checked)?;
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn mlp() -> Mlp<f32> {
        let config = MlpConfig::new(3, &[5, 4], 2).unwrap().with_activation(Activation::Tanh);
        Mlp::new(config, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap()
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mlp.safetensors");
        mlp().save(&path).unwrap();
        mlp().save(&path).unwrap(); // over an existing file
        assert_eq!(Mlp::load(&path).unwrap(), mlp());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn names_and_layout_are_those_of_nn_sequential() {
        let bytes = mlp().to_safetensors_bytes().unwrap();
        let tensors = Archive::parse(&bytes).unwrap().tensors;
        let mut values = [0.0; 20];
        tensors["2.weight"].read_into("2.weight", &mut values).unwrap();
        let (weights, _) = mlp().layer(1).map(|(w, b)| (w.to_owned(), b.to_owned())).unwrap();
        assert_eq!(tensors["2.weight"].shape, [4, 5]);
        assert_eq!(values[1], weights[[0, 1]]); // output 0, input 1
        assert_eq!(tensors["4.bias"].shape, [2]);
    }

    #[test]
    fn every_kind_of_layer_is_saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mlp.safetensors");
        let plain = || MlpConfig::new(3, &[5, 4], 6).unwrap();
        let configs = [
            plain().with_layer_norm(true).with_dropout(0.25).unwrap(),
            plain().with_input_dropout(0.2).unwrap().with_activation(Activation::Gelu),
            plain().with_dueling(3).unwrap().with_noisy(0.4, 2).unwrap(),
            plain().with_activation(Activation::Identity).with_init(Init::Orthogonal),
            MlpConfig::new(3, &[], 6).unwrap(),
        ];
        for config in configs {
            let mlp = Mlp::new(config, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap();
            mlp.save(&path).unwrap();
            assert_eq!(Mlp::load(&path).unwrap(), mlp);
            assert_eq!(Mlp::load_as(mlp.config().clone(), &path).unwrap(), mlp);
            let other = mlp.config().clone().with_layer_norm(!mlp.config().layer_norm());
            if !mlp.config().hidden().is_empty() {
                assert!(matches!(Mlp::load_as(other, &path), Err(Error::File { .. })));
            }
        }
    }

    #[test]
    fn every_truncation_and_other_damage_is_a_typed_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mlp.safetensors");
        let bytes = mlp().to_safetensors_bytes().unwrap();
        let load = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Mlp::load(&path)
        };
        for length in 0..bytes.len() {
            assert!(matches!(load(&bytes[..length]), Err(Error::File { .. })));
        }
        let mut huge_header = bytes.clone();
        huge_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(load(&huge_header).is_err());
        let mut nan = bytes.clone();
        let last = nan.len() - 4;
        nan[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(load(&nan).unwrap_err().to_string().contains("must be finite"));
        assert!(matches!(Mlp::load(folder.path().join("none")), Err(Error::File { .. })));
        assert!(mlp().save(folder.path().join("no/such/folder")).is_err());
    }
}
