//! A training in one safetensors file: network, optimizer, progress, and what else the caller needs.
//!
//! ```text
//! tensors   model.0.weight, model.0.bias, ...   optimizer.mean, ...   progress.best
//! metadata  format, version, crc32              model.activation, ... optimizer.kind,
//!           optimizer.setting.learning_rate, ...   progress.seed, ... note.NAME
//! ```
//!
//! What stands under `model.` is what [`Mlp::save`] writes without that prefix.

use std::collections::BTreeMap;
use std::path::Path;

use crate::archive::{Archive, write_whole};
use crate::{Best, Error, Mlp, Optimizer, OptimizerState, Progress, Result};

const FORMAT: &str = "reflux-nn checkpoint";
const VERSION: u32 = 1;

/// All that a training needs to go on, bit-equal to one that never stopped.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_nn::{Adam, Checkpoint, Fit, HardLabels, Mlp, MlpConfig, Optimizer};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("training.safetensors");
///
/// let (inputs, labels) = (array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 1.0]], [0, 1, 0]);
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
/// let mut mlp = Mlp::new(MlpConfig::new(2, &[16], 2)?, rng)?;
/// let (mut objective, mut adam) = (HardLabels::new(&labels), Adam::new(0.02)?);
/// let progress = Fit::new(5, 2)?.on(&inputs, &mut objective).run(&mut mlp, &mut adam, rng)?;
/// Checkpoint::new(&mlp, &adam)
///     .with_progress(&progress)
///     .with_note("data", "exclusive or")
///     .save(&path)?;
///
/// // Later, in another process:
/// let checkpoint = Checkpoint::load(&path)?;
/// let (mut mlp, mut adam) = (checkpoint.mlp, Adam::new(0.02)?);
/// adam.restore(checkpoint.optimizer)?;
/// assert_eq!(checkpoint.notes["data"], "exclusive or");
/// let training = Fit::new(10, 2)?.on(&inputs, &mut objective);
/// let progress = checkpoint.progress.expect("was saved above");
/// let progress = training.resume(progress).run(&mut mlp, &mut adam, rng)?;
/// assert_eq!(progress.epochs(), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The network.
    pub mlp: Mlp<f32>,
    /// For [`Optimizer::restore`].
    pub optimizer: OptimizerState<f32>,
    /// For [`Training::resume`](crate::Training::resume), where the training is a [`Fit`](crate::Fit).
    pub progress: Option<Progress<f32>>,
    /// The caller's own: the state of a random number generator as JSON, say.
    pub notes: BTreeMap<String, String>,
}

impl Checkpoint {
    /// A copy of the network and of what the optimizer remembers.
    pub fn new(mlp: &Mlp<f32>, optimizer: &(impl Optimizer<f32> + ?Sized)) -> Self {
        let (mlp, optimizer) = (mlp.clone(), optimizer.state());
        Self { mlp, optimizer, progress: None, notes: BTreeMap::new() }
    }

    /// Adds where the training stands.
    pub fn with_progress(self, progress: &Progress<f32>) -> Self {
        Self { progress: Some(progress.clone()), ..self }
    }

    /// Adds a text of the caller's, of any length.
    pub fn with_note(mut self, name: &str, text: impl Into<String>) -> Self {
        self.notes.insert(name.to_owned(), text.into());
        self
    }

