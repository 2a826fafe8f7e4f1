//! Named tensors and texts, and the safetensors files that hold them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde_json::Value;

use crate::{Error, Result};

/// What a safetensors file holds.
#[derive(Debug, Default)]
pub(crate) struct Archive<'a> {
    pub(crate) tensors: BTreeMap<String, Tensor<'a>>,
    /// The file's metadata.
    pub(crate) texts: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Tensor<'a> {
    dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    data: Cow<'a, [u8]>,
}

impl<'a> Archive<'a> {
    /// Reads a file's header; the tensors stay where they are.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let broken = |error: SafeTensorError| format!("is no safetensors file: {error}");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
        let tensors = tensors.tensors().into_iter().map(|(name, view)| {
            let (dtype, shape) = (view.dtype(), view.shape().to_vec());
            (name, Tensor { dtype, shape, data: Cow::Borrowed(view.data()) })
        });
        let texts = header.metadata().clone().unwrap_or_default();
        Ok(Self { tensors: tensors.collect(), texts: texts.into_iter().collect() })
    }

    /// The file's bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let views = self.tensors.iter().map(|(name, tensor)| {
            TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.data)
                .map(|view| (name, view))
                .map_err(|error| format!("cannot hold {name}: {error}"))
        });
        let texts: HashMap<_, _> = self.texts.clone().into_iter().collect();
        safetensors::serialize(views.collect::<Result<Vec<_>, _>>()?, Some(texts))
            .map_err(|error| format!("cannot be made: {error}"))
            .and_then(|bytes| in_order(bytes).ok_or_else(|| "cannot be put in order".to_owned()))
    }

    pub(crate) fn insert(&mut self, name: String, shape: Vec<usize>, values: &[f32]) {
        let data = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensors.insert(name, Tensor { dtype: Dtype::F32, shape, data });
    }

    pub(crate) fn set(&mut self, key: &str, value: impl ToString) {
        self.texts.insert(key.to_owned(), value.to_string());
    }

    /// The text under `key` as a number, where there is one.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        let Some(text) = self.texts.get(key) else { return Ok(None) };
        let wrong = |_| format!("says that {key} is {text:?}, which is no such number");
        text.parse().map(Some).map_err(wrong)
    }

    /// Takes in another archive, with `prefix` before its names.
    pub(crate) fn join(&mut self, prefix: &str, part: Archive<'a>) {
        let name = |name: String| format!("{prefix}{name}");
        self.tensors.extend(part.tensors.into_iter().map(|(key, tensor)| (name(key), tensor)));
        self.texts.extend(part.texts.into_iter().map(|(key, text)| (name(key), text)));
    }

    /// Takes out what has `prefix` before its name, without the prefix.
    pub(crate) fn part(&mut self, prefix: &str) -> Self {
        Self { tensors: part(&mut self.tensors, prefix), texts: part(&mut self.texts, prefix) }
    }

    /// A checksum of every name, text and tensor.
    pub(crate) fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for (key, text) in &self.texts {
            add(key.as_bytes());
            add(text.as_bytes());
        }
        for (name, tensor) in &self.tensors {
            add(name.as_bytes());
            add(&tensor.data);
        }
        hasher.finalize()
    }
}

impl Tensor<'_> {
    /// Its values.
    pub(crate) fn read_into(&self, name: &str, slots: &mut [f32]) -> Result<(), String> {
        if self.dtype != Dtype::F32 {
            return Err(format!("{name} must be F32, got {:?}", self.dtype));
        }
        let (quads, _) = self.data.as_chunks::<4>();
        if quads.len() != slots.len() {
            return Err(format!("{name} must have {} values, got {}", slots.len(), quads.len()));
        }
        slots.iter_mut().zip(quads).for_each(|(slot, quad)| *slot = f32::from_le_bytes(*quad));
        Ok(())
    }

    /// Its values, of a tensor with one dimension.
    pub(crate) fn to_vector(&self, name: &str) -> Result<Vec<f32>, String> {
        let &[length] = self.shape.as_slice() else {
            return Err(format!("{name} must have one dimension, got shape {:?}", self.shape));
        };
        let mut values = vec![0.0; length];
        self.read_into(name, &mut values)?;
        Ok(values)
    }
}

