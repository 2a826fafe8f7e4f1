//! A buffer that was saved and loaded does what it would have done, with every sampler and every
//! eviction; and only what is new is written.

use std::path::Path;

use proptest::prelude::*;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, BufferBuilder, Checkpoint, Column, Error, ItemId, LowestPriority, Prioritized,
    RankBased, Reservoir, Result, Sampler, Schema, Sequences, StateReader, StateWriter, Uniform,
    WithoutReplacement,
};

#[derive(Debug, Clone)]
enum Operation {
    Push(usize),
    Sample(usize),
    /// For every `n`-th item that is held, priorities from this one on.
    SetPriorities(usize, u8),
    SetProgress(u8),
    Clear,
    /// Saved, and for `true` loaded.
    Save(bool),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => (0_usize..12).prop_map(Operation::Push),
        6 => (1_usize..20).prop_map(Operation::Sample),
        4 => (1_usize..6, 0_u8..4).prop_map(|(n, priority)| Operation::SetPriorities(n, priority)),
        1 => (0_u8..=10).prop_map(Operation::SetProgress),
        1 => Just(Operation::Clear),
        4 => any::<bool>().prop_map(Operation::Save),
    ]
}

/// How a buffer is made.
#[derive(Debug, Clone, Copy)]
struct Setup {
    draws: u8,
    evicts: u8,
    limit: Option<u32>,
    counts: bool,
    shares: bool,
    capacity: usize,
}

/// Every sampler with every eviction, otherwise alike.
fn setups() -> impl Strategy<Value = Vec<Setup>> {
    let limit = prop::option::of(1_u32..4);
    let flags = (any::<bool>(), any::<bool>());
    (limit, flags, 1_usize..40).prop_map(|(limit, (counts, shares), capacity)| {
        let with = |draws, evicts| Setup { draws, evicts, limit, counts, shares, capacity };
        (0..5).flat_map(|draws| (0..3).map(move |evicts| with(draws, evicts))).collect()
    })
}

const STREAMS: i64 = 3;

impl Setup {
    fn builder(&self) -> Result<BufferBuilder> {
        let mut schema = Schema::new();
        schema.column::<i64>("number", &[])?;
        let stream = schema.column::<i64>("stream", &[])?;
        let end = schema.column::<bool>("end", &[])?;
        let stack = schema.column::<u8>("stack", &[3, 2])?;
        let next = schema.column::<u8>("next", &[3, 2])?;
        schema.mark_stream(stream, STREAMS as usize)?;
        schema.mark_episode_end(end)?;
        if self.shares {
            schema.share_frames(&[stack, next])?;
        }
        let mut builder = Buffer::builder(schema, self.capacity);
        builder = match self.evicts {
            0 => builder,
            1 => builder.with_eviction(Reservoir::new(9)),
            _ => builder.with_eviction(LowestPriority::new()),
        };
        if self.counts {
            builder = builder.with_use_counts();
        }
        match self.limit {
            Some(limit) => builder.with_max_times_sampled(limit),
            None => Ok(builder),
        }
    }

    fn sampler(&self) -> Result<Box<dyn Sampler>> {
        Ok(match self.draws {
            0 => Box::new(Uniform::new()),
            1 => Box::new(WithoutReplacement::new()),
            2 => Box::new(Prioritized::new()),
            3 => Box::new(RankBased::new()),
            _ => Box::new(Sequences::new(2)?),
        })
    }

    fn build(&self) -> Result<Buffer<Box<dyn Sampler>>> {
        self.builder()?.build(self.sampler()?)
    }
}

/// A buffer, and who learns from it.
struct Run {
    buffer: Buffer<Box<dyn Sampler>>,
    rng: Xoshiro256PlusPlus,
    pushed: i64,
}

impl Run {
    fn new(setup: &Setup) -> Result<Self> {
        let rng = Xoshiro256PlusPlus::seed_from_u64(5);
        Ok(Self { buffer: setup.build()?, rng, pushed: 0 })
    }

