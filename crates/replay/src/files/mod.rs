//! What all file formats share: where bytes come from, how much of a table is in memory at a time,
//! and how a file gets to its place.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Batch, Buffer, ColumnInfo, DType, Error, ItemId, Result, Sampler, Value};

/// How many bytes of rows are in memory at a time, unless a single row is larger.
const CHUNK: usize = 1 << 20;

/// The number of rows of a chunk.
pub(crate) fn rows_per_chunk(bytes_per_row: usize) -> usize {
    (CHUNK / bytes_per_row.max(1)).max(1)
}

/// The error for a file that holds something else than it should.
pub(crate) fn format(what: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::Format { what: what.into(), problem: problem.into() }
}

/// The error for a read or write that failed: the operating system's fault, or, where a decoder
/// says so, that of what was read.
pub(crate) fn io(what: impl Into<String>, error: io::Error) -> Error {
    let what = what.into();
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format(what, "it is cut off"),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other
            if error.raw_os_error().is_none() =>
        {
            format(what, format!("it is damaged: {error}"))
        }
        _ => Error::Io { what, source: error },
    }
}

/// A file, or bytes in memory. Clones are cheap, and each reads at a place of its own.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    bytes: Bytes,
    position: u64,
    len: u64,
}

#[derive(Debug, Clone)]
enum Bytes {
    File(Arc<Mutex<File>>),
    Memory(Arc<[u8]>),
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let open = || -> io::Result<Self> {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Ok(Self { bytes: Bytes::File(Arc::new(Mutex::new(file))), position: 0, len })
        };
        open().map_err(|source| Error::Io { what: path.display().to_string(), source })
    }

    pub(crate) fn memory(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { len: bytes.len() as u64, bytes: Bytes::Memory(bytes), position: 0 }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // A damaged file may point far behind its end, to where no system would seek.
        if self.position >= self.len {
            return Ok(0);
        }
        let read = match &self.bytes {
            Bytes::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(self.position))?;
                file.read(out)?
            }
            Bytes::Memory(bytes) => (&bytes[self.position as usize..]).read(out)?,
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Has `write` write a file beside `path`, which is then renamed: at every moment there is the old
/// file or the new one, whole.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<()>,
) -> Result<()> {
    let failed = |source: io::Error| Error::Io { what: path.display().to_string(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // Others may read it as they may read any file: temporary ones are private if nobody says so.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let beside = builder.tempfile_in(folder).map_err(failed)?;
    let mut writer = BufWriter::with_capacity(1 << 16, beside.as_file());
    write(&mut writer)?;
    writer.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    beside.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Calls `each` with all items of a buffer, oldest first, a chunk at a time.
pub(crate) fn for_each_chunk<S: Sampler>(
    buffer: &Buffer<S>,
    mut each: impl FnMut(&Batch) -> Result<()>,
) -> Result<()> {
    let rows = rows_per_chunk(buffer.schema().bytes_per_item());
    let (mut items, mut batch) = (buffer.items(), Batch::new());
    let mut chunk: Vec<ItemId> = Vec::with_capacity(rows.min(items.len()));
    loop {
        chunk.clear();
        chunk.extend(items.by_ref().take(rows));
        if chunk.is_empty() {
            return Ok(());
        }
        buffer.gather(&chunk, &mut batch)?;
        each(&batch)?;
    }
}

/// A column of a batch, whatever its type.
pub(crate) fn column<'a>(batch: &'a Batch, column: &ColumnInfo) -> Result<Value<'a>> {
    let (schema, name) = (batch.schema(), column.name());
    Ok(match column.dtype() {
        DType::F32 => Value::F32(batch.values(schema.find(name)?)?),
        DType::F64 => Value::F64(batch.values(schema.find(name)?)?),
        DType::U8 => Value::U8(batch.values(schema.find(name)?)?),
        DType::I32 => Value::I32(batch.values(schema.find(name)?)?),
        DType::I64 => Value::I64(batch.values(schema.find(name)?)?),
        DType::Bool => Value::Bool(batch.values(schema.find(name)?)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_source_read_at_places_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        std::fs::write(&path, b"0123456789").unwrap();
        for mut one in [Source::open(&path).unwrap(), Source::memory(*b"0123456789")] {
            let mut two = one.clone();
            let mut three = [0; 3];
            assert_eq!(one.seek(SeekFrom::End(-3)).unwrap(), 7);
            two.read_exact(&mut three).unwrap();
            assert_eq!(&three, b"012");
            one.read_exact(&mut three).unwrap();
            assert_eq!(&three, b"789");
            assert_eq!(one.read(&mut three).unwrap(), 0);
            assert!(one.seek(SeekFrom::Current(-11)).is_err());
            assert_eq!(one.seek(SeekFrom::Start(1 << 60)).unwrap(), 1 << 60);
            assert_eq!(one.read(&mut three).unwrap(), 0, "past the end there is nothing");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_has_the_permissions_that_any_new_file_has() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        replace(&ours, |_| Ok(())).unwrap();
        std::fs::write(&plain, b"").unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"old").unwrap();
        assert!(replace(&path, |_| Err(Error::Empty)).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
