//! Parquet files into buffers.

use std::fmt;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;

use super::{claims, columns, guarded};
use crate::files::{self, Source};
use crate::{Buffer, Error, Result, Sampler, Schema};

/// Reads Parquet files: each column of numbers or of lists of numbers is a column, each row an
/// item.
///
/// Columns of float, double, uint8, int32, int64 and bool become columns of the same type; lists of
/// fixed size around them give the item its shape. Lists of any size, as pandas writes them, can be
/// read into a column of a known shape, if all have that size. Other types and missing values are
/// errors. A column that is not asked for is not looked at.
///
/// Files may be uncompressed, or compressed with Snappy or gzip. A page of each column and a
/// megabyte or so of items are in memory at a time.
///
/// A damaged file is an [`Error::Format`]; but values have a checksum only if whoever wrote the file
/// wrote one. What the file states of its numbers of items and values is checked before they are
/// decoded. The decoder is that of the crate `parquet`, and three things are beyond us: it panics
/// over some damaged files, which is caught and becomes the error, though a message may be printed,
/// and a program built with `panic = "abort"` ends; a damaged page may claim the 2 GiB that the
/// format allows for one, while it is decompressed; and a file made to do harm can keep it busy for
/// tens of seconds.
///
/// # Example
///
/// ```no_run
/// use reflux_replay::{Buffer, ParquetReader, Prioritized, Schema, Uniform};
///
/// // Everything that is in the file.
/// let buffer = ParquetReader::open("offline.parquet")?.read(Uniform::new())?;
/// println!("{} items of {}", buffer.len(), buffer.schema());
///
/// // Some of it, of known types, into a buffer that goes on to be filled.
/// let mut schema = Schema::new();
/// let observations = schema.column::<f32>("observations", &[4])?;
/// let actions = schema.column::<i64>("actions", &[])?;
/// let mut buffer = Buffer::new(schema, 1_000_000, Prioritized::new())?;
/// ParquetReader::open("offline.parquet")?.read_into(&mut buffer)?;
/// # Ok::<(), reflux_replay::Error>(())
/// ```
pub struct ParquetReader {
    /// What errors call the file.
    name: String,
    source: Source,
    metadata: ArrowReaderMetadata,
}

