//! Rows of items in files, in the order of their numbers.
//!
//! A chunk holds so many items: their numbers, their rows, and of each group of shared frames those
//! that the file has not had before, with their numbers. So a file knows all frames of its items, and
//! does not depend on others. A number of a frame means the same frame as long as an item has it; of
//! two files that have frames of one number, the later one is right, or they are equal.

use std::path::Path;

use super::chunks::{CHUNK, ChunkReader, ChunkWriter, Kind};
use super::folder::Name;
use super::manifest::{Entry, Segment};
use super::plan::Part;
use crate::rows::Rows;
use crate::{Buffer, ItemId, Result, Sampler};

/// Writes the items of a part, which `items` begins with, to files with numbers from `number` on, at
/// most `most` items to each. Returns what has been written.
pub(super) fn write<S: Sampler>(
    folder: &Path,
    number: &mut u64,
    most: u64,
    buffer: &Buffer<S>,
    part: &Part,
    items: &mut impl Iterator<Item = ItemId>,
) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let (mut left, mut from) = (part.held, part.from);
    let mut writer = Writer::new(buffer.rows());
    while left > 0 {
        // Files of one length, and not a short one at the end.
        let rows = left.div_ceil(left.div_ceil(most));
        left -= rows;
        let name = Name { kind: Kind::Rows, number: *number };
        let mut file = ChunkWriter::create(&name.path(folder), Kind::Rows)?;
        let mut to = part.to;
        writer.begin();
        for (written, id) in items.by_ref().take(rows as usize).enumerate() {
            to = if left > 0 { id.number() + 1 } else { part.to };
            let Some(slot) = buffer.directory().slot(id) else { continue };
            writer.push(buffer.rows(), id.number(), slot);
            if writer.is_full() || written as u64 + 1 == rows {
                writer.flush(buffer.rows(), &mut file)?;
            }
        }
        let file = Entry { number: *number, seal: file.finish()? };
        *number += 1;
        segments.push(Segment { from, to, rows, file });
        from = to;
    }
    Ok(segments)
}

struct Writer {
    /// The items of a chunk, at most.
    most: usize,
    ids: Vec<u64>,
    rows: Vec<u8>,
    /// Of each pool, the frames of the chunk, and those that the file has.
    frames: Vec<(Vec<u32>, Bits)>,
    chunk: Vec<u8>,
}

impl Writer {
    fn new(rows: &Rows) -> Self {
        let pools = rows.pools().iter().map(|pool| (Vec::new(), Bits::new(pool.capacity())));
        Self {
            most: (CHUNK / rows.bytes_per_item().saturating_add(size_of::<u64>())).max(1),
            ids: Vec::new(),
            rows: Vec::new(),
            frames: pools.collect(),
            chunk: Vec::new(),
        }
    }

    /// A new file begins.
    fn begin(&mut self) {
        self.frames.iter_mut().for_each(|(_, seen)| seen.clear());
    }

    fn push(&mut self, rows: &Rows, id: u64, slot: usize) {
        self.ids.push(id);
        self.rows.extend_from_slice(rows.row(slot));
        rows.for_each_frame(slot, |pool, frame| {
            let (new, seen) = &mut self.frames[pool];
            if seen.insert(frame as usize) {
                new.push(frame);
            }
        });
    }

    fn is_full(&self) -> bool {
        self.ids.len() == self.most
    }

    fn flush(&mut self, rows: &Rows, file: &mut ChunkWriter) -> Result<()> {
        self.chunk.clear();
        self.chunk.extend((self.ids.len() as u64).to_le_bytes());
        self.chunk.extend(self.ids.iter().flat_map(|id| id.to_le_bytes()));
        self.chunk.extend_from_slice(&self.rows);
        for ((new, _), pool) in self.frames.iter_mut().zip(rows.pools()) {
            self.chunk.extend((new.len() as u64).to_le_bytes());
            self.chunk.extend(new.iter().flat_map(|frame| frame.to_le_bytes()));
            new.iter().for_each(|&frame| self.chunk.extend_from_slice(pool.frame(frame)));
            new.clear();
        }
        self.ids.clear();
        self.rows.clear();
        file.write(&self.chunk)
    }
}

