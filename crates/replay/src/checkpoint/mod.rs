//! Buffers on disk, to go on with after the program has ended, however it ended.
//!
//! ```text
//! manifest-…12    names all files below, with their lengths and checksums; written last, renamed
//! rows-…03        the items 0 to 31,250, as they were when they came
//! rows-…09        the items that came after those
//! state-…11       which items are held and where, priorities, counts, what the caller added
//! ```

mod chunks;
mod folder;
mod manifest;
mod plan;
mod segments;
mod state;
mod waiting;

use std::path::{Path, PathBuf};

use chunks::Kind;
use folder::Name;
pub(crate) use manifest::Description;
use manifest::{Entry, Manifest, Segment};
pub use state::{StateReader, StateWriter};
pub(crate) use waiting::{WaitingReader, WaitingWriter, damaged};

use crate::{Buffer, BufferBuilder, Error, ItemId, Result, Sampler};

/// Saves a buffer to a folder again and again, and loads it back exactly as it was: items and their
/// ids, where they are, priorities, what sampler and eviction know, counts, shared frames. With the
/// caller's random generator, which goes into the bytes that the caller may add, what is drawn after
/// loading is what would have been drawn without.
///
/// **Incremental.** An item never changes, so only those that have come since the last save are
/// written; beside them, what may have changed for any item: its priority, its slot, its count. That
/// is 0 to 52 bytes an item, by sampler and eviction. Files whose items are gone are removed, and
/// those of which little is left are written anew; the folder takes at most about one and a half
/// times the bytes of the items, and what the checkpoint before the last needs beyond that.
///
/// **Atomic.** Files are written to the side, and a manifest that names them is renamed into place
/// when all are on the disk. A process that is killed, or a machine that fails, at whatever moment,
/// leaves the last checkpoint that was complete. The one before it stays, too:
/// [`load_previous`](Self::load_previous). Both share the files of the items that they share.
///
/// **Checked.** Every file has a version, a length that is known elsewhere, and a CRC-32 for each
/// megabyte or so. What is damaged, of another version, or of a buffer with other columns, another
/// capacity, sampler or eviction, is an error that says so. Items are read straight into their places
/// in the buffer; a megabyte or so is in memory besides, and never more than the file holds.
///
/// It is one process's folder: of two that save to it at the same time, one loses. What parts in front
/// of a buffer hold back of unfinished episodes belongs into the caller's bytes:
/// [`NStep::state`](crate::NStep::state) and [`Hindsight::state`](crate::Hindsight::state). The
/// buffers of a [`Mixture`](crate::Mixture) have a folder each. Files are for machines of the same byte
/// order.
///
/// # Example
///
/// ```
/// use reflux_replay::{Buffer, Checkpoint, Prioritized, Schema};
///
/// let mut schema = Schema::new();
/// schema.column::<f32>("reward", &[])?;
/// let builder = || Buffer::builder(schema.clone(), 100);
/// let mut buffer = builder().build(Prioritized::new())?;
/// let first = buffer.push(&[(&0.5_f32).into()])?;
///
/// # let temporary = tempfile::tempdir()?;
/// # let folder = temporary.path().join("replay");
/// let mut checkpoint = Checkpoint::new(&folder);
/// checkpoint.save(&buffer, b"the random generator, the step, ...")?;
/// buffer.push(&[(&1.5_f32).into()])?;
/// let saved = checkpoint.save(&buffer, b"step 2")?;
/// assert_eq!(saved.items, 1);
///
/// // Another day, another process:
/// let mut checkpoint = Checkpoint::new(&folder);
/// let (buffer, extra) = checkpoint.load(builder(), Prioritized::new())?;
/// assert_eq!(extra, b"step 2");
/// assert!(buffer.contains(first));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    /// What this process has saved or loaded last.
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    /// The buffer, by the number that it has in this process.
    buffer: u64,
    segments: Vec<Segment>,
    /// The number of the item that came next.
    next: u64,
}

/// What [`Checkpoint::save`] has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// The items: those that are new, and those that were moved out of files of which little was left.
    pub items: u64,
    /// The bytes of all files.
    pub bytes: u64,
}

impl Checkpoint {
    /// Checkpoints in this folder, which is made when something is saved. Nothing is read or written
    /// yet.
    ///
    /// The first save writes the whole buffer, unless it has been [loaded](Self::load) from here.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), last: None }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is something to load.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder cannot be read; that it is not there is none.
    pub fn exists(&self) -> Result<bool> {
        Ok(!folder::manifests(&self.folder)?.is_empty())
    }

