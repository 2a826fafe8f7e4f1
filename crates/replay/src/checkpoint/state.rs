//! What changes from one checkpoint to the next, written and read number by number.

use std::path::Path;

use super::chunks::{CHUNK, ChunkReader, ChunkWriter, Kind, Seal};
use crate::{Error, Result};

/// No slot.
const NONE: usize = usize::MAX;

/// Where a [`Sampler`](crate::Sampler) or an [`Eviction`](crate::Eviction) writes what it knows, for
/// a [`Checkpoint`](crate::Checkpoint). Numbers take 8 bytes, little-endian.
pub struct StateWriter {
    chunks: ChunkWriter,
    /// Its first byte says whether a section begins with it.
    chunk: Vec<u8>,
}

impl StateWriter {
    pub(super) fn create(path: &Path, kind: Kind) -> Result<Self> {
        Ok(Self { chunks: ChunkWriter::create(path, kind)?, chunk: Vec::new() })
    }

    /// What follows is read on its own: whoever reads it must read all of it, and no more.
    pub(crate) fn section(&mut self) -> Result<()> {
        self.flush(1)
    }

    /// Writes bytes. Their number is not written.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the disk fails.
    pub fn write_bytes(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.chunk.len() >= CHUNK {
                self.flush(0)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Writes a whole number.
    ///
    /// # Errors
    ///
    /// As for [`StateWriter::write_bytes`].
    pub fn write_u64(&mut self, number: u64) -> Result<()> {
        self.write_bytes(&number.to_le_bytes())
    }

    /// Writes a number, bit by bit.
    ///
    /// # Errors
    ///
    /// As for [`StateWriter::write_bytes`].
    pub fn write_f64(&mut self, number: f64) -> Result<()> {
        self.write_u64(number.to_bits())
    }

    /// Writes a slot below `len`, or none, in 4 bytes where that is enough.
    pub(crate) fn write_slot(&mut self, slot: usize, len: usize) -> Result<()> {
        if is_narrow(len) {
            self.write_bytes(&(slot as u32).to_le_bytes()) // u32::MAX for none
        } else {
            self.write_u64(slot as u64)
        }
    }

    /// Writes slots below their number.
    pub(crate) fn write_order(&mut self, order: &[usize]) -> Result<()> {
        order.iter().try_for_each(|&slot| self.write_slot(slot, order.len()))
    }

    /// Waits until the file is on the disk.
    pub(super) fn finish(mut self) -> Result<Seal> {
        self.flush(0)?;
        self.chunks.finish()
    }

    fn flush(&mut self, first: u8) -> Result<()> {
        if !self.chunk.is_empty() {
            self.chunks.write(&self.chunk)?;
        }
        self.chunk.clear();
        self.chunk.push(first);
        Ok(())
    }
}

/// Where a [`Sampler`](crate::Sampler) or an [`Eviction`](crate::Eviction) reads what its like has
/// written with a [`StateWriter`].
pub struct StateReader {
    chunks: ChunkReader,
    chunk: Vec<u8>,
    /// How much of the chunk has been read.
    at: usize,
}

impl StateReader {
    pub(super) fn open(path: &Path, kind: Kind, seal: Option<Seal>) -> Result<Self> {
        Ok(Self { chunks: ChunkReader::open(path, kind, seal, CHUNK)?, chunk: Vec::new(), at: 0 })
    }

    /// Goes to the next section. The last one must have been read to its end.
    pub(crate) fn section(&mut self) -> Result<()> {
        if self.at < self.chunk.len() {
            return Err(self.damaged("it holds more of something than is asked for"));
        }
        if !self.chunks.next(&mut self.chunk)? || self.chunk.first() != Some(&1) {
            return Err(self.damaged("a section is missing, or longer than it is asked for"));
        }
        self.at = 1;
        Ok(())
    }

    /// Reads as many bytes as there is room for.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where fewer were written; [`Error::Io`] where the disk fails.
    pub fn read_bytes(&mut self, mut out: &mut [u8]) -> Result<()> {
        while !out.is_empty() {
            if self.at == self.chunk.len() {
                if !self.chunks.next(&mut self.chunk)? || self.chunk.first() != Some(&0) {
                    return Err(self.damaged("it holds less of something than is asked for"));
                }
                self.at = 1;
            }
            let now = out.len().min(self.chunk.len() - self.at);
            let (first, rest) = out.split_at_mut(now);
            first.copy_from_slice(&self.chunk[self.at..self.at + now]);
            self.at += now;
            out = rest;
        }
        Ok(())
    }

    /// Reads a whole number.
    ///
    /// # Errors
    ///
    /// As for [`StateReader::read_bytes`].
    pub fn read_u64(&mut self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Reads a number, bit by bit.
    ///
    /// # Errors
    ///
    /// As for [`StateReader::read_bytes`].
    pub fn read_f64(&mut self) -> Result<f64> {
        Ok(f64::from_bits(self.read_u64()?))
    }

    /// The error that says that what was read cannot be what was written.
    pub fn damaged(&self, problem: impl Into<String>) -> Error {
        self.chunks.damaged(problem)
    }

    /// Reads a number that is no larger than `most`.
    pub(crate) fn read_at_most(&mut self, most: u64, what: &str) -> Result<u64> {
        let number = self.read_u64()?;
        if number > most {
            return Err(self.damaged(format!("{what} must be at most {most}, got {number}")));
        }
        Ok(number)
    }

    /// Reads a number that is at least 0 and finite.
    pub(crate) fn read_magnitude(&mut self, what: &str) -> Result<f64> {
        let number = self.read_f64()?;
        if !(0.0..f64::INFINITY).contains(&number) {
            return Err(self.damaged(format!("{what} must be finite and >= 0, got {number}")));
        }
        Ok(number)
    }

    /// Reads a slot below `len`.
    pub(crate) fn read_slot(&mut self, len: usize) -> Result<usize> {
        match self.read_link(len)? {
            NONE => Err(self.damaged(format!("a slot must be below {len}"))),
            slot => Ok(slot),
        }
    }

    /// Reads a slot below `len`, or `usize::MAX` for none.
    pub(crate) fn read_link(&mut self, len: usize) -> Result<usize> {
        let slot = if is_narrow(len) {
            let mut bytes = [0; 4];
            self.read_bytes(&mut bytes)?;
            match u32::from_le_bytes(bytes) {
                u32::MAX => NONE,
                slot => slot as usize,
            }
        } else {
            usize::try_from(self.read_u64()?).unwrap_or(NONE)
        };
        if slot != NONE && slot >= len {
            return Err(self.damaged(format!("a slot must be below {len}, got {slot}")));
        }
        Ok(slot)
    }

    /// Reads an order of the slots `0..len`, and where in it each slot is, into vectors that have room.
    pub(crate) fn read_order(
        &mut self,
        len: usize,
        order: &mut Vec<usize>,
        positions: &mut Vec<usize>,
    ) -> Result<()> {
        order.clear();
        positions.clear();
        positions.resize(len, NONE);
        for position in 0..len {
            let slot = self.read_slot(len)?;
            if positions[slot] != NONE {
                return Err(self.damaged(format!("slot {slot} occurs twice in an order of slots")));
            }
            positions[slot] = position;
            order.push(slot);
        }
        Ok(())
    }

    /// Reads a text that was written with its length in front.
    pub(super) fn read_text(&mut self) -> Result<String> {
        String::from_utf8(self.read_block()?).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    /// Reads bytes that were written with their number in front.
    pub(super) fn read_block(&mut self) -> Result<Vec<u8>> {
        let left = self.chunks.left() + (self.chunk.len() - self.at) as u64;
        let len = self.read_at_most(left.saturating_sub(8), "the bytes of something")?;
        let mut bytes = vec![0; len as usize];
        self.read_bytes(&mut bytes)?;
        Ok(bytes)
    }

    /// Everything must have been read.
    pub(super) fn finish(mut self) -> Result<()> {
        if self.at < self.chunk.len() || self.chunks.next(&mut self.chunk)? {
            return Err(self.damaged("it holds more than it should"));
        }
        Ok(())
    }
}

/// Whether slots below `len` are written in 4 bytes.
fn is_narrow(len: usize) -> bool {
    len < u32::MAX as usize
}

impl std::fmt::Debug for StateWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateWriter").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StateReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateReader").finish_non_exhaustive()
    }
}
