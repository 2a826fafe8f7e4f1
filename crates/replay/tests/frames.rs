//! Frames that are kept once come back as they were pushed: over the ends of episodes of both kinds,
//! the ring's seam, any eviction, and with many environments taking turns.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, BufferBuilder, Column, LowestPriority, Prioritized, Reservoir, Result, Sampler,
    Schema, Sequences, Uniform,
};

/// The elements of a frame.
const FRAME: usize = 4;

/// Environments whose frames are all different.
struct Environments {
    stacks: Vec<VecDeque<u32>>,
    depth: usize,
    /// Whether an episode begins with one frame repeated, or with different ones.
    repeats: bool,
    frames: u32,
}

/// What one step gives: the frames of both stacks.
struct Step {
    observation: Vec<u32>,
    next: Vec<u32>,
    ends: bool,
}

impl Environments {
    fn new(streams: usize, depth: usize, repeats: bool) -> Self {
        let mut new = Self { stacks: Vec::new(), depth, repeats, frames: 0 };
        new.stacks = (0..streams).map(|_| new.reset()).collect();
        new
    }

    fn frame(&mut self) -> u32 {
        self.frames += 1;
        self.frames
    }

    fn reset(&mut self) -> VecDeque<u32> {
        let first = self.frame();
        (0..self.depth).map(|_| if self.repeats { first } else { self.frame() }).collect()
    }

    /// The last observation of an episode is not the first of the next.
    fn step(&mut self, stream: usize, ends: bool) -> Step {
        let observation = self.stacks[stream].iter().copied().collect();
        let new = self.frame();
        self.stacks[stream].pop_front();
        self.stacks[stream].push_back(new);
        let next = self.stacks[stream].iter().copied().collect();
        if ends {
            self.stacks[stream] = self.reset();
        }
        Step { observation, next, ends }
    }
}

/// The pixels of these frames.
fn pixels(frames: &[u32]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.to_le_bytes()).collect()
}

struct Columns {
    observation: Column<u8>,
    next: Column<u8>,
    number: Column<i64>,
}

fn schema(streams: usize, depth: usize) -> Result<(Schema, Columns)> {
    let mut schema = Schema::new();
    let observation = schema.column("observation", &[depth, 2, FRAME / 2])?;
    let number = schema.column("number", &[])?;
    let next = schema.column("next_observation", &[depth, 2, FRAME / 2])?;
    let stream = schema.column("stream", &[])?;
    let last = schema.column("last", &[])?;
    schema.share_frames(&[observation, next])?;
    schema.mark_stream(stream, streams)?;
    schema.mark_episode_end(last)?;
    Ok((schema, Columns { observation, next, number }))
}

fn push<S: Sampler>(
    buffer: &mut Buffer<S>,
    number: i64,
    stream: usize,
    step: &Step,
) -> Result<reflux_replay::ItemId> {
    buffer.push(&[
        (&pixels(&step.observation)).into(),
        (&number).into(),
        (&pixels(&step.next)).into(),
        (&(stream as i64)).into(),
        (&step.ends).into(),
    ])
}

/// The same for several at once, of any environments; they are numbered from `first` on.
fn push_batch<S: Sampler>(
    buffer: &mut Buffer<S>,
    first: usize,
    streams: &[usize],
    steps: &[Step],
) -> Result<()> {
    let observations: Vec<u8> = steps.iter().flat_map(|step| pixels(&step.observation)).collect();
    let next: Vec<u8> = steps.iter().flat_map(|step| pixels(&step.next)).collect();
    let numbers: Vec<i64> = (first as i64..).take(steps.len()).collect();
    let streams: Vec<i64> = streams.iter().map(|&stream| stream as i64).collect();
    let ends: Vec<bool> = steps.iter().map(|step| step.ends).collect();
    let values = [
        (&observations).into(),
        (&numbers).into(),
        (&next).into(),
        (&streams).into(),
        (&ends).into(),
    ];
    buffer.push_batch(steps.len(), &values).map(drop)
}

fn build(builder: BufferBuilder, eviction: u8) -> BufferBuilder {
    match eviction {
        0 => builder,
        1 => builder.with_eviction(Reservoir::new(4)),
        _ => builder.with_eviction(LowestPriority::new()),
    }
}

