//! Files of chunks, each with its length and its checksum.
//!
//! ```text
//! "REFLUX\r\n" | version u32 | kind u32 || length u64 | CRC-32 u32 | bytes || length | CRC-32 | ...
//! ```
//!
//! Numbers are little-endian. A chunk is checked before any of it is used, and it is never longer
//! than what is left of the file. The *seal* of a file, its length and a checksum over the checksums
//! of its chunks, is kept in another file, which so knows exactly this one.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use crc32fast::Hasher;

use crate::{Error, Result, memory};

/// The version of the format that this crate writes, and the only one that it reads.
pub(super) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"REFLUX\r\n";
const HEADER: usize = MAGIC.len() + 8;
const CHUNK_HEADER: usize = 12;

/// Around how many bytes a chunk has.
pub(super) const CHUNK: usize = 1 << 20;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Manifest = 1,
    Rows = 2,
    State = 3,
}

/// What tells a file from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) bytes: u64,
    pub(super) digest: u32,
}

/// A file that is being written.
pub(super) struct ChunkWriter {
    file: File,
    what: String,
    bytes: u64,
    digest: Hasher,
}

impl ChunkWriter {
    /// A file with a header and no chunks.
    pub(super) fn create(path: &Path, kind: Kind) -> Result<Self> {
        let what = path.display().to_string();
        let file = File::create(path).map_err(|source| io(&what, source))?;
        let mut new = Self { file, what, bytes: 0, digest: Hasher::new() };
        let mut header = MAGIC.to_vec();
        header.extend(VERSION.to_le_bytes());
        header.extend((kind as u32).to_le_bytes());
        new.put(&header)?;
        Ok(new)
    }

    pub(super) fn write(&mut self, chunk: &[u8]) -> Result<()> {
        let crc = crc32fast::hash(chunk).to_le_bytes();
        let mut header = (chunk.len() as u64).to_le_bytes().to_vec();
        header.extend(crc);
        self.digest.update(&header);
        self.put(&header)?;
        self.put(chunk)
    }

    /// Waits until the file is on the disk.
    pub(super) fn finish(self) -> Result<Seal> {
        self.file.sync_all().map_err(|source| io(&self.what, source))?;
        Ok(Seal { bytes: self.bytes, digest: self.digest.finalize() })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| io(&self.what, source))
    }
}

/// A file that is being read.
pub(super) struct ChunkReader {
    file: File,
    what: String,
    /// The bytes that have not been read yet.
    left: u64,
    digest: Hasher,
    seal: Option<Seal>,
    /// The bytes of the longest chunk that can have been written.
    longest: u64,
}

impl ChunkReader {
    /// Opens a file and checks its header, and its length where the seal is known. No chunk of it is
    /// longer than `longest`.
    pub(super) fn open(
        path: &Path,
        kind: Kind,
        seal: Option<Seal>,
        longest: usize,
    ) -> Result<Self> {
        let what = path.display().to_string();
        let mut file = File::open(path).map_err(|source| io(&what, source))?;
        let len = file.metadata().map_err(|source| io(&what, source))?.len();
        let left = len.checked_sub(HEADER as u64).ok_or_else(|| {
            damaged(&what, format!("a file of a checkpoint has at least {HEADER} bytes, got {len}"))
        })?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(|source| io(&what, source))?;
        let ([magic, numbers], _) = header.as_chunks::<8>() else { unreachable!("two times 8") };
        let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| numbers[at + i]));
        if *magic != MAGIC {
            return Err(damaged(&what, "this is not a file of a checkpoint".to_owned()));
        }
        if number(0) != VERSION {
            return Err(Error::CheckpointVersion { what, found: number(0), supported: VERSION });
        }
        if number(4) != kind as u32 {
            let problem = format!("a file of kind {} is needed, got {}", kind as u32, number(4));
            return Err(damaged(&what, problem));
        }
        if let Some(seal) = seal.filter(|seal| checks() && seal.bytes != len) {
            let problem = format!("{} bytes were written, {len} are there", seal.bytes);
            return Err(damaged(&what, problem));
        }
        Ok(Self { file, what, left, digest: Hasher::new(), seal, longest: longest as u64 })
    }

    /// Reads the next chunk over the last one; `false` at the end of the file, which is that of the
    /// seal.
    pub(super) fn next(&mut self, chunk: &mut Vec<u8>) -> Result<bool> {
        chunk.clear();
        if self.left == 0 {
            let digest = self.digest.clone().finalize();
            if checks() && self.seal.is_some_and(|seal| seal.digest != digest) {
                return Err(self.damaged("its chunks are not those that were written"));
            }
            return Ok(false);
        }
        let Some(left) = self.left.checked_sub(CHUNK_HEADER as u64) else {
            return Err(self.damaged("it ends within the header of a chunk"));
        };
        let mut header = [0; CHUNK_HEADER];
        self.file.read_exact(&mut header).map_err(|source| io(&self.what, source))?;
        self.digest.update(&header);
        let ([len @ .., _, _, _, _], [.., a, b, c, d]) = (header, header);
        let len = u64::from_le_bytes(len);
        let most = left.min(self.longest);
        if len > most {
            let problem = format!("a chunk of {len} bytes is announced, {most} are possible");
            return Err(damaged(&self.what, problem));
        }
        let refused = || memory::refused(format!("a chunk of {}", self.what), u128::from(len));
        let size = usize::try_from(len).map_err(|_| refused())?;
        memory::resize(chunk, size, 0, refused)?;
        self.file.read_exact(chunk).map_err(|source| io(&self.what, source))?;
        if checks() && crc32fast::hash(chunk) != u32::from_le_bytes([a, b, c, d]) {
            return Err(self.damaged("the checksum of a chunk is wrong"));
        }
        self.left = left - len;
        Ok(true)
    }

    /// The bytes that have not been read yet.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The error that says that the file is not as it should be.
    pub(super) fn damaged(&self, problem: impl Into<String>) -> Error {
        damaged(&self.what, problem.into())
    }
}

/// A fuzzer would seldom get past seals and checksums.
fn checks() -> bool {
    !cfg!(fuzzing)
}

fn io(what: &str, source: std::io::Error) -> Error {
    Error::Io { what: what.to_owned(), source }
}

fn damaged(what: &str, problem: String) -> Error {
    Error::Format { what: what.to_owned(), problem }
}