    /// Writes everything to one file. It is written beside `path` and renamed, so that `path` is at
    /// every moment either what it was or whole.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where the folder cannot be written to or the disk is full.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.encode().map_err(|problem| Error::file(path, problem))?;
        write_whole(path, &bytes)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for a file that is missing, truncated, corrupt, no checkpoint, or of a version
    /// that this one does not know. A checksum over all of it is compared.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        Self::decode(&bytes).map_err(|problem| Error::file(path, problem))
    }

    /// The bytes that [`save`](Self::save) writes.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where safetensors cannot hold it: a note of more than 100 MB.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.encode().map_err(|problem| Error::Format { what: "a checkpoint", problem })
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] for bytes that are truncated, corrupt, no checkpoint, or of a version that
    /// this one does not know.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::decode(bytes).map_err(|problem| Error::Format { what: "a checkpoint", problem })
    }

    fn encode(&self) -> Result<Vec<u8>, String> {
        let mut archive = Archive::default();
        archive.set("format", FORMAT);
        archive.set("version", VERSION);
        archive.join("model.", self.mlp.to_archive());
        archive.join("optimizer.", encode_optimizer(&self.optimizer));
        if let Some(progress) = &self.progress {
            archive.join("progress.", encode_progress(progress));
        }
        let notes = Archive { texts: self.notes.clone(), ..Archive::default() };
        archive.join("note.", notes);
        archive.set("crc32", archive.checksum());
        archive.to_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut archive = Archive::parse(bytes)?;
        if archive.texts.get("format").is_none_or(|format| format != FORMAT) {
            return Err("is a safetensors file, but no checkpoint of reflux-nn".to_owned());
        }
        let version: u32 = required(&archive, "version")?;
        if version != VERSION {
            return Err(format!("is a checkpoint of version {version}, but this reads {VERSION}"));
        }
        let expected: u32 = required(&archive, "crc32")?;
        archive.texts.remove("crc32");
        let got = archive.checksum();
        // A fuzzer would never get past it.
        if expected != got && !cfg!(fuzzing) {
            return Err(format!("is corrupt: its checksum should be {expected}, but is {got}"));
        }
        let mlp = Mlp::from_own_archive(archive.part("model."))?;
        let optimizer = decode_optimizer(archive.part("optimizer."))?;
        let progress = decode_progress(archive.part("progress."))?;
        Ok(Self { mlp, optimizer, progress, notes: archive.part("note.").texts })
    }
}

const SETTING: &str = "setting.";

fn encode_optimizer(state: &OptimizerState<f32>) -> Archive<'static> {
    let mut archive = Archive::default();
    archive.set("kind", &state.kind);
    archive.set("steps", state.steps);
    for (name, value) in &state.settings {
        // Rust prints the shortest decimal that reads back as the same number.
        archive.set(&format!("{SETTING}{name}"), value);
    }
    for (name, values) in &state.memory {
        archive.insert(name.clone(), vec![values.len()], values);
    }
    archive
}

fn decode_optimizer(archive: Archive<'_>) -> Result<OptimizerState<f32>, String> {
    let mut state =
        OptimizerState::new(&required::<String>(&archive, "kind")?, required(&archive, "steps")?);
    for key in archive.texts.keys() {
        if let Some(name) = key.strip_prefix(SETTING) {
            state = state.with_setting(name, required(&archive, key)?);
        }
    }
    for (name, tensor) in &archive.tensors {
        state.memory.insert(name.clone(), tensor.to_vector(name)?);
    }
    Ok(state)
}

fn encode_progress(progress: &Progress<f32>) -> Archive<'static> {
    let mut archive = Archive::default();
    archive.set("seed", progress.seed());
    archive.set("epochs", progress.epochs());
    archive.set("steps", progress.steps());
    if let Some(best) = progress.best() {
        archive.set("best_epoch", best.epoch);
        archive.set("best_score", best.score);
        if let Some(parameters) = &best.parameters {
            archive.insert("best".to_owned(), vec![parameters.len()], parameters);
        }
    }
    archive
}

fn decode_progress(archive: Archive<'_>) -> Result<Option<Progress<f32>>, String> {
    let Some(seed) = archive.number("seed")? else { return Ok(None) };
    let (epochs, steps) = (required(&archive, "epochs")?, required(&archive, "steps")?);
    let progress = Progress::new(seed, epochs, steps);
    let Some(epoch) = archive.number("best_epoch")? else { return Ok(Some(progress)) };
    if epoch > epochs {
        return Err(format!("has its best epoch, {epoch}, after its last, {epochs}"));
    }
    let parameters = match archive.tensors.get("best") {
        Some(tensor) => Some(tensor.to_vector("best")?),
        None => None,
    };
    let best = Best { epoch, score: required(&archive, "best_score")?, parameters };
    Ok(Some(progress.with_best(Some(best))))
}

fn required<T: std::str::FromStr>(archive: &Archive<'_>, key: &str) -> Result<T, String> {
    archive.number(key)?.ok_or_else(|| format!("does not say what {key} is"))
}
