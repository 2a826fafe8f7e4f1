//! Soft targets on disk: a safetensors file that says what they are of.
//!
//! ```text
//! full         logits   [rows, classes] F32 or F64
//! top k        logits   [rows, k] F32, classes [rows, k] U32, rest [rows] F32
//! quantized    codes    [rows, classes] U8, smallest [rows] F32, step [rows] F32
//! ```
//!
//! The metadata names the teacher and the data by their fingerprints, the form, and a checksum of all
//! that (BLAKE3). numpy reads it with `safetensors.numpy.load_file`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use ndarray::ArrayRef2;
use reflux_nn::Real;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::form::Rows;
use super::{SoftTargets, TargetForm};
use crate::fingerprint::push_bytes;
use crate::{Error, Fingerprint, Result, Teacher};

const VERSION: &str = "reflux-distill soft targets 1";
const CHECKSUM: &str = "checksum";

/// Of which teacher, and of which data set, soft targets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheKey {
    teacher: Fingerprint,
    data: Fingerprint,
}

impl CacheKey {
    /// Of this teacher and these inputs `[rows, features]`.
    ///
    /// # Errors
    ///
    /// [`Error::NoFingerprint`] for a teacher that has none.
    pub fn new<F: Real>(
        teacher: &(impl Teacher<F> + ?Sized),
        inputs: &ArrayRef2<F>,
    ) -> Result<Self> {
        let teacher = teacher.fingerprint().ok_or(Error::NoFingerprint)?;
        Ok(Self { teacher, data: Fingerprint::of_data(inputs) })
    }
}

/// A tensor on its way into or out of a file.
struct Tensor<'a> {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data: Cow<'a, [u8]>,
}

impl<F: Real> SoftTargets<F> {
    /// Writes the targets to `path`, with the key of what they are of. The file is written beside it
    /// and renamed, so that `path` is at every moment either what it was or whole.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where the folder cannot be written to or the disk is full.
    pub fn save(&self, path: impl AsRef<Path>, key: &CacheKey) -> Result<()> {
        let path = path.as_ref();
        let tensors = self.tensors();
        let mut metadata = metadata(self.form(), self.shape, key);
        metadata.insert(CHECKSUM.to_owned(), checksum(&metadata, &tensors));
        let views = tensors.iter().map(|Tensor { name, dtype, shape, data }| {
            Ok((name, TensorView::new(*dtype, shape.clone(), data)?))
        });
        let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
        let bytes = views.and_then(|views| safetensors::serialize(views, Some(metadata)));
        let bytes = bytes.map_err(|error| Error::file(path, error))?;
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

    /// Reads targets that [`SoftTargets::save`] wrote, in whatever form they are.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`] for those of another teacher or other data, [`Error::File`] for a file that is
    /// missing, truncated, corrupt or something else, [`Error::TeacherLogit`] for logits that are not
    /// finite.
    pub fn load(path: impl AsRef<Path>, key: &CacheKey) -> Result<Self> {
        Self::load_form(path, key, None)
    }

    /// The same, where only one form will do.
    pub(super) fn load_form(
        path: impl AsRef<Path>,
        key: &CacheKey,
        form: Option<TargetForm>,
    ) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        let file = File::parse(&bytes).map_err(|problem| Error::file(path, problem))?;
        let mut wanted = metadata(form.unwrap_or_default(), (0, 0), key);
        for what in ["teacher", "data"].into_iter().chain(form.map(|_| "form")) {
            if file.metadata.get(what) != wanted.get(what) {
                let path = path.to_owned();
                let expected = wanted.remove(what).unwrap_or_default();
                let found = file.metadata.get(what).cloned().unwrap_or_default();
                return Err(Error::Stale { path, what, expected, found });
            }
        }
        let targets: Self = file.targets().map_err(|problem| Error::file(path, problem))?;
        match targets.kept.not_finite(targets.classes()) {
            Some((row, class, value)) => Err(Error::TeacherLogit { row, class, value }),
            None => Ok(targets),
        }
    }