/// Reads all items that are held into the rows of a buffer, whose directory says which these are.
pub(super) fn read<S: Sampler>(
    folder: &Path,
    segments: &[Segment],
    buffer: &mut Buffer<S>,
) -> Result<()> {
    let mut frames: Vec<Bits> =
        buffer.rows().pools().iter().map(|pool| Bits::new(pool.capacity())).collect();
    let (mut chunk, mut filled) = (Vec::new(), 0);
    let longest = longest_chunk(buffer.rows());
    for segment in segments {
        let name = Name { kind: Kind::Rows, number: segment.file.number };
        let path = name.path(folder);
        let mut file = ChunkReader::open(&path, Kind::Rows, Some(segment.file.seal), longest)?;
        frames.iter_mut().for_each(Bits::clear);
        let (mut rows, mut from) = (0, segment.from);
        while file.next(&mut chunk)? {
            let read = read_chunk(&chunk, from..segment.to, buffer, &mut frames);
            let read = read.map_err(|problem| file.damaged(problem))?;
            (rows, from, filled) = (rows + read.rows, read.next, filled + read.held);
        }
        if rows != segment.rows {
            let problem = format!("{} items were written, {rows} are there", segment.rows);
            return Err(file.damaged(problem));
        }
    }
    if filled != buffer.len() {
        let (what, len) = (folder.display().to_string(), buffer.len());
        let problem = format!("it has the rows of {filled} of the {len} items");
        return Err(crate::Error::Format { what, problem });
    }
    buffer.rows_mut().free_frames();
    Ok(())
}

/// The bytes of the longest chunk there can be: counts, and for each item its number, its row, and its
/// frames, with their numbers, which take no more than the row that has them, too.
fn longest_chunk(rows: &Rows) -> usize {
    let items = CHUNK.max(rows.bytes_per_item().saturating_add(size_of::<u64>()));
    items.saturating_mul(2).saturating_add((1 + rows.pools().len()) * size_of::<u64>())
}

/// What a chunk held: how many rows, of how many items that are held, and the least number that may
/// come next.
struct Read {
    rows: u64,
    held: usize,
    next: u64,
}

fn read_chunk<S: Sampler>(
    mut chunk: &[u8],
    mut range: std::ops::Range<u64>,
    buffer: &mut Buffer<S>,
    frames: &mut [Bits],
) -> Result<Read, String> {
    const SHORT: &str = "a chunk is too short for what it holds";
    let mut take = |count: u64, size: usize| {
        let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(size));
        let taken = bytes.and_then(|bytes| chunk.split_at_checked(bytes));
        let (taken, rest) = taken.ok_or(SHORT)?;
        chunk = rest;
        Ok::<_, String>(taken)
    };
    let (directory, rows) = buffer.directory_and_rows_mut();
    let count = number(take(1, 8)?);
    let ids = take(count, 8)?;
    let stride = rows.bytes_per_row();
    let bytes = take(count, stride)?;
    for (pool, seen) in rows.pools_mut().iter_mut().zip(&mut *frames) {
        let count = number(take(1, 8)?);
        let numbers = take(count, 4)?.as_chunks::<4>().0;
        let size = pool.bytes_per_frame();
        let contents = take(count, size)?;
        for (&frame, contents) in numbers.iter().zip(contents.chunks_exact(size)) {
            let frame = u32::from_le_bytes(frame);
            if frame as usize >= pool.capacity() {
                return Err(format!("there are {} frames, got {frame}", pool.capacity()));
            }
            pool.frame_mut(frame).copy_from_slice(contents);
            seen.insert(frame as usize);
        }
    }
    if !chunk.is_empty() {
        return Err("a chunk is longer than what it holds".to_owned());
    }

    let mut held = 0;
    for (id, row) in ids.as_chunks::<8>().0.iter().zip(bytes.chunks_exact(stride)) {
        let id = u64::from_le_bytes(*id);
        if !range.contains(&id) {
            return Err(format!(
                "an item from {} to {} must come, got {id}",
                range.start, range.end
            ));
        }
        range.start = id + 1;
        let Some(slot) = directory.slot(ItemId::from_number(id)) else { continue };
        held += 1;
        rows.row_mut(slot).copy_from_slice(row);
        let mut missing = None;
        rows.for_each_frame(slot, |pool, frame| {
            if !frames[pool].contains(frame as usize) {
                missing = Some(frame);
            }
        });
        if let Some(frame) = missing {
            return Err(format!("item {id} has frame {frame}, which is missing"));
        }
        rows.hold_frames(slot);
    }
    Ok(Read { rows: count, held, next: range.start })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |&bytes| u64::from_le_bytes(bytes))
}

/// A set of numbers below a bound.
struct Bits(Vec<u64>);

impl Bits {
    fn new(bound: usize) -> Self {
        Self(vec![0; bound.div_ceil(64)])
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Whether it was not there before. A number beyond the bound is left out.
    fn insert(&mut self, number: usize) -> bool {
        let Some(word) = self.0.get_mut(number / 64) else { return false };
        let bit = 1 << (number % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}
