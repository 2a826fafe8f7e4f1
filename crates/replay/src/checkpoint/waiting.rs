//! What waits in front of a buffer, steps of episodes that are not over, as bytes: a checkpoint keeps
//! them as the caller's.

use crate::cells::{self, Cells, Endian};
use crate::{ColumnInfo, Error, Result, Value};

/// What these bytes are called in errors.
const WHAT: &str = "saved steps of unfinished episodes";

/// Writes a description of the assembler, then numbers and rows, then a checksum.
pub(crate) struct WaitingWriter {
    bytes: Vec<u8>,
}

impl WaitingWriter {
    /// `assembler` is all that has to be the same where the steps are read.
    pub(crate) fn new(assembler: &str) -> Self {
        let mut new = Self { bytes: Vec::new() };
        new.number(assembler.len() as u64);
        new.bytes.extend_from_slice(assembler.as_bytes());
        new
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// Elements, without their number.
    pub(crate) fn value(&mut self, value: Value<'_>) {
        cells::to_bytes(value, &mut self.bytes);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let checksum = crc32fast::hash(&self.bytes);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
        self.bytes
    }
}

/// Reads what a [`WaitingWriter`] has written.
pub(crate) struct WaitingReader<'a> {
    bytes: &'a [u8],
}

impl<'a> WaitingReader<'a> {
    pub(crate) fn new(bytes: &'a [u8], assembler: &str) -> Result<Self> {
        let Some((bytes, checksum)) = bytes.split_last_chunk() else {
            return Err(damaged("they are cut off"));
        };
        if crc32fast::hash(bytes) != u32::from_le_bytes(*checksum) {
            return Err(damaged("their checksum is wrong: they are damaged, or something else"));
        }
        let mut new = Self { bytes };
        let len = new.number()?;
        let saved = String::from_utf8_lossy(new.take(len as u128)?);
        if saved != assembler {
            let (what, saved, here) = ("assembler", saved.into_owned(), assembler.to_owned());
            return Err(Error::ForeignCheckpoint { what, saved, here });
        }
        Ok(new)
    }

    pub(crate) fn number(&mut self) -> Result<u64> {
        let Some((number, rest)) = self.bytes.split_first_chunk() else {
            return Err(damaged("they are cut off"));
        };
        self.bytes = rest;
        Ok(u64::from_le_bytes(*number))
    }

    /// So many rows of a column like this one.
    pub(crate) fn rows(&mut self, rows: u64, column: &ColumnInfo) -> Result<Cells> {
        let bytes_per_row = column.width() as u128 * column.dtype().bytes() as u128;
        let bytes = self.take(u128::from(rows).saturating_mul(bytes_per_row))?;
        let mut cells = Cells::new(column);
        cells.fill(bytes, Endian::Little)?;
        Ok(cells)
    }

    pub(crate) fn finish(self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(damaged("more follows than should")) }
    }

    fn take(&mut self, len: u128) -> Result<&'a [u8]> {
        let taken = usize::try_from(len).ok().and_then(|len| self.bytes.split_at_checked(len));
        let (taken, rest) = taken.ok_or_else(|| damaged("they are cut off"))?;
        self.bytes = rest;
        Ok(taken)
    }
}

pub(crate) fn damaged(problem: &str) -> Error {
    Error::Format { what: WHAT.to_owned(), problem: problem.to_owned() }
}