/// Every item that is held is as it was pushed, and so is every item of a sample.
fn check<S: Sampler>(
    buffer: &mut Buffer<S>,
    columns: &Columns,
    steps: &[Step],
    rng: &mut Xoshiro256PlusPlus,
) -> Result<()> {
    let mut batch = Batch::new();
    let held: Vec<_> = buffer.items().collect();
    buffer.gather(&held, &mut batch)?;
    for sampled in [false, true] {
        if sampled && buffer.sample(7, rng, &mut batch).is_err() {
            continue; // no sequence that is long enough
        }
        let width = batch.matrix(columns.observation)?.ncols();
        let observations = batch.values(columns.observation)?.chunks(width);
        let next = batch.values(columns.next)?.chunks(width);
        for ((number, observation), next) in
            batch.values(columns.number)?.iter().zip(observations).zip(next)
        {
            let step = &steps[*number as usize];
            assert_eq!(observation, pixels(&step.observation), "item {number}");
            assert_eq!(next, pixels(&step.next), "item {number}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_comes_out_is_what_went_in(
        (streams, depth, repeats) in (1_usize..5, 1_usize..5, any::<bool>()),
        capacity in 1_usize..20,
        (eviction, sequences, limited) in (0_u8..3, any::<bool>(), any::<bool>()),
        frames_per_item in prop_oneof![Just(0.0), Just(0.5), Just(1.1), Just(8.0)],
        turns in prop::collection::vec((any::<usize>(), 0_u8..6), 1..80),
        rows in 1_usize..5,
    ) {
        let (schema, columns) = schema(streams, depth).unwrap();
        let mut builder = build(Buffer::builder(schema, capacity), eviction)
            .with_frames_per_item(frames_per_item)
            .unwrap();
        if limited {
            builder = builder.with_max_times_sampled(3).unwrap();
        }
        let sampler: Box<dyn Sampler> = if sequences {
            Box::new(Sequences::new(2).unwrap())
        } else {
            Box::new(Prioritized::new())
        };
        let mut buffer = builder.build(sampler).unwrap();
        let mut environments = Environments::new(streams, depth, repeats);
        let (mut steps, mut order, mut pushed) = (Vec::new(), Vec::new(), 0);
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        for (turn, kind) in turns {
            if kind == 5 && turn % 7 == 0 {
                buffer.clear();
                prop_assert_eq!(buffer.frames(), 0);
            }
            let stream = turn % streams;
            let step = environments.step(stream, kind == 0);
            steps.push(step);
            order.push(stream);
            if rows == 1 {
                push(&mut buffer, pushed as i64, stream, &steps[pushed]).unwrap();
            } else if steps.len() == pushed + rows {
                push_batch(&mut buffer, pushed, &order[pushed..], &steps[pushed..]).unwrap();
            } else {
                continue; // until there are enough
            }
            pushed = steps.len();
            prop_assert!(!buffer.is_empty() || eviction == 1); // the reservoir may pass it over
            check(&mut buffer, &columns, &steps, rng).unwrap();
        }
    }
}

/// As long as an item comes before the one before it has gone, each frame is kept exactly once.
#[test]
fn no_frame_is_kept_twice_and_none_outlives_its_items() -> Result<()> {
    for repeats in [false, true] {
        let (schema, _) = schema(3, 4)?;
        let builder = Buffer::builder(schema, 40).with_frames_per_item(8.0)?;
        let mut buffer = builder.build(Uniform::new())?;
        let mut environments = Environments::new(3, 4, repeats);
        let mut steps: Vec<Step> = Vec::new();
        for n in 0..500 {
            // Episodes of 9 items, and of 14.
            let (stream, ends) = (n % 3, n % 27 > 23 || n % 41 == 40);
            let step = environments.step(stream, ends);
            push(&mut buffer, n as i64, stream, &step)?;
            steps.push(step);
            let held = &steps[steps.len().saturating_sub(40)..];
            let frames = held.iter().flat_map(|step| step.observation.iter().chain(&step.next));
            assert_eq!(buffer.frames(), frames.collect::<BTreeSet<_>>().len(), "after {n}");
            assert_eq!(buffer.len(), held.len());
        }
    }
    Ok(())
}

/// One frame in common for a batch of rows, too, and whole values without a stack.
#[test]
fn whole_values_are_shared() -> Result<()> {
    let mut schema = Schema::new();
    let observation = schema.column::<f32>("observation", &[3])?;
    let next = schema.column::<f32>("next_observation", &[3])?;
    schema.share_values(&[observation, next])?;
    let mut buffer = Buffer::new(schema, 100, Uniform::new())?;
    let numbers: Vec<f32> = (0..63).map(|n| n as f32).collect();
    let ids = buffer.push_batch(20, &[numbers[..60].into(), numbers[3..].into()])?;
    assert_eq!(buffer.frames(), 21);
    let mut batch = Batch::new();
    buffer.gather(&ids.collect::<Vec<_>>(), &mut batch)?;
    assert_eq!(batch.values(observation)?, &numbers[..60]);
    assert_eq!(batch.values(next)?, &numbers[3..]);
    Ok(())
}

/// A frame is taken back when items run out of them; the oldest items go first.
#[test]
fn items_make_room_when_frames_run_out() -> Result<()> {
    let (schema, columns) = schema(1, 4)?;
    let builder = Buffer::builder(schema, 100).with_frames_per_item(0.5)?;
    let mut buffer = builder.build(Uniform::new())?;
    let mut environments = Environments::new(1, 4, true);
    let mut steps = Vec::new();
    let mut last = None;
    for n in 0..300 {
        let step = environments.step(0, false);
        last = Some(push(&mut buffer, n, 0, &step)?);
        steps.push(step);
    }
    assert!((45..=60).contains(&buffer.len()), "{}", buffer.len());
    assert_eq!(buffer.items().next_back(), last);
    check(&mut buffer, &columns, &steps, &mut Xoshiro256PlusPlus::seed_from_u64(0))
}

#[test]
fn atari_frames_take_a_seventh_of_their_bytes() -> Result<()> {
    let mut schema = Schema::new();
    let observation = schema.column::<u8>("observation", &[4, 84, 84])?;
    let next = schema.column::<u8>("next_observation", &[4, 84, 84])?;
    schema.column::<i64>("action", &[])?;
    schema.column::<f32>("reward", &[])?;
    schema.column::<bool>("terminated", &[])?;
    let naive = schema.bytes_per_item();
    schema.share_frames(&[observation, next])?;
    assert_eq!(naive, 2 * 4 * 84 * 84 + 13);

    let buffer = Buffer::new(schema.clone(), 5_000, Uniform::new())?;
    let account = buffer.account();
    assert!(7.0 * account.per_item() <= naive as f64, "{account}");
    let buffer = Buffer::new(schema, 5_000, Prioritized::new())?;
    let account = buffer.account();
    assert!(7.0 * account.per_item() <= naive as f64, "{account}");
    Ok(())
}

#[test]
fn frames_per_item_are_checked() {
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let builder = Buffer::builder(Schema::new(), 1);
        assert!(builder.with_frames_per_item(bad).is_err());
    }
}
