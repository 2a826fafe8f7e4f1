//! The manifest: what a checkpoint is made of.

use std::path::Path;

use super::chunks::{Kind, Seal};
use super::folder::{self, Name};
use super::state::{StateReader, StateWriter};
use crate::{Error, ItemId, Result};

/// What a buffer is, as names and values; only one that is the same can be loaded.
pub(crate) type Description = Vec<(&'static str, String)>;

#[derive(Debug, Clone)]
pub(super) struct Manifest {
    description: Vec<(String, String)>,
    /// The number of the item that comes next.
    pub(super) next: u64,
    /// In the order of their items.
    pub(super) segments: Vec<Segment>,
    pub(super) state: Entry,
}

/// A file and what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) seal: Seal,
}

/// All items from `from` up to, and not including, `to` that were held when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) rows: u64,
    pub(super) file: Entry,
}

impl Manifest {
    pub(super) fn new(
        description: Description,
        next: u64,
        segments: Vec<Segment>,
        state: Entry,
    ) -> Self {
        let description = description.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self { description: description.collect(), next, segments, state }
    }

    /// Writes it under this name. Returns its size.
    pub(super) fn publish(&self, folder: &Path, name: Name) -> Result<u64> {
        let mut out = StateWriter::create(&folder::unfinished(folder), Kind::Manifest)?;
        out.section()?;
        out.write_u64(self.description.len() as u64)?;
        for text in self.description.iter().flat_map(|(name, value)| [name, value]) {
            out.write_u64(text.len() as u64)?;
            out.write_bytes(text.as_bytes())?;
        }
        out.write_u64(self.next)?;
        out.write_u64(self.segments.len() as u64)?;
        for segment in &self.segments {
            out.write_u64(segment.from)?;
            out.write_u64(segment.to)?;
            out.write_u64(segment.rows)?;
            segment.file.write(&mut out)?;
        }
        self.state.write(&mut out)?;
        let seal = out.finish()?;
        folder::publish(folder, name)?;
        Ok(seal.bytes)
    }

    pub(super) fn read(folder: &Path, name: Name) -> Result<Self> {
        let mut input = StateReader::open(&name.path(folder), Kind::Manifest, None)?;
        input.section()?;
        let mut description = Vec::new();
        for _ in 0..input.read_u64()? {
            description.push((input.read_text()?, input.read_text()?)); // until the file ends
        }
        let next = input.read_at_most(ItemId::LAST, "the number of the next item")?;
        let mut segments: Vec<Segment> = Vec::new();
        for _ in 0..input.read_u64()? {
            let (from, to, rows) = (input.read_u64()?, input.read_u64()?, input.read_u64()?);
            let before = segments.last().map_or(0, |segment| segment.to);
            if from < before || to < from || to > next || rows > to - from {
                let problem = format!("items {from} to {to}, {rows} of them, cannot be a segment");
                return Err(input.damaged(problem));
            }
            segments.push(Segment { from, to, rows, file: Entry::read(&mut input)? });
        }
        let state = Entry::read(&mut input)?;
        input.finish()?;
        Ok(Self { description, next, segments, state })
    }

    /// Whether the buffer that was saved was such a one.
    pub(super) fn check(&self, description: &Description) -> Result<()> {
        let saved = |name: &str| {
            let found = self.description.iter().find(|(saved, _)| saved == name);
            found.map_or_else(String::new, |(_, value)| value.clone())
        };
        match description.iter().find(|(name, here)| saved(name) != *here) {
            Some((name, here)) => {
                let (saved, here) = (saved(name), here.clone());
                Err(Error::ForeignCheckpoint { what: name, saved, here })
            }
            None => Ok(()),
        }
    }

    /// The files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = Name> {
        let rows = self.segments.iter();
        let rows = rows.map(|segment| Name { kind: Kind::Rows, number: segment.file.number });
        rows.chain([Name { kind: Kind::State, number: self.state.number }])
    }
}

impl Entry {
    fn write(&self, out: &mut StateWriter) -> Result<()> {
        out.write_u64(self.number)?;
        out.write_u64(self.seal.bytes)?;
        out.write_u64(self.seal.digest.into())
    }

    fn read(input: &mut StateReader) -> Result<Self> {
        let (number, bytes) = (input.read_u64()?, input.read_u64()?);
        let digest = input.read_at_most(u32::MAX.into(), "a checksum")? as u32;
        Ok(Self { number, seal: Seal { bytes, digest } })
    }
}
