//! `.npz` files into buffers.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use super::archive_error;
use super::npy::{Header, Problem};
use crate::cells::{Cells, Endian};
use crate::files::{self, Source};
use crate::{Buffer, ColumnInfo, Error, Result, Sampler, Schema};

/// Deflate cannot make more of a byte: 258 bytes for the two bits of the shortest code for a match.
const MOST_PER_BYTE: u64 = 1032;

/// Reads `.npz` files that `numpy.savez`, `numpy.savez_compressed` or
/// [`NpzWriter`](crate::NpzWriter) wrote: each array is a column, its first dimension goes over
/// items.
///
/// Arrays of float32, float64, uint8, int32, int64 and bool, in either byte order, become columns
/// of the same type. Other types, and arrays in Fortran's order, are errors that say how to convert
/// them; so are scalars and arrays of different lengths. An array that is not asked for is not
/// looked at.
///
/// A megabyte or so of the file is in memory at a time. A damaged file is an
/// [`Error::Format`]: what a file says of its sizes is compared with its length before memory is
/// reserved, and each array's checksum is verified.
///
/// # Example
///
/// ```no_run
/// use reflux_replay::{Buffer, NpzReader, Prioritized, Schema, Uniform};
///
/// // Everything that is in the file.
/// let buffer = NpzReader::open("offline.npz")?.read(Uniform::new())?;
/// println!("{} items of {}", buffer.len(), buffer.schema());
///
/// // Some of it, of known types, into a buffer that goes on to be filled.
/// let mut schema = Schema::new();
/// let observations = schema.column::<f32>("observations", &[4])?;
/// let actions = schema.column::<i64>("actions", &[])?;
/// let mut buffer = Buffer::new(schema, 1_000_000, Prioritized::new())?;
/// NpzReader::open("offline.npz")?.read_into(&mut buffer)?;
/// # Ok::<(), reflux_replay::Error>(())
/// ```
pub struct NpzReader {
    /// What errors call the file.
    name: String,
    archive: ZipArchive<Source>,
    arrays: Vec<Array>,
}

/// An array of the archive, or why it cannot be a column.
struct Array {
    name: String,
    /// Its place in the archive.
    index: usize,
    header: Result<Header, String>,
}