impl ParquetReader {
    /// Opens a file, and reads the types of its columns.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be opened or read, [`Error::Format`] where it is no such file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::new(path.display().to_string(), Source::open(path)?)
    }

    /// The same for a file that is in memory, as a `Vec<u8>` or an `Arc<[u8]>`.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where it is no such file.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self> {
        Self::new("Parquet data".to_owned(), Source::memory(bytes))
    }

    fn new(name: String, source: Source) -> Result<Self> {
        let metadata =
            guarded(&name, || ArrowReaderMetadata::load(&source, ArrowReaderOptions::new()))?;
        Ok(Self { name, source, metadata })
    }

    /// The names of the columns, in the order of the file.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.metadata.schema().fields().iter().map(|field| field.name().as_str())
    }

    /// A schema with a column for every column of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] names a column of another type, and says what would be right.
    pub fn schema(&self) -> Result<Schema> {
        self.schema_of(&self.names().collect::<Vec<_>>())
    }

    /// A schema with these columns, in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] names a column that is not there or of another type, and says what would
    /// be right.
    pub fn schema_of(&self, names: &[&str]) -> Result<Schema> {
        let mut schema = Schema::new();
        for name in names {
            let field = self.metadata.schema().field(self.position(name)?);
            let (dtype, shape) =
                columns::shape(field.data_type()).map_err(|problem| self.error(name, problem))?;
            schema.column_of(*name, dtype, &shape)?;
        }
        Ok(schema)
    }

    /// The number of items, as the file states it.
    pub fn rows(&self) -> usize {
        usize::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Reads all columns into a new buffer, which has room for as many items as there are.
    ///
    /// # Errors
    ///
    /// As for [`ParquetReader::schema`], [`ParquetReader::read_into`] and [`Buffer::new`]; among
    /// them a file without items.
    pub fn read<S: Sampler>(&self, sampler: S) -> Result<Buffer<S>> {
        let schema = self.schema()?;
        self.check(&schema)?;
        let mut buffer = Buffer::new(schema, self.rows(), sampler)?;
        self.read_into(&mut buffer)?;
        Ok(buffer)
    }

    /// Adds all items to a buffer: for each of its columns, the column of that name. The result is
    /// how many there were; of more than the buffer has room for, the last ones stay.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] for a column that is not there or of another type or shape, and nothing is
    /// added then; [`Error::Io`], or [`Error::Format`] for missing values, lists of another size,
    /// and where the data is damaged or cut off: the items that came before are in the buffer then.
    pub fn read_into<S: Sampler>(&self, buffer: &mut Buffer<S>) -> Result<usize> {
        let wanted = self.check(buffer.schema())?;
        let all = buffer.schema().columns().to_vec();
        let parquet_schema = self.metadata.parquet_schema();
        let chunk = files::rows_per_chunk(buffer.schema().bytes_per_item());
        let mut reader = guarded(&self.name, || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(
                self.source.clone(),
                self.metadata.clone(),
            )
            .with_projection(ProjectionMask::roots(parquet_schema, wanted))
            .with_batch_size(chunk)
            .build()
        })?;

        let mut flags = vec![Vec::new(); all.len()];
        let mut rows = 0;
        let mut next = || guarded(&self.name, || Ok(reader.next().transpose()?));
        while let Some(batch) = next()? {
            let mut values = Vec::with_capacity(all.len());
            for (column, flags) in all.iter().zip(&mut flags) {
                let name = column.name();
                let array = batch
                    .column_by_name(name)
                    .ok_or_else(|| self.error(name, "there is no such column"))?;
                values.push(
                    columns::elements(array, column, flags)
                        .map_err(|problem| self.error(name, problem))?,
                );
            }
            buffer.push_batch(batch.num_rows(), &values)?;
            rows += batch.num_rows();
        }
        if rows != self.rows() {
            let problem = format!("it states {} items and has {rows}", self.rows());
            return Err(files::format(&self.name, problem));
        }
        Ok(rows)
    }

    /// Checks the types of these columns and what the file states of their sizes. The result are
    /// their places.
    fn check(&self, schema: &Schema) -> Result<Vec<usize>> {
        let places = schema.columns().iter().map(|column| {
            let (name, place) = (column.name(), self.position(column.name())?);
            columns::check(self.metadata.schema().field(place).data_type(), column)
                .map_err(|problem| self.error(name, problem))?;
            Ok(place)
        });
        let places = places.collect::<Result<Vec<_>>>()?;
        let metadata = self.metadata.metadata();
        match guarded(&self.name, || claims::problem(&self.source, metadata, schema, &places))? {
            Some(problem) => Err(files::format(&self.name, problem)),
            None => Ok(places),
        }
    }

    /// The place of a column among the file's.
    fn position(&self, name: &str) -> Result<usize> {
        self.names().position(|known| known == name).ok_or_else(|| {
            let names: Vec<_> = self.names().collect();
            self.error(name, format!("there is no such column; there are {names:?}"))
        })
    }

    fn error(&self, column: &str, problem: impl Into<String>) -> Error {
        files::format(format!("{}, column {column:?}", self.name), problem)
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        Self::len(self)
    }
}

impl ChunkReader for Source {
    type T = BufReader<Strict>;

    fn get_read(&self, start: u64) -> ::parquet::errors::Result<Self::T> {
        let mut source = self.clone();
        source.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(Strict(source)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ::parquet::errors::Result<Bytes> {
        // Asked before memory is taken: a damaged file may name any length.
        if start.checked_add(length as u64).is_none_or(|end| end > Self::len(self)) {
            let problem = format!("{length} bytes at {start} reach past the end");
            return Err(ParquetError::EOF(problem));
        }
        let mut source = self.clone();
        source.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; length];
        source.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Fails at the end of the file, where others have nothing to read: the decoder skips over what it
/// does not know without looking whether it is there, two billion times if a damaged header says so.
pub(crate) struct Strict(Source);

impl Read for Strict {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(out)? {
            0 if !out.is_empty() => Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

impl fmt::Debug for ParquetReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.debug_struct("ParquetReader").field("name", &self.name).field("columns", &names).finish()
    }
}