    /// Saves the buffer, and bytes of the caller's that [`load`](Self::load) gives back. When it
    /// returns, all is on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the disk fails or is full, [`Error::ForeignSampler`] where the sampler does
    /// not know the items. The last checkpoint is then as it was.
    pub fn save<S: Sampler>(&mut self, buffer: &Buffer<S>, extra: &[u8]) -> Result<Saved> {
        let folder = &self.folder;
        folder::create(folder)?;
        let highest = folder::list(folder)?.iter().map(|name| name.number).max();
        let mut number = highest.unwrap_or(0) + 1;
        let mut saved = Saved { items: 0, bytes: 0 };

        let last = self.last.as_ref().filter(|last| last.buffer == buffer.instance());
        let (old, last_next) = last.map_or((&[][..], 0), |last| (&last.segments, last.next));
        let next = buffer.directory().next();
        let items = buffer.items().map(ItemId::number);
        let most = (buffer.capacity() as u64).div_ceil(plan::PER_BUFFER as u64);
        let mut items_left = buffer.items();
        let mut segments = Vec::new();
        for part in plan::plan(old, last_next, next, items) {
            if let Some(segment) = part.kept {
                segments.push(segment);
                items_left.nth(part.held as usize - 1);
                continue;
            }
            let new = segments::write(folder, &mut number, most, buffer, &part, &mut items_left)?;
            for segment in &new {
                saved.items += segment.rows;
                saved.bytes += segment.file.seal.bytes;
            }
            segments.extend(new);
        }

        let name = Name { kind: Kind::State, number };
        let mut state = StateWriter::create(&name.path(folder), Kind::State)?;
        state.section()?;
        state.write_u64(extra.len() as u64)?;
        state.write_bytes(extra)?;
        buffer.save_state(&mut state)?;
        let state = Entry { number, seal: state.finish()? };
        saved.bytes += state.seal.bytes;

        let name = Name { kind: Kind::Manifest, number: number + 1 };
        let manifest = Manifest::new(buffer.description(), next, segments, state);
        saved.bytes += manifest.publish(folder, name)?;
        let segments = manifest.segments;
        self.last = Some(Last { buffer: buffer.instance(), segments, next });
        self.clean()?;
        Ok(saved)
    }

    /// The buffer as it was saved last, and the caller's bytes. Builder and sampler are those that it
    /// was made with. Settings of the sampler that do not concern what was saved may be others.
    ///
    /// # Errors
    ///
    /// [`Error::NoCheckpoint`] where nothing was saved; [`Error::ForeignCheckpoint`] where it was
    /// another buffer; [`Error::CheckpointVersion`]; [`Error::Format`] where a file is damaged;
    /// [`Error::Io`] where one is missing or cannot be read; [`Error::Memory`] as for
    /// [`BufferBuilder::build`].
    pub fn load<S: Sampler>(
        &mut self,
        builder: BufferBuilder,
        sampler: S,
    ) -> Result<(Buffer<S>, Vec<u8>)> {
        self.load_nth(0, builder, sampler)
    }

    /// As [`load`](Self::load), of the checkpoint before the last: for when the last is damaged.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn load_previous<S: Sampler>(
        &mut self,
        builder: BufferBuilder,
        sampler: S,
    ) -> Result<(Buffer<S>, Vec<u8>)> {
        self.load_nth(1, builder, sampler)
    }

    fn load_nth<S: Sampler>(
        &mut self,
        nth: usize,
        builder: BufferBuilder,
        sampler: S,
    ) -> Result<(Buffer<S>, Vec<u8>)> {
        let folder = &self.folder;
        let Some(&name) = folder::manifests(folder)?.get(nth) else {
            return Err(Error::NoCheckpoint { folder: folder.clone() });
        };
        let manifest = Manifest::read(folder, name)?;
        manifest.check(&builder.description(sampler.kind()))?;
        let name = Name { kind: Kind::State, number: manifest.state.number };
        let path = name.path(folder);
        let mut state = StateReader::open(&path, Kind::State, Some(manifest.state.seal))?;
        state.section()?;
        let extra = state.read_block()?;
        let mut buffer = builder.build(sampler)?;
        buffer.load_state(manifest.next, &mut state)?;
        state.finish()?;
        segments::read(folder, &manifest.segments, &mut buffer)?;
        let (instance, segments, next) = (buffer.instance(), manifest.segments, manifest.next);
        self.last = Some(Last { buffer: instance, segments, next });
        Ok((buffer, extra))
    }

    /// Removes all files that neither of the last two checkpoints needs.
    fn clean(&self) -> Result<()> {
        let mut keep = folder::manifests(&self.folder)?;
        keep.truncate(2);
        for at in 0..keep.len() {
            match Manifest::read(&self.folder, keep[at]) {
                Ok(manifest) => keep.extend(manifest.files()),
                Err(_) => return Ok(()), // what it needs is not known: all stays
            }
        }
        folder::keep_only(&self.folder, &keep)
    }
}
