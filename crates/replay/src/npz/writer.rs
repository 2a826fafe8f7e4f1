//! Buffers into `.npz` files.

use std::io::{Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::archive_error;
use super::npy::Header;
use crate::cells::to_bytes;
use crate::{Buffer, Result, Sampler, files};

/// Writes buffers as `.npz` files: for each column an array `[items, ...shape]` of its name, oldest
/// item first. `numpy.load` reads them, and [`NpzReader`](crate::NpzReader).
///
/// Besides the buffer, a megabyte or so is in memory, however large the file.
///
/// # Example
///
/// ```
/// use reflux_replay::{Batch, Buffer, NpzReader, NpzWriter, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// let observation = schema.column::<f32>("observation", &[2])?;
/// let mut buffer = Buffer::new(schema, 100, Uniform::new())?;
/// buffer.push_batch(3, &[(&[0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0]).into()])?;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("buffer.npz");
/// NpzWriter::new().save(&buffer, &path)?; // numpy.load("buffer.npz")["observation"]
///
/// let read = NpzReader::open(&path)?.read(Uniform::new())?;
/// let mut batch = Batch::new();
/// read.gather(&read.items().collect::<Vec<_>>(), &mut batch)?;
/// assert_eq!(batch.values(observation)?, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NpzWriter {
    deflate: bool,
}

impl NpzWriter {
    /// A writer that does not compress, as `numpy.savez`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses, as `numpy.savez_compressed`: smaller, and many times slower.
    pub fn with_compression(mut self) -> Self {
        self.deflate = true;
        self
    }

    /// Writes `buffer` to a file. It is written beside it and renamed, so that at every moment the
    /// old file or the new one is there, whole.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the file cannot be written.
    pub fn save<S: Sampler>(&self, buffer: &Buffer<S>, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        files::replace(path, |file| self.write_as(buffer, file, &path.display().to_string()))
    }

    /// Writes `buffer` to a file that is open, or into memory.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where `out` fails.
    pub fn write<S: Sampler>(&self, buffer: &Buffer<S>, out: impl Write + Seek) -> Result<()> {
        self.write_as(buffer, out, "npz data")
    }

    fn write_as<S: Sampler>(
        &self,
        buffer: &Buffer<S>,
        out: impl Write + Seek,
        name: &str,
    ) -> Result<()> {
        let method =
            if self.deflate { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let mut archive = ZipWriter::new(out);
        let mut bytes = Vec::new();
        let mut shape = Vec::new();
        for column in buffer.schema().columns() {
            shape.clear();
            shape.push(buffer.len());
            shape.extend_from_slice(column.shape());
            let header = Header::write(column.dtype(), &shape);

            // As numpy does, with room for sizes of 64 bits, whether they are needed or not.
            let options = SimpleFileOptions::default().compression_method(method).large_file(true);
            archive
                .start_file(format!("{}.npy", column.name()), options)
                .map_err(|error| archive_error(name.to_owned(), error))?;
            archive.write_all(&header).map_err(|error| files::io(name, error))?;
            files::for_each_chunk(buffer, |batch| {
                bytes.clear();
                to_bytes(files::column(batch, column)?, &mut bytes);
                archive.write_all(&bytes).map_err(|error| files::io(name, error))
            })?;
        }
        archive.finish().map_err(|error| archive_error(name.to_owned(), error))?;
        Ok(())
    }
}
