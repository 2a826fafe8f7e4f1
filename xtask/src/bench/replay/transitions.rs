//! What the buffers hold. `xtask/peers/replay.py` makes the same.

use std::ops::Range;

use anyhow::{Result, ensure};
use rand::Rng;
use reflux_replay::{Batch, Buffer, Column, Sampler, Schema, Uniform, Value};

/// What an observation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Four numbers, as in CartPole.
    Floats,
    /// Four images, as in Atari's games.
    Frames,
    /// Nothing: the reward is all there is.
    Priority,
}

impl Content {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Floats => "4 floats",
            Self::Frames => "4 frames",
            Self::Priority => "priority",
        }
    }
}

pub(super) const IMAGE: usize = 84 * 84;
const STACK: usize = 4;
/// So many transitions come at a time. Of frames, they are an episode.
pub(super) const CHUNK: usize = 256;
/// Every reward, so that it does not matter which are drawn.
const REWARD: f32 = 0.5;

/// The bytes of images that a sample of one item reads and writes: the two stacks have three images
/// in common, which come from memory once.
pub(super) const GATHERED: u64 = ((STACK + 1 + 2 * STACK) * IMAGE) as u64;

/// [`CHUNK`] transitions, with which buffers are filled, over and over.
pub(super) struct Transitions {
    content: Content,
    /// Those of `content`; the other pair is empty.
    numbers: Vec<f32>,
    stacks: [Vec<u8>; 2],
    actions: Vec<i64>,
    rewards: Vec<f32>,
    terminated: Vec<bool>,
}

impl Transitions {
    pub(super) fn new(content: Content) -> Self {
        let stacks = match content {
            Content::Frames => [stacks(0), stacks(1)],
            _ => [Vec::new(), Vec::new()],
        };
        let numbers = if content == Content::Floats { vec![1.0; 4 * CHUNK] } else { Vec::new() };
        Self {
            content,
            numbers,
            stacks,
            actions: vec![1; CHUNK],
            rewards: vec![REWARD; CHUNK],
            terminated: vec![false; CHUNK],
        }
    }

    /// An empty buffer for them, and the column of the rewards.
    pub(super) fn buffer<S: Sampler>(
        &self,
        capacity: usize,
        sampler: S,
    ) -> Result<(Buffer<S>, Column<f32>)> {
        let mut schema = Schema::new();
        let reward = match self.content {
            Content::Priority => schema.column("reward", &[])?,
            Content::Floats => {
                schema.column::<f32>("observation", &[4])?;
                schema.column::<f32>("next_observation", &[4])?;
                self.others(&mut schema)?
            }
            Content::Frames => {
                let observation = schema.column::<u8>("observation", &[STACK, 84, 84])?;
                let next = schema.column::<u8>("next_observation", &[STACK, 84, 84])?;
                schema.share_frames(&[observation, next])?;
                self.others(&mut schema)?
            }
        };
        Ok((Buffer::new(schema, capacity, sampler)?, reward))
    }

    fn others(&self, schema: &mut Schema) -> Result<Column<f32>> {
        let reward = schema.column("reward", &[])?;
        schema.column::<i64>("action", &[])?;
        schema.column::<bool>("terminated", &[])?;
        Ok(reward)
    }

    /// Hands these rows to `push`, as a buffer takes them.
    #[inline]
    pub(super) fn with<R>(&self, rows: Range<usize>, push: impl FnOnce(&[Value<'_>]) -> R) -> R {
        let reward = (&self.rewards[rows.clone()]).into();
        let [first, second]: [Value<'_>; 2] = match self.content {
            Content::Priority => return push(&[reward]),
            Content::Floats => {
                let numbers = &self.numbers[4 * rows.start..4 * rows.end];
                [numbers.into(), numbers.into()]
            }
            Content::Frames => {
                let bytes = STACK * IMAGE * rows.start..STACK * IMAGE * rows.end;
                [(&self.stacks[0][bytes.clone()]).into(), (&self.stacks[1][bytes]).into()]
            }
        };
        let (action, terminated) = (&self.actions[rows.clone()], &self.terminated[rows]);
        push(&[first, second, reward, action.into(), terminated.into()])
    }

    /// Pushes them until the buffer is full.
    pub(super) fn fill<S: Sampler>(&self, buffer: &mut Buffer<S>) -> Result<()> {
        let capacity = buffer.capacity();
        for start in (0..capacity).step_by(CHUNK) {
            let rows = CHUNK.min(capacity - start);
            let ids = self.with(0..rows, |values| buffer.push_batch(rows, values))?;
            let (ids, priorities) = (ids.collect::<Vec<_>>(), priorities(start..start + rows));
            buffer.set_priorities(&ids, &priorities)?;
        }
        ensure!(buffer.len() == capacity, "{} items of {capacity} are left", buffer.len());
        Ok(())
    }
}

/// Spread evenly over 0 to 1, and all different, wherever one begins.
pub(super) fn priorities(items: Range<usize>) -> Vec<f32> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    items.map(|item| ((item + 1) as f64 * GOLDEN).fract() as f32).collect()
}

/// Each transition's stack: four images of one film in which no two are equal, from image number
/// `first` on.
fn stacks(first: usize) -> Vec<u8> {
    let mut stacks = Vec::with_capacity(CHUNK * STACK * IMAGE);
    for transition in 0..CHUNK {
        for image in first + transition..first + transition + STACK {
            let start = stacks.len();
            stacks.extend_from_slice(&(image as u64).to_le_bytes());
            stacks.resize(start + IMAGE, 7);
        }
    }
    stacks
}

/// Images at random places, as many and among as many as a sample of a buffer reads.
pub(super) struct Images {
    images: Vec<u8>,
    copies: Vec<u8>,
}

impl Images {
    pub(super) fn new(capacity: usize, batch: usize) -> Result<Self> {
        // Where the buffer that they stand for does not fit, they do not either.
        drop(Transitions::new(Content::Frames).buffer(capacity, Uniform::new())?);
        Ok(Self { images: vec![7; capacity * IMAGE], copies: vec![0; batch * 2 * STACK * IMAGE] })
    }

    /// Copies the images of a batch. An item's two stacks are made of five images in a row.
    pub(super) fn copy(&mut self, rng: &mut impl Rng) -> f64 {
        let last = self.images.len() / IMAGE - (STACK + 1);
        let half = self.copies.len() / 2;
        let (observations, next) = self.copies.split_at_mut(half);
        let bytes = STACK * IMAGE;
        for (observation, next) in observations.chunks_mut(bytes).zip(next.chunks_mut(bytes)) {
            let start = rng.random_range(0..=last) * IMAGE;
            observation.copy_from_slice(&self.images[start..start + bytes]);
            next.copy_from_slice(&self.images[start + IMAGE..start + IMAGE + bytes]);
        }
        f64::from(self.copies[0])
    }
}

/// What a buffer of frames takes, beside one that keeps every stack.
pub(super) fn frame_memory() -> Result<Vec<String>> {
    let (buffer, _) = Transitions::new(Content::Frames).buffer(10_000, Uniform::new())?;
    let (ours, naive) = (buffer.account().per_item(), buffer.schema().bytes_per_item());
    let part = naive as f64 / ours;
    Ok(vec![format!(
        "memory of frames: {ours:.0} bytes an item, {naive} if nothing were shared: 1/{part:.1}"
    )])
}

/// A number that says whether all of a batch is there.
pub(super) fn checksum(batch: &Batch, reward: Column<f32>) -> Result<f64> {
    let rewards = batch.values(reward)?;
    Ok(rewards.len() as f64 * f64::from(rewards[rewards.len() - 1]))
}
