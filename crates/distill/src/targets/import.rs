//! Logits that another program computed: numpy's `.npy`, and safetensors.

use std::io::Read;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use ndarray_npy::{ViewElement, ViewNpyError, ViewNpyExt};
use reflux_nn::Real;
use safetensors::tensor::{Dtype, SafeTensors};

use super::SoftTargets;
use crate::{Error, Result};

impl<F: Real> SoftTargets<F> {
    /// Reads logits `[rows, classes]` from a `.npy` file of little-endian `float32` or `float64`, as
    /// `numpy.save` writes it.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for a file that is missing, truncated, corrupt, or holds something else,
    /// [`Error::TeacherLogit`] for a logit that is not finite.
    ///
    /// # Example
    ///
    /// ```
    /// use ndarray::array;
    /// use reflux_distill::SoftTargets;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("logits.npy");
    /// ndarray_npy::write_npy(&path, &array![[1.5_f32, 0.5]])?; // numpy.save(path, logits)
    /// let targets = SoftTargets::<f32>::from_npy(&path)?;
    /// assert_eq!(targets.logits(), array![[1.5, 0.5]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_npy(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (memory, start) = aligned(path).map_err(|error| Error::file(path, error))?;
        let bytes = &memory[start..];
        let logits = match view::<f32>(bytes) {
            Ok(logits) => Ok(logits.mapv(|x| F::from_f64(x.into()))),
            Err(ViewNpyError::WrongDescriptor(_)) => {
                view::<f64>(bytes).map(|logits| logits.mapv(F::from_f64))
            }
            Err(error) => Err(error),
        };
        let logits: Array2<F> = logits.map_err(|error| {
            let wanted = "must be a matrix [rows, classes] of little-endian float32 or float64";
            Error::file(path, format!("{wanted}: {error}"))
        })?;
        Self::from_logits(logits)
    }

    /// Reads logits `[rows, classes]` from the tensor `name`, of type F32 or F64, in a safetensors
    /// file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for a file that is missing, truncated, corrupt, or has no such tensor,
    /// [`Error::TeacherLogit`] for a logit that is not finite.
    pub fn from_safetensors(path: impl AsRef<Path>, name: &str) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        let logits = tensor(&bytes, name).map_err(|problem| Error::file(path, problem))?;
        Self::from_logits(logits)
    }
}

/// The bytes of a file, from an address on that suits any number.
fn aligned(path: &Path) -> std::io::Result<(Vec<u8>, usize)> {
    let mut file = std::fs::File::open(path)?;
    let len = usize::try_from(file.metadata()?.len()).map_err(std::io::Error::other)?;
    let mut memory = vec![0; len + 16];
    let start = memory.as_ptr().align_offset(16).min(16);
    file.read_exact(&mut memory[start..start + len])?;
    memory.truncate(start + len);
    Ok((memory, start))
}

/// Where it lies: so a header that claims more than there is costs no memory.
fn view<T: ViewElement>(bytes: &[u8]) -> Result<ArrayView2<'_, T>, ViewNpyError> {
    ArrayView2::view_npy(bytes)
}

fn tensor<F: Real>(bytes: &[u8], name: &str) -> Result<Array2<F>, String> {
    let broken = |error| format!("is no safetensors file: {error}");
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let Ok(tensor) = tensors.tensor(name) else {
        return Err(format!("has no tensor {name:?}, but {:?}", tensors.names()));
    };
    let [rows, classes] = *tensor.shape() else {
        return Err(format!("{name:?} must be [rows, classes], got {:?}", tensor.shape()));
    };
    let values = match tensor.dtype() {
        Dtype::F32 => {
            let (values, _) = tensor.data().as_chunks();
            values.iter().map(|x| F::from_f64(f32::from_le_bytes(*x).into())).collect()
        }
        Dtype::F64 => {
            let (values, _) = tensor.data().as_chunks();
            values.iter().map(|x| F::from_f64(f64::from_le_bytes(*x))).collect()
        }
        other => return Err(format!("{name:?} must be of type F32 or F64, got {other:?}")),
    };
    Array2::from_shape_vec((rows, classes), values).map_err(|error| error.to_string())
}