    fn push(&mut self, rows: usize) -> Result<()> {
        let numbers: Vec<i64> = (self.pushed..self.pushed + rows as i64).collect();
        self.pushed += rows as i64;
        let streams: Vec<i64> = numbers.iter().map(|n| n * n % STREAMS).collect();
        let ends: Vec<bool> = numbers.iter().map(|n| n % 7 == 3).collect();
        let stack = |n: i64| (n..n + 3).flat_map(|frame| [frame as u8, (frame >> 8) as u8]);
        let stacks: Vec<u8> = numbers.iter().flat_map(|&n| stack(n)).collect();
        let next: Vec<u8> = numbers.iter().flat_map(|&n| stack(n + STREAMS)).collect();
        let values = [
            (&numbers).into(),
            (&streams).into(),
            (&ends).into(),
            (&stacks).into(),
            (&next).into(),
        ];
        self.buffer.push_batch(rows, &values)?;
        Ok(())
    }

    fn apply(&mut self, operation: &Operation) -> Result<Seen> {
        let mut batch = Batch::new();
        let mut refused = None;
        match *operation {
            Operation::Push(rows) => self.push(rows)?,
            Operation::Sample(size) => {
                let sampled = self.buffer.sample(size, &mut self.rng, &mut batch);
                refused = sampled.err().map(|error| error.to_string());
            }
            Operation::SetPriorities(step, priority) => {
                let ids: Vec<ItemId> = self.buffer.items().step_by(step).collect();
                let priorities = ids.iter().zip(priority..).map(|(_, p)| f32::from(p % 5) / 2.0);
                self.buffer.set_priorities(&ids, &priorities.collect::<Vec<_>>())?;
            }
            Operation::SetProgress(tenths) => self.buffer.set_progress(f64::from(tenths) / 10.0)?,
            Operation::Clear => self.buffer.clear(),
            Operation::Save(_) => {}
        }
        seen(&self.buffer, &batch, refused)
    }
}

/// All that can be seen of a buffer and the batch that was drawn last.
type Seen = (Vec<(ItemId, Option<u32>)>, Vec<Vec<u8>>, Vec<(ItemId, f32)>, usize, Option<String>);

fn seen(buffer: &Buffer<Box<dyn Sampler>>, drawn: &Batch, refused: Option<String>) -> Result<Seen> {
    let ids: Vec<ItemId> = buffer.items().collect();
    let mut all = Batch::new();
    buffer.gather(&ids, &mut all)?;
    let mut columns = Vec::new();
    for batch in [&all, drawn] {
        if batch.is_empty() {
            continue;
        }
        let number: Column<i64> = batch.schema().find("number")?;
        columns.push(batch.values(number)?.iter().flat_map(|n| n.to_le_bytes()).collect());
        for name in ["stack", "next"] {
            columns.push(batch.values(batch.schema().find::<u8>(name)?)?.to_vec());
        }
    }
    let items = ids.into_iter().map(|id| (id, buffer.times_sampled(id))).collect();
    let drawn = drawn.items().iter().copied().zip(drawn.weights().iter().copied()).collect();
    Ok((items, columns, drawn, buffer.frames(), refused))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_loaded_buffer_goes_on_as_if_it_had_never_stopped(
        setups in setups(),
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        for setup in setups {
            check_resumed(&setup, &operations).unwrap();
        }
    }
}

/// One run never stops, the other is saved and loaded; both see the same.
fn check_resumed(setup: &Setup, operations: &[Operation]) -> Result<()> {
    let folder = folder();
    let mut checkpoint = Checkpoint::new(folder.path());
    let (mut one, mut two) = (Run::new(setup)?, Run::new(setup)?);
    for operation in operations.iter().chain(&[Operation::Save(true), Operation::Sample(9)]) {
        if let Operation::Save(load) = *operation {
            let rng = serde_json::to_vec(&two.rng).expect("it can be written");
            checkpoint.save(&two.buffer, &rng)?;
            if load {
                checkpoint = Checkpoint::new(folder.path());
                let (buffer, rng) = checkpoint.load(setup.builder()?, setup.sampler()?)?;
                (two.buffer, two.rng) =
                    (buffer, serde_json::from_slice(&rng).expect("it was written"));
            }
        }
        assert_eq!(one.apply(operation)?, two.apply(operation)?, "{setup:?}");
    }
    Ok(())
}