impl NpzReader {
    /// Opens a file, and reads the types and shapes of its arrays.
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
        Self::new("npz data".to_owned(), Source::memory(bytes))
    }

    fn new(name: String, source: Source) -> Result<Self> {
        // No byte of the file belongs to two arrays.
        let mut left = source.len();
        let mut archive =
            ZipArchive::new(source).map_err(|error| archive_error(name.clone(), error))?;
        let mut arrays = Vec::new();
        for index in 0..archive.len() {
            let Some(array) = array_name(&archive, index) else { continue };
            let header = match read_header(&mut archive, index, &mut left) {
                Ok(header) => Ok(header),
                // The file cannot be read at all.
                Err(Error::Io { source, .. }) => return Err(Error::Io { what: name, source }),
                Err(Error::Format { problem, .. }) => Err(problem),
                Err(error) => return Err(error),
            };
            arrays.push(Array { name: array, index, header });
        }
        Ok(Self { name, archive, arrays })
    }

    /// The names of the arrays, in the order of the file.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.arrays.iter().map(|array| array.name.as_str())
    }

    /// A schema with a column for every array.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] names an array that cannot be a column, and says why.
    pub fn schema(&self) -> Result<Schema> {
        self.schema_of(&self.names().collect::<Vec<_>>())
    }

    /// A schema with a column for each of these arrays, in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] names an array that is not there or cannot be a column, and says why.
    pub fn schema_of(&self, names: &[&str]) -> Result<Schema> {
        let mut schema = Schema::new();
        for name in names {
            let (header, _) = self.array(name)?;
            schema.column_of(*name, header.dtype, &header.shape[1..])?;
        }
        Ok(schema)
    }

    /// The number of items: how long the arrays of these columns are.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] for an array that is not there or cannot be a column, for one of another
    /// type or shape than its column, and for arrays of different lengths.
    pub fn rows(&self, schema: &Schema) -> Result<usize> {
        let mut first: Option<(&str, usize)> = None;
        for column in schema.columns() {
            let (header, rows) = self.array(column.name())?;
            if header.dtype != column.dtype() || header.shape[1..] != *column.shape() {
                let problem = format!(
                    "its items are {}{:?}, the column's {}{:?}",
                    header.dtype,
                    &header.shape[1..],
                    column.dtype(),
                    column.shape()
                );
                return Err(self.error(column.name(), problem));
            }
            match first {
                Some((other, len)) if len != rows => {
                    let problem = format!("it has {rows} items, and {other:?} has {len}");
                    return Err(self.error(column.name(), problem));
                }
                _ => first = Some((column.name(), rows)),
            }
        }
        Ok(first.map_or(0, |(_, rows)| rows))
    }

    /// Reads all arrays into a new buffer, which has room for as many items as there are.
    ///
    /// # Errors
    ///
    /// As for [`NpzReader::schema`], [`NpzReader::read_into`] and [`Buffer::new`]; among them a file
    /// without items.
    pub fn read<S: Sampler>(&self, sampler: S) -> Result<Buffer<S>> {
        let schema = self.schema()?;
        let rows = self.rows(&schema)?;
        let mut buffer = Buffer::new(schema, rows, sampler)?;
        self.read_into(&mut buffer)?;
        Ok(buffer)
    }

    /// Adds all items to a buffer: for each of its columns, the array of that name. The result is
    /// how many there were; of more than the buffer has room for, the last ones stay.
    ///
    /// # Errors
    ///
    /// As for [`NpzReader::rows`], and nothing is added then; [`Error::Io`], or [`Error::Format`]
    /// where the data is damaged or cut off: the items that came before are in the buffer then.
    pub fn read_into<S: Sampler>(&self, buffer: &mut Buffer<S>) -> Result<usize> {
        let rows = self.rows(buffer.schema())?;
        // An archive reads one array at a time; so each column has a clone, which is cheap.
        let columns = buffer.schema().columns().to_vec();
        let mut archives = vec![self.archive.clone(); columns.len()];
        let mut readers = Vec::with_capacity(columns.len());
        for (column, archive) in columns.iter().zip(&mut archives) {
            readers.push(self.start(column, archive)?);
        }
        let chunk = files::rows_per_chunk(buffer.schema().bytes_per_item());
        let mut bytes = Vec::new();
        for start in (0..rows).step_by(chunk) {
            let count = chunk.min(rows - start);
            for reader in &mut readers {
                reader.next(count, &mut bytes)?;
            }
            let values: Vec<_> = readers.iter().map(|reader| reader.cells.rows(0..count)).collect();
            buffer.push_batch(count, &values)?;
        }
        readers.iter_mut().try_for_each(ArrayReader::finish)?;
        Ok(rows)
    }

    /// The header of an array that can be a column, and how many items it has.
    fn array(&self, name: &str) -> Result<(&Header, usize)> {
        let Some(array) = self.arrays.iter().find(|array| array.name == name) else {
            let names: Vec<_> = self.names().collect();
            let problem = format!("there is no such array; there are {names:?}");
            return Err(self.error(name, problem));
        };
        let header = array.header.as_ref().map_err(|problem| self.error(name, problem))?;
        let problem = match &header.shape[..] {
            [] => "it is a scalar; the first dimension of a column goes over items",
            [_, _, ..] if header.fortran => {
                "it is in Fortran's order: save numpy.ascontiguousarray of it"
            }
            &[rows, ..] => return Ok((header, rows)),
        };
        Err(self.error(name, problem))
    }

    /// A reader of this column's elements.
    fn start<'a>(
        &self,
        column: &ColumnInfo,
        archive: &'a mut ZipArchive<Source>,
    ) -> Result<ArrayReader<impl Read + use<'a>>> {
        let what = self.what(column.name());
        let array = self.arrays.iter().find(|array| array.name == column.name());
        let index = array.map_or(usize::MAX, |array| array.index);
        let mut entry =
            archive.by_index(index).map_err(|error| archive_error(what.clone(), error))?;
        let header = header_of(|| what.clone(), &mut entry)?;
        let bytes_per_row = column.width() as u64 * column.dtype().bytes() as u64;
        Ok(ArrayReader {
            what,
            entry,
            bytes_per_row,
            endian: header.endian,
            cells: Cells::new(column),
        })
    }

    fn what(&self, array: &str) -> String {
        format!("{}, array {array:?}", self.name)
    }

    fn error(&self, array: &str, problem: impl Into<String>) -> Error {
        files::format(self.what(array), problem)
    }
}