    fn tensors(&self) -> Vec<Tensor<'_>> {
        let (rows, classes) = self.shape;
        let tensor = |name: &str, dtype, columns: Option<usize>, data: Vec<u8>| {
            let shape = [rows].into_iter().chain(columns).collect();
            Tensor { name: String::from(name), dtype, shape, data: data.into() }
        };
        let numbers = |name: &str, values: &[f32]| {
            let data = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            tensor(name, Dtype::F32, None, data)
        };
        match &self.kept {
            Rows::Full(values) => {
                let mut data = Vec::with_capacity(size_of_val(values.as_slice()));
                values.iter().for_each(|&value| push_bytes(value, &mut data));
                let dtype = if size_of::<F>() == 4 { Dtype::F32 } else { Dtype::F64 };
                vec![tensor("logits", dtype, Some(classes), data)]
            }
            Rows::TopK { k, classes, logits, rest, .. } => {
                let classes = classes.iter().flat_map(|class| class.to_le_bytes()).collect();
                let logits = logits.iter().flat_map(|x| x.to_le_bytes()).collect();
                vec![
                    tensor("classes", Dtype::U32, Some(*k), classes),
                    tensor("logits", Dtype::F32, Some(*k), logits),
                    numbers("rest", rest),
                ]
            }
            Rows::Quantized { codes, smallest, step } => vec![
                tensor("codes", Dtype::U8, Some(classes), codes.clone()),
                numbers("smallest", smallest),
                numbers("step", step),
            ],
        }
    }
}

fn metadata(
    form: TargetForm,
    (rows, classes): (usize, usize),
    key: &CacheKey,
) -> HashMap<String, String> {
    let words = [
        ("version", VERSION.to_owned()),
        ("teacher", key.teacher.to_string()),
        ("data", key.data.to_string()),
        ("form", form.to_string()),
        ("shape", format!("{rows} x {classes}")),
    ];
    words.map(|(name, word)| (name.to_owned(), word)).into()
}

/// Of everything in the file but itself. Tensors come in the order of their names.
fn checksum(metadata: &HashMap<String, String>, tensors: &[Tensor<'_>]) -> String {
    let mut hasher = blake3::Hasher::new();
    let words: BTreeMap<_, _> = metadata.iter().filter(|(name, _)| *name != CHECKSUM).collect();
    hasher.update(format!("{words:?}").as_bytes());
    for Tensor { name, dtype, shape, data } in tensors {
        hasher.update(format!("{name} {dtype:?} {shape:?}").as_bytes()).update(data);
    }
    hasher.finalize().to_string()
}

/// What a file holds, with its checksum verified.
struct File<'a> {
    metadata: HashMap<String, String>,
    tensors: Vec<Tensor<'a>>,
}

