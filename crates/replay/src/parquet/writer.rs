//! Buffers into Parquet files.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::WriterProperties;
use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema as ArrowSchema};

use super::{columns, parquet_error};
use crate::{Buffer, Result, Sampler, files};

/// What is kept in memory, as the file will have it, until it is written: a row group.
const ROW_GROUP: usize = 64 << 20;

/// Writes buffers as Parquet files: a column for each column of the buffer, a row for each item,
/// the oldest first. An item with a shape is a list of fixed size, in as many levels as it has
/// dimensions. What reads Parquet reads them, and [`ParquetReader`](crate::ParquetReader).
///
/// Besides the buffer, up to 64 MiB are in memory, however large the file.
///
/// # Example
///
/// ```
/// use reflux_replay::{Batch, Buffer, ParquetReader, ParquetWriter, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// let observation = schema.column::<f32>("observation", &[2])?;
/// let mut buffer = Buffer::new(schema, 100, Uniform::new())?;
/// buffer.push_batch(3, &[(&[0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0]).into()])?;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("buffer.parquet");
/// ParquetWriter::new().save(&buffer, &path)?; // pandas.read_parquet("buffer.parquet")
///
/// let read = ParquetReader::open(&path)?.read(Uniform::new())?;
/// let mut batch = Batch::new();
/// read.gather(&read.items().collect::<Vec<_>>(), &mut batch)?;
/// assert_eq!(batch.values(observation)?, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ParquetWriter {
    compression: Compression,
}

impl ParquetWriter {
    /// A writer that compresses with Snappy, as pyarrow and pandas do.
    pub fn new() -> Self {
        Self { compression: Compression::SNAPPY }
    }

    /// Does not compress.
    pub fn without_compression(mut self) -> Self {
        self.compression = Compression::UNCOMPRESSED;
        self
    }

    /// Writes `buffer` to a file. It is written beside it and renamed, so that at every moment the
    /// old file or the new one is there, whole.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the file cannot be written;
    /// [`Error::Format`](crate::Error::Format) for a dimension of 2³¹ or more.
    pub fn save<S: Sampler>(&self, buffer: &Buffer<S>, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        files::replace(path, |file| self.write_as(buffer, file, &path.display().to_string()))
    }

    /// Writes `buffer` to a file that is open, or into memory.
    ///
    /// # Errors
    ///
    /// As for [`ParquetWriter::save`], where `out` fails.
    pub fn write<S: Sampler>(&self, buffer: &Buffer<S>, out: impl Write + Send) -> Result<()> {
        self.write_as(buffer, out, "Parquet data")
    }

    fn write_as<S: Sampler>(
        &self,
        buffer: &Buffer<S>,
        out: impl Write + Send,
        name: &str,
    ) -> Result<()> {
        let all = buffer.schema().columns();
        let fields = all.iter().map(|column| {
            let data_type = columns::data_type(column)
                .map_err(|problem| files::format(column.name(), problem))?;
            Ok(Field::new(column.name(), data_type, false))
        });
        let schema = Arc::new(ArrowSchema::new(fields.collect::<Result<Vec<_>>>()?));
        let rows = (ROW_GROUP / buffer.schema().bytes_per_item().max(1)).max(1);
        let properties = WriterProperties::builder()
            .set_compression(self.compression)
            .set_max_row_group_row_count(Some(rows))
            .build();

        let failed = |error| parquet_error(name, error);
        let mut writer =
            ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(failed)?;
        files::for_each_chunk(buffer, |batch| {
            let arrays = all.iter().map(|column| {
                columns::array(files::column(batch, column)?, column)
                    .map_err(|problem| files::format(column.name(), problem))
            });
            let rows = RecordBatch::try_new(Arc::clone(&schema), arrays.collect::<Result<_>>()?)
                .map_err(|error| files::format(name, error.to_string()))?;
            writer.write(&rows).map_err(failed)
        })?;
        writer.close().map_err(failed)?;
        Ok(())
    }
}

impl Default for ParquetWriter {
    fn default() -> Self {
        Self::new()
    }
}