fn part<T>(map: &mut BTreeMap<String, T>, prefix: &str) -> BTreeMap<String, T> {
    let (inside, outside) =
        std::mem::take(map).into_iter().partition(|(key, _)| key.starts_with(prefix));
    *map = outside;
    let inside: BTreeMap<String, T> = inside;
    inside.into_iter().map(|(key, value)| (key[prefix.len()..].to_owned(), value)).collect()
}

/// Writes a file beside `path` and renames it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // Temporary files are otherwise for their owner alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut beside = builder.tempfile_in(folder)?;
        beside.write_all(bytes)?;
        beside.as_file().sync_all()?;
        beside.persist(path)?;
        Ok(())
    };
    write().map_err(|error| Error::file(path, format!("cannot be written: {error}")))
}

/// The file with its texts in the order of their names: the same network is the same bytes. They come in
/// the order of a hash map, which is another each time.
fn in_order(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (len, rest) = bytes.split_first_chunk_mut()?;
    let header = rest.get_mut(..usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
    let mut fields: BTreeMap<String, Value> = serde_json::from_slice(header).ok()?;
    if let Some(texts) = fields.get_mut("__metadata__") {
        let ordered: BTreeMap<String, Value> = serde_json::from_value(texts.take()).ok()?;
        *texts = serde_json::to_value(ordered).ok()?;
    }
    let text = serde_json::to_vec(&fields).ok()?;
    // What is left of the header is spaces, as before.
    let (head, tail) = header.split_at_mut_checked(text.len())?;
    head.copy_from_slice(&text);
    tail.fill(b' ');
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_archive_is_the_same_bytes() {
        let bytes = || {
            let mut archive = Archive::default();
            for number in 0..12 {
                archive.set(&format!("text {number}"), number);
                archive.insert(format!("{number}.weight"), vec![1], &[number as f32]);
            }
            archive.to_bytes().unwrap()
        };
        let first = bytes();
        for _ in 0..5 {
            assert_eq!(bytes(), first);
        }
        let read = Archive::parse(&first).unwrap();
        let mut value = [0.0];
        read.tensors["11.weight"].read_into("11.weight", &mut value).unwrap();
        assert_eq!((value, read.texts["text 7"].as_str()), ([11.0], "7"));
    }

    #[test]
    fn what_is_joined_is_parted_again_and_a_changed_value_changes_the_checksum() {
        let part = |value: f32| {
            let mut archive = Archive::default();
            archive.insert("0.weight".to_owned(), vec![1, 2], &[value, -0.5]);
            archive.set("activation", "relu");
            archive
        };
        let mut whole = Archive::default();
        whole.set("format", "test");
        whole.join("model.", part(1.5));
        let bytes = whole.to_bytes().unwrap();
        let mut read = Archive::parse(&bytes).unwrap();
        assert_eq!(read.checksum(), whole.checksum());
        let parted = read.part("model.");
        assert_eq!(parted.checksum(), part(1.5).checksum());
        assert_ne!(parted.checksum(), part(1.25).checksum());
        let mut values = [0.0; 2];
        parted.tensors["0.weight"].read_into("0.weight", &mut values).unwrap();
        assert_eq!(values, [1.5, -0.5]);
        assert!(read.tensors.is_empty() && read.texts.contains_key("format"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_may_be_read_by_whoever_may_read_other_new_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [ours, other] = ["ours", "other"].map(|name| folder.path().join(name));
        write_whole(&ours, b"a").unwrap();
        std::fs::write(&other, b"a").unwrap();
        let [ours, other] = [ours, other].map(|path| path.metadata().unwrap().permissions().mode());
        assert_eq!(ours, other);
    }
}