impl<'a> File<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let broken = |error| format!("is no safetensors file: {error}");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        if metadata.get("version").is_none_or(|version| version != VERSION) {
            let found = metadata.get("version").map_or("none", String::as_str);
            return Err(format!("must have the version {VERSION:?}, has {found:?}"));
        }
        let views = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut tensors: Vec<Tensor<'_>> = views
            .iter()
            .map(|(name, view)| Tensor {
                name: name.to_owned(),
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                data: view.data().into(),
            })
            .collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let found = checksum(&metadata, &tensors);
        match metadata.get(CHECKSUM) {
            // A fuzzer would not get past it.
            Some(expected) if *expected == found || cfg!(fuzzing) => Ok(Self { metadata, tensors }),
            other => Err(format!("is damaged: its checksum is {found}, and should be {other:?}")),
        }
    }

    /// The targets, if the tensors are those of the form.
    fn targets<F: Real>(&self) -> Result<SoftTargets<F>, String> {
        let word = |name: &str| self.metadata.get(name).map_or("", String::as_str);
        let form = TargetForm::parse(word("form")).ok_or("names no form that there is")?;
        let shape = word("shape").split_once(" x ");
        let (rows, classes): (usize, usize) = shape
            .and_then(|(rows, classes)| Some((rows.parse().ok()?, classes.parse().ok()?)))
            .ok_or("names no shape")?;
        // Top k keeps less than it stands for, so the tensors do not vouch for that.
        let fits = |numbers| numbers <= isize::MAX as usize / size_of::<f64>();
        if u32::try_from(classes).is_err() || !rows.checked_mul(classes).is_some_and(fits) {
            return Err(format!("names a shape that fits in no memory, {rows} x {classes}"));
        }
        let kept = match form {
            TargetForm::Full => {
                let shape = [rows, classes];
                match self.numbers("logits", Dtype::F32, &shape, f32::from_le_bytes) {
                    Ok(narrow) => {
                        Rows::Full(narrow.into_iter().map(|x| F::from_f64(x.into())).collect())
                    }
                    Err(_) => {
                        let wide =
                            self.numbers("logits", Dtype::F64, &shape, f64::from_le_bytes)?;
                        Rows::Full(wide.into_iter().map(F::from_f64).collect())
                    }
                }
            }
            TargetForm::TopK { k, temperature } => {
                let shape = [rows, k];
                let chosen = self.numbers("classes", Dtype::U32, &shape, u32::from_le_bytes)?;
                if let Some(class) = chosen.iter().find(|&&class| class as usize >= classes) {
                    return Err(format!("names class {class} of {classes}"));
                }
                Rows::TopK {
                    k,
                    temperature,
                    classes: chosen,
                    logits: self.numbers("logits", Dtype::F32, &shape, f32::from_le_bytes)?,
                    rest: self.numbers("rest", Dtype::F32, &[rows], f32::from_le_bytes)?,
                }
            }
            TargetForm::Quantized => Rows::Quantized {
                codes: self.numbers("codes", Dtype::U8, &[rows, classes], u8::from_le_bytes)?,
                smallest: self.numbers("smallest", Dtype::F32, &[rows], f32::from_le_bytes)?,
                step: self.numbers("step", Dtype::F32, &[rows], f32::from_le_bytes)?,
            },
        };
        Ok(SoftTargets { shape: (rows, classes), kept })
    }

    /// The numbers of a tensor, if it is of this type and shape.
    fn numbers<T, const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
        from: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, String> {
        let tensor = self.tensors.iter().find(|tensor| tensor.name == name);
        match tensor {
            Some(tensor) if tensor.dtype == dtype && tensor.shape == shape => {
                let (numbers, _) = tensor.data.as_chunks();
                Ok(numbers.iter().map(|bytes| from(*bytes)).collect())
            }
            _ => Err(format!("must hold a tensor {name:?} of type {dtype:?} and shape {shape:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_beyond_all_memory_is_refused_whatever_the_tensors_are() {
        for (shape, good) in [("1 x 3", true), ("1 x 4294967296", false), ("1 x 2", false)] {
            let words =
                [("form", TargetForm::top_k(1).unwrap().to_string()), ("shape", shape.into())];
            let tensor = |name: &str, dtype, shape: &[usize], data: [u8; 4]| Tensor {
                name: name.to_owned(),
                dtype,
                shape: shape.to_vec(),
                data: data.to_vec().into(),
            };
            let tensors = vec![
                tensor("classes", Dtype::U32, &[1, 1], 2_u32.to_le_bytes()),
                tensor("logits", Dtype::F32, &[1, 1], 1.5_f32.to_le_bytes()),
                tensor("rest", Dtype::F32, &[1], 0.5_f32.to_le_bytes()),
            ];
            let metadata = words.map(|(name, word)| (name.to_owned(), word)).into();
            let targets = File { metadata, tensors }.targets::<f32>();
            assert_eq!(targets.is_ok(), good, "{shape}: {:?}", targets.err());
        }
    }
}