/// A folder to save to; in memory where there is one, since these tests wait for the disk often.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder can be made")
}

/// A buffer of numbers.
fn numbers(capacity: usize) -> Result<BufferBuilder> {
    let mut schema = Schema::new();
    schema.column::<i64>("number", &[])?;
    schema.column::<f32>("vector", &[30])?;
    Ok(Buffer::builder(schema, capacity))
}

fn push<S: Sampler>(buffer: &mut Buffer<S>, mut numbers: std::ops::Range<i64>) -> Result<()> {
    numbers.try_for_each(|number| {
        buffer.push(&[(&number).into(), (&[number as f32; 30]).into()]).map(drop)
    })
}

fn held<S: Sampler>(buffer: &Buffer<S>) -> Result<Vec<i64>> {
    let mut batch = Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
    let vectors = batch.values(batch.schema().find::<f32>("vector")?)?;
    let numbers = batch.values(batch.schema().find::<i64>("number")?)?;
    for (number, vector) in numbers.iter().zip(vectors.chunks(30)) {
        assert_eq!(vector, [*number as f32; 30]);
    }
    Ok(numbers.to_vec())
}

/// The bytes of all files in the folder.
fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).expect("it is there").flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

#[test]
fn only_new_items_are_written_and_old_files_go() {
    let folder = folder();
    let mut checkpoint = Checkpoint::new(folder.path());
    let mut buffer = numbers(10_000).unwrap().build(Uniform::new()).unwrap();
    push(&mut buffer, 0..10_000).unwrap();
    let full = checkpoint.save(&buffer, &[]).unwrap();
    assert_eq!(full.items, 10_000);
    for step in 1..400 {
        push(&mut buffer, 10_000 + 100 * (step - 1)..10_000 + 100 * step).unwrap();
        let saved = checkpoint.save(&buffer, &[]).unwrap();
        assert!(saved.items < 3000, "files that are joined now and then: {saved:?}");
        assert!(step > 60 || (saved.items == 100 && saved.bytes < full.bytes / 50), "{saved:?}");
        assert!(bytes_in(folder.path()) < full.bytes * 3 / 2);
    }
    let (loaded, _) =
        Checkpoint::new(folder.path()).load(numbers(10_000).unwrap(), Uniform::new()).unwrap();
    assert!(held(&loaded).unwrap().into_iter().eq(39_900..49_900));
}

#[test]
fn files_of_which_little_is_left_are_written_anew() {
    let folder = folder();
    let mut checkpoint = Checkpoint::new(folder.path());
    let builder = || numbers(1000).unwrap().with_eviction(Reservoir::new(1));
    let mut buffer = builder().build(Uniform::new()).unwrap();
    push(&mut buffer, 0..1000).unwrap();
    let full = checkpoint.save(&buffer, &[]).unwrap();
    for step in 1..50 {
        push(&mut buffer, 1000 * step..1000 * (step + 1)).unwrap();
        checkpoint.save(&buffer, &[]).unwrap();
        assert!(bytes_in(folder.path()) < 3 * full.bytes);
    }
    let (loaded, _) = checkpoint.load(builder(), Uniform::new()).unwrap();
    assert_eq!(held(&loaded).unwrap(), held(&buffer).unwrap());
}

#[test]
fn another_buffer_in_the_same_folder_replaces_the_first() {
    let folder = folder();
    let mut checkpoint = Checkpoint::new(folder.path());
    assert!(!checkpoint.exists().unwrap());
    let (mut one, mut two) = (
        numbers(9).unwrap().build(Uniform::new()).unwrap(),
        numbers(9).unwrap().build(Uniform::new()).unwrap(),
    );
    push(&mut one, 0..5).unwrap();
    push(&mut two, 100..107).unwrap();
    checkpoint.save(&one, b"one").unwrap();
    assert_eq!(checkpoint.save(&two, b"two").unwrap().items, 7);
    let (loaded, extra) = checkpoint.load(numbers(9).unwrap(), Uniform::new()).unwrap();
    assert!(held(&loaded).unwrap().into_iter().eq(100..107));
    assert_eq!(extra, b"two");
    let (loaded, extra) = checkpoint.load_previous(numbers(9).unwrap(), Uniform::new()).unwrap();
    assert!(held(&loaded).unwrap().into_iter().eq(0..5));
    assert_eq!(extra, b"one");
    assert!(checkpoint.exists().unwrap());
}

