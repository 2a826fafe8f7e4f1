//! Networks in safetensors files, under the names that PyTorch's `nn.Sequential` gives them.
//!
//! Layer `l` is stored as `{2l}.weight` `[outputs, inputs]` and `{2l}.bias` `[outputs]` in f32: in
//! `nn.Sequential(Linear, ReLU, Linear, ...)` the activations take the odd numbers. The activation
//! stands in the file's metadata.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::mlp::split_layer_mut;
use crate::{Activation, Error, Mlp, MlpConfig, Result};

const ACTIVATION: &str = "activation";

impl Mlp<f32> {
    /// Writes the network to `path` as safetensors. The file is written beside it and renamed, so
    /// that `path` is at every moment either what it was or whole.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where the folder cannot be written to or the disk is full.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.to_safetensors().map_err(|error| Error::file(path, error))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let write = || -> std::io::Result<()> {
            let mut beside = tempfile::NamedTempFile::new_in(folder)?;
            beside.write_all(&bytes)?;
            beside.as_file().sync_all()?;
            beside.persist(path)?;
            Ok(())
        };
        write().map_err(|error| Error::file(path, format!("cannot be written: {error}")))
    }

    /// Reads a network that [`Mlp::save`] wrote, or one that PyTorch wrote from an `nn.Sequential` of
    /// `Linear` layers with activations between them. Where the file does not name the activation,
    /// it is taken to be ReLU; [`Mlp::config`] tells.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for a file that is missing, truncated, corrupt, of another type than f32, or
    /// whose tensors are not those of such a network.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        Self::from_safetensors(&bytes).map_err(|problem| Error::file(path, problem))
    }

    fn to_safetensors(&self) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let little_endian =
            |values: &mut dyn Iterator<Item = &f32>| values.flat_map(|x| x.to_le_bytes()).collect();
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for (index, (weights, bias)) in (0..).map_while(|index| Some((index, self.layer(index)?))) {
            let (inputs, outputs) = weights.dim();
            let transposed = little_endian(&mut weights.t().iter());
            tensors.push((weight_name(index), vec![outputs, inputs], transposed));
            tensors.push((bias_name(index), vec![outputs], little_endian(&mut bias.iter())));
        }
        let views = tensors
            .iter()
            .map(|(name, shape, data)| {
                Ok((name, TensorView::new(Dtype::F32, shape.clone(), data)?))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let activation = self.config().activation().name().to_owned();
        let metadata = HashMap::from([(ACTIVATION.to_owned(), activation)]);
        safetensors::serialize(views, Some(metadata))
    }

    fn from_safetensors(bytes: &[u8]) -> Result<Self, String> {
        let broken =
            |error: safetensors::SafeTensorError| format!("is no safetensors file: {error}");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
        let activation = match header.metadata().as_ref().and_then(|map| map.get(ACTIVATION)) {
            None => Activation::Relu,
            Some(name) => Activation::from_name(name)
                .ok_or_else(|| format!("names the activation {name:?}, which is unknown"))?,
        };

        let mut layers: Vec<(Array2<f32>, Vec<f32>)> = Vec::new();
        while tensors.names().contains(&weight_name(layers.len()).as_str()) {
            layers.push(read_layer(&tensors, layers.len())?);
        }
        if layers.is_empty() || tensors.len() != 2 * layers.len() {
            return Err(format!(
                "must hold the tensors 0.weight, 0.bias, 2.weight, 2.bias, ... of an \
                 nn.Sequential, but holds {:?}",
                tensors.names()
            ));
        }
        let widths: Vec<usize> = layers.iter().map(|(weights, _)| weights.ncols()).collect();
        let (hidden, outputs) = widths.split_at(widths.len() - 1);
        for (index, pair) in layers.windows(2).enumerate() {
            let (given, taken) = (pair[0].0.ncols(), pair[1].0.nrows());
            if given != taken {
                return Err(format!("layer {index} gives {given} values, the next takes {taken}"));
            }
        }
        let config = MlpConfig::new(layers[0].0.nrows(), hidden, outputs[0])
            .map_err(|error| error.to_string())?
            .with_activation(activation);
        let mut parameters = vec![0.0; config.parameters()];
        for (index, (weights, bias)) in layers.iter().enumerate() {
            let (mut weight_slots, mut bias_slots) =
                split_layer_mut(&config, &mut parameters, index);
            weight_slots.assign(weights);
            bias_slots.assign(&ndarray::aview1(bias));
        }
        Self::from_parameters(config, parameters).map_err(|error| error.to_string())
    }
}

fn weight_name(layer: usize) -> String {
    format!("{}.weight", 2 * layer)
}

fn bias_name(layer: usize) -> String {
    format!("{}.bias", 2 * layer)
}

/// The weights `[inputs, outputs]` and the bias of one layer.
fn read_layer(tensors: &SafeTensors<'_>, layer: usize) -> Result<(Array2<f32>, Vec<f32>), String> {
    let (weight_shape, weights) = read_tensor(tensors, &weight_name(layer))?;
    let (bias_shape, bias) = read_tensor(tensors, &bias_name(layer))?;
    let &[outputs, inputs] = weight_shape.as_slice() else {
        return Err(format!("{} must have 2 dimensions, got {weight_shape:?}", weight_name(layer)));
    };
    if bias_shape != [outputs] {
        return Err(format!(
            "{} must have shape {:?}, got {bias_shape:?}",
            bias_name(layer),
            [outputs]
        ));
    }
    let weights = ArrayView2::from_shape((outputs, inputs), &weights)
        .map_err(|error| format!("{}: {error}", weight_name(layer)))?;
    Ok((weights.t().to_owned(), bias))
}

fn read_tensor(tensors: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
    let tensor = tensors.tensor(name).map_err(|error| format!("{name}: {error}"))?;
    if tensor.dtype() != Dtype::F32 {
        return Err(format!("{name} must be F32, got {:?}", tensor.dtype()));
    }
    let (quads, _) = tensor.data().as_chunks::<4>();
    Ok((tensor.shape().to_vec(), quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect()))
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
        let bytes = mlp().to_safetensors().unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let (shape, values) = read_tensor(&tensors, "2.weight").unwrap();
        let (weights, _) = mlp().layer(1).map(|(w, b)| (w.to_owned(), b.to_owned())).unwrap();
        assert_eq!(shape, [4, 5]);
        assert_eq!(values[1], weights[[1, 0]]); // output 0, input 1
        assert_eq!(read_tensor(&tensors, "4.bias").unwrap().0, [2]);
    }

    #[test]
    fn every_truncation_and_other_damage_is_a_typed_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mlp.safetensors");
        let bytes = mlp().to_safetensors().unwrap();
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
