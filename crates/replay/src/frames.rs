//! Frames that several places have in common, each kept once.
//!
//! ```text
//! item 7   observation  [ 3 4 5 6 ]      next observation  [ 4 5 6 7 ]
//! item 8   observation  [ 4 5 6 7 ]      next observation  [ 5 6 7 8 ]     only 8 is new
//! ```
//!
//! A row holds numbers of frames, and the pool counts how many places a frame has. When the last is
//! gone, the frame is free.

use std::ops::Range;
use std::path::Path;

use crate::block::Block;
use crate::element::{Data, Place};
use crate::schema::FrameGroup;
use crate::{Error, Result, Value, memory};

/// The frames of one group of columns.
pub(crate) struct Pool {
    bytes: Block,
    place: Place,
    /// How many places each frame has.
    places: Vec<u32>,
    free: Vec<u32>,
    /// How many frames an item can add.
    per_item: usize,
    /// Frames that the next one may be equal to, and which of them is the likeliest.
    candidates: Vec<u32>,
    likeliest: usize,
}

impl Pool {
    /// The bytes of so many frames.
    pub(crate) fn bytes(group: &FrameGroup, frames: usize) -> u128 {
        frames as u128 * group.bytes as u128
    }

    /// The bytes that it takes to count the places of so many frames, and to know which are free.
    pub(crate) fn count_bytes(frames: usize) -> u128 {
        frames as u128 * 2 * size_of::<u32>() as u128
    }

    pub(crate) fn new(
        group: &FrameGroup,
        frames: usize,
        folder: Option<&Path>,
        refused: impl Fn() -> Error,
    ) -> Result<Self> {
        let size = frames.checked_mul(group.bytes).ok_or_else(&refused)?;
        // Frames are numbered with 32 bits, which do not run out where memory does not either.
        let last = u32::try_from(frames).map_err(|_| refused())?;
        let bytes = Block::new(size, folder, &refused)?;
        let (mut places, mut free) = (Vec::new(), Vec::new());
        memory::resize(&mut places, frames, 0, &refused)?;
        memory::reserve(&mut free, frames, &refused)?;
        free.extend((0..last).rev());
        let place = Place { offset: 0, width: group.width, stride: group.bytes };
        let per_item = group.per_item();
        let candidates = Vec::with_capacity(2 * per_item);
        Ok(Self { bytes, place, places, free, per_item, candidates, likeliest: 0 })
    }

    /// The elements of one frame.
    pub(crate) fn frame_width(&self) -> usize {
        self.place.width
    }

    /// The number of frames that there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn bytes_per_frame(&self) -> usize {
        self.place.stride
    }

    /// The bytes of the frames that an item can add.
    pub(crate) fn bytes_per_item(&self) -> usize {
        self.per_item.saturating_mul(self.place.stride)
    }

    pub(crate) fn frame(&self, frame: u32) -> &[u8] {
        &self.bytes[frame as usize * self.place.stride..][..self.place.stride]
    }

    pub(crate) fn frame_mut(&mut self, frame: u32) -> &mut [u8] {
        &mut self.bytes[frame as usize * self.place.stride..][..self.place.stride]
    }

    /// The frame has one more place.
    pub(crate) fn hold(&mut self, frame: u32) {
        self.places[frame as usize] += 1;
    }

    /// Frames without a place are free.
    pub(crate) fn free_others(&mut self) {
        let Self { places, free, .. } = self;
        free.clear();
        free.extend((0..places.len() as u32).rev().filter(|&frame| places[frame as usize] == 0));
    }

    /// Whether any item at all can be added.
    pub(crate) fn has_room(&self) -> bool {
        self.free.len() >= self.per_item
    }

    /// The frames that are in use.
    pub(crate) fn used(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn clear(&mut self) {
        self.places.fill(0);
        self.free.clear();
        self.free.extend((0..self.places.len() as u32).rev());
    }

    /// Forgets which frames the next one may be equal to.
    pub(crate) fn forget_candidates(&mut self) {
        self.candidates.clear();
        self.likeliest = 0;
    }

    /// The next frames may be equal to this one.
    pub(crate) fn add_candidate(&mut self, frame: u32) {
        if !self.candidates.contains(&frame) {
            self.candidates.push(frame);
        }
    }

    /// The number of the frame with these elements, which has one more place now. There must be room.
    pub(crate) fn keep(&mut self, elements: Range<usize>, value: &Value<'_>) -> u32 {
        let n = self.candidates.len();
        let place = self.place;
        // Frames come in the order of those before them, so the search goes on where it was.
        let found = (0..n).map(|step| (self.likeliest + step) % n).find(|&at| {
            let start = self.candidates[at] as usize * place.stride;
            value.equals(elements.clone(), &self.bytes[start..start + place.stride])
        });
        let frame = match found {
            Some(at) => {
                self.likeliest = at + 1;
                self.candidates[at]
            }
            None => {
                // Without room, which the caller has made sure of, the last frame is overwritten.
                let frame = self.free.pop().unwrap_or(self.places.len() as u32 - 1);
                value.scatter(elements, &mut self.bytes, place, frame as usize);
                self.candidates.push(frame);
                frame
            }
        };
        self.places[frame as usize] += 1;
        frame
    }

    /// One place of the frame is gone.
    pub(crate) fn release(&mut self, frame: u32) {
        let places = &mut self.places[frame as usize];
        *places -= 1;
        if *places == 0 {
            self.free.push(frame);
        }
    }

    /// Copies these frames, in this order, to `out`, from the place of its `first` frame on.
    pub(crate) fn gather(&self, first: usize, frames: &[u32], out: &mut Data) {
        let mut starts = [0; 64];
        for (block, frames) in frames.chunks(starts.len()).enumerate() {
            let first = first + block * starts.len();
            let starts = &mut starts[..frames.len()];
            for (start, &frame) in starts.iter_mut().zip(frames) {
                *start = frame as usize * self.place.stride;
            }
            out.gather(first, &self.bytes, self.place, starts);
        }
    }
}