/// `observation.npy` is the array `observation`; what has another name is not an array.
fn array_name(archive: &ZipArchive<Source>, index: usize) -> Option<String> {
    let name = archive.name_for_index(index)?.ok()?;
    Some(name.strip_suffix(".npy")?.to_owned())
}

/// Reads what an array says of itself, and checks that it can be so, in a file of which so many
/// bytes are `left`.
fn read_header(archive: &mut ZipArchive<Source>, index: usize, left: &mut u64) -> Result<Header> {
    let mut entry = archive.by_index(index).map_err(|error| archive_error(String::new(), error))?;
    let header = header_of(String::new, &mut entry)?;
    check_size(&header, &entry, *left).map_err(|problem| files::format("", problem))?;
    *left -= entry.compressed_size();
    Ok(header)
}

fn header_of(what: impl FnOnce() -> String, entry: &mut impl Read) -> Result<Header> {
    Header::read(entry).map_err(|problem| match problem {
        Problem::Format(problem) => files::format(what(), problem),
        Problem::Io(error) => files::io(what(), error),
    })
}

/// Checks that there can be as many bytes as the header says, so that whoever reserves memory by
/// it reserves no more than a thousand times the length of the file.
fn check_size<R: Read>(
    header: &Header,
    entry: &zip::read::ZipFile<'_, R>,
    left: u64,
) -> Result<(), String> {
    let most = match entry.compression() {
        CompressionMethod::Stored => entry.compressed_size(),
        _ => entry.compressed_size().saturating_add(1).saturating_mul(MOST_PER_BYTE),
    };
    let (size, compressed) = (entry.size(), entry.compressed_size());
    if compressed > left || size > most {
        return Err(format!(
            "it cannot have {size} bytes, compressed to {compressed}: {left} are left of the file"
        ));
    }
    let expected = header.data_len().and_then(|len| len.checked_add(header.len));
    if expected != Some(size) {
        let (shape, dtype) = (&header.shape, header.dtype);
        return Err(format!(
            "its header says {dtype}{shape:?}, which does not fit the {size} bytes that it has"
        ));
    }
    Ok(())
}

/// Reads the rows of one array, one after another.
struct ArrayReader<R> {
    what: String,
    entry: R,
    bytes_per_row: u64,
    endian: Endian,
    cells: Cells,
}

impl<R: Read> ArrayReader<R> {
    /// Reads the next `rows` into the first cells, by way of `bytes`, which grow only as data comes.
    fn next(&mut self, rows: usize, bytes: &mut Vec<u8>) -> Result<()> {
        let len = self.bytes_per_row * rows as u64;
        bytes.clear();
        let read = self.entry.by_ref().take(len).read_to_end(bytes);
        if read.map_err(|error| files::io(&self.what, error))? as u64 != len {
            return Err(files::format(&self.what, "it is cut off"));
        }
        self.cells.fill(bytes, self.endian)
    }

    /// Reads the end: only there the checksum is compared.
    fn finish(&mut self) -> Result<()> {
        match self.entry.read(&mut [0]).map_err(|error| files::io(&self.what, error))? {
            0 => Ok(()),
            _ => Err(files::format(&self.what, "it is longer than its header says")),
        }
    }
}

impl fmt::Debug for NpzReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.debug_struct("NpzReader").field("name", &self.name).field("arrays", &names).finish()
    }
}