#[test]
fn a_checkpoint_of_another_buffer_is_refused() {
    let folder = folder();
    let mut checkpoint = Checkpoint::new(folder.path());
    let nothing = checkpoint.load(numbers(9).unwrap(), Uniform::new());
    assert!(matches!(nothing, Err(Error::NoCheckpoint { .. })));

    let mut buffer = numbers(9).unwrap().build(Prioritized::new()).unwrap();
    push(&mut buffer, 0..20).unwrap();
    checkpoint.save(&buffer, &[]).unwrap();
    let mut other = Schema::new();
    other.column::<i64>("number", &[]).unwrap();
    let other = Buffer::builder(other, 9);
    let mut refused =
        |builder: BufferBuilder, sampler: Box<dyn Sampler>, different: &str| match checkpoint
            .load(builder, sampler)
        {
            Err(Error::ForeignCheckpoint { what, .. }) => assert_eq!(what, different),
            other => panic!("{:?}", other.map(|_| ())),
        };
    let prioritized = || Box::new(Prioritized::new());
    refused(other, prioritized(), "columns");
    refused(numbers(10).unwrap(), prioritized(), "capacity");
    refused(numbers(9).unwrap(), Box::new(Uniform::new()), "sampler");
    refused(numbers(9).unwrap().with_eviction(Reservoir::new(1)), prioritized(), "eviction");
    refused(numbers(9).unwrap().with_use_counts(), prioritized(), "uses");
    let alpha = Prioritized::new().with_alpha(0.5).unwrap();
    refused(numbers(9).unwrap(), Box::new(alpha), "alpha");
    let error = checkpoint.load(numbers(8).unwrap(), Prioritized::new()).unwrap_err().to_string();
    assert!(error.contains(r#"capacity was "9", and is "8" here"#), "{error}");
    let beta = Prioritized::new().with_beta(0.1).unwrap();
    assert!(
        checkpoint.load(numbers(9).unwrap(), beta).is_ok(),
        "what was saved does not depend on it"
    );
}

/// A sampler of someone's own, which goes from one slot to the next.
struct InTurn {
    next: u64,
    /// How many numbers it reads of the two that it writes.
    reads: usize,
}

impl Sampler for InTurn {
    fn draw(
        &mut self,
        len: usize,
        _rng: &mut dyn rand::RngCore,
        slots: &mut [usize],
        weights: &mut [f32],
    ) -> Result<()> {
        for slot in slots {
            *slot = self.next as usize % len;
            self.next += 1;
        }
        weights.fill(1.0);
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "in turn"
    }

    fn save_state(&self, _len: usize, state: &mut StateWriter) -> Result<()> {
        state.write_u64(self.next)?;
        state.write_f64(0.5)
    }

    fn load_state(&mut self, _len: usize, state: &mut StateReader) -> Result<()> {
        self.next = state.read_u64()?;
        for _ in 1..self.reads {
            if state.read_f64()? != 0.5 {
                return Err(state.damaged("it must be a half"));
            }
        }
        Ok(())
    }
}

#[test]
fn a_sampler_of_ones_own_goes_on_too() {
    let folder = folder();
    let mut checkpoint = Checkpoint::new(folder.path());
    let mut buffer = numbers(10).unwrap().build(InTurn { next: 7, reads: 2 }).unwrap();
    push(&mut buffer, 0..10).unwrap();
    checkpoint.save(&buffer, &[]).unwrap();
    let mut load = |reads| checkpoint.load(numbers(10).unwrap(), InTurn { next: 0, reads });
    assert_eq!(load(2).unwrap().0.sampler().next, 7);
    // One that reads less or more than it has written is found out.
    for reads in [1, 3] {
        let refused = load(reads).map(drop);
        assert!(matches!(refused, Err(Error::Format { .. })), "{refused:?}");
    }
}
