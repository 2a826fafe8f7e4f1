//! Random sequences of operations on buffers, with every sampler and every eviction, compared after
//! each step with a plain vector of what they should hold.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, Column, Error, ItemId, LowestPriority, Prioritized, RankBased, Reservoir,
    Result, Sampler, Schema, Sequences, Uniform, WithoutReplacement,
};

#[derive(Debug, Clone)]
enum Operation {
    Push,
    PushBatch(usize),
    Sample(usize),
    /// For every `n`-th id ever given out, this priority.
    SetPriorities(usize, u8),
    Clear,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Draws {
    Uniform,
    WithoutReplacement,
    WithinBatches,
    Prioritized,
    RankBased,
    Sequences(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Evicts {
    Oldest,
    AtRandom,
    LowestPriority,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => Just(Operation::Push),
        4 => (0_usize..40).prop_map(Operation::PushBatch),
        8 => (1_usize..20).prop_map(Operation::Sample),
        4 => (1_usize..6, 0_u8..4).prop_map(|(n, priority)| Operation::SetPriorities(n, priority)),
        1 => Just(Operation::Clear),
    ]
}

fn draws() -> impl Strategy<Value = Draws> {
    prop_oneof![
        Just(Draws::Uniform),
        Just(Draws::WithoutReplacement),
        Just(Draws::WithinBatches),
        Just(Draws::Prioritized),
        Just(Draws::RankBased),
        (1_usize..5).prop_map(Draws::Sequences),
    ]
}

fn evicts() -> impl Strategy<Value = Evicts> {
    prop_oneof![Just(Evicts::Oldest), Just(Evicts::AtRandom), Just(Evicts::LowestPriority)]
}

fn sampler(draws: Draws) -> Result<Box<dyn Sampler>> {
    Ok(match draws {
        Draws::Uniform => Box::new(Uniform::new()),
        Draws::WithoutReplacement => Box::new(WithoutReplacement::new()),
        Draws::WithinBatches => Box::new(WithoutReplacement::within_batches()),
        Draws::Prioritized => Box::new(Prioritized::new().with_epsilon(0.0)?),
        Draws::RankBased => Box::new(RankBased::new()),
        Draws::Sequences(length) => Box::new(Sequences::new(length)?),
    })
}

const STREAMS: i64 = 3;

/// Which environment the item with this number is from, and whether its episode ends with it.
fn stream(number: i64) -> i64 {
    (number * number / 3) % STREAMS
}

fn ends(number: i64) -> bool {
    number % 7 == 3
}

/// An item of the model.
#[derive(Debug, Clone, Copy)]
struct Item {
    id: ItemId,
    number: i64,
    priority: f32,
    uses: u32,
    /// In this epoch.
    drawn: bool,
}

struct Pair {
    draws: Draws,
    evicts: Evicts,
    limit: Option<u32>,
    buffer: Buffer<Box<dyn Sampler>>,
    number: Column<i64>,
    pixels: Column<u8>,
    flag: Column<bool>,
    /// What the buffer should hold, oldest first.
    model: Vec<Item>,
    largest: f32,
    ids: Vec<ItemId>,
    batch: Batch,
    rng: Xoshiro256PlusPlus,
}

impl Pair {
    fn new(draws: Draws, evicts: Evicts, limit: Option<u32>, capacity: usize) -> Result<Self> {
        let mut schema = Schema::new();
        let number = schema.column("number", &[])?;
        let stream = schema.column("stream", &[])?;
        let pixels = schema.column("pixels", &[3, 2])?;
        let flag = schema.column("flag", &[])?;
        schema.mark_stream(stream, STREAMS as usize)?;
        schema.mark_episode_end(flag)?;
        let mut builder = Buffer::builder(schema, capacity).with_use_counts();
        builder = match evicts {
            Evicts::Oldest => builder,
            Evicts::AtRandom => builder.with_eviction(Reservoir::new(9)),
            Evicts::LowestPriority => builder.with_eviction(LowestPriority::new()),
        };
        if let Some(limit) = limit {
            builder = builder.with_max_times_sampled(limit)?;
        }
        Ok(Self {
            draws,
            evicts,
            limit,
            buffer: builder.build(sampler(draws)?)?,
            number,
            pixels,
            flag,
            model: Vec::new(),
            largest: 1.0,
            ids: Vec::new(),
            batch: Batch::new(),
            rng: Xoshiro256PlusPlus::seed_from_u64(1),
        })
    }

    /// The columns of the items with these numbers, after the number itself.
    fn columns(numbers: &[i64]) -> (Vec<i64>, Vec<u8>, Vec<bool>) {
        let pixels = numbers.iter().flat_map(|n| (0..6).map(move |pixel| (n * 7 + pixel) as u8));
        let streams = numbers.iter().copied().map(stream).collect();
        (streams, pixels.collect(), numbers.iter().copied().map(ends).collect())
    }

    /// An item has come; which one made room is settled here unless chance decides it.
    fn remember(&mut self, id: ItemId) {
        let number = self.ids.len() as i64;
        self.ids.push(id);
        if self.model.len() == self.buffer.capacity() {
            let victim = match self.evicts {
                Evicts::Oldest => Some(0),
                Evicts::LowestPriority => {
                    let key = |&at: &usize| (self.model[at].priority.to_bits(), at);
                    (0..self.model.len()).min_by_key(key)
                }
                Evicts::AtRandom => None,
            };
            victim.map(|at| self.model.remove(at));
        }
        self.model.push(Item { id, number, priority: self.largest, uses: 0, drawn: false });
    }

    fn apply(&mut self, operation: &Operation) -> Result<()> {
        match *operation {
            Operation::Push => self.push(1, false)?,
            Operation::PushBatch(rows) => self.push(rows, true)?,
            Operation::Sample(size) => self.sample(size)?,
            Operation::SetPriorities(step, priority) => {
                let ids: Vec<ItemId> = self.ids.iter().copied().step_by(step).collect();
                let priority = f32::from(priority) / 2.0;
                let stale = self.buffer.set_priorities(&ids, &vec![priority; ids.len()])?;
                let mut held = 0;
                for item in self.model.iter_mut().filter(|item| ids.contains(&item.id)) {
                    item.priority = priority;
                    held += 1;
                }
                if held > 0 {
                    self.largest = self.largest.max(priority);
                }
                assert_eq!(stale, ids.len() - held);
            }
            Operation::Clear => {
                self.buffer.clear();
                self.model.clear();
                self.largest = 1.0;
            }
        }
        self.check_contents()
    }

    fn push(&mut self, rows: usize, batched: bool) -> Result<()> {
        let next = self.ids.len() as i64;
        let numbers: Vec<i64> = (next..next + rows as i64).collect();
        let (streams, pixels, flags) = Self::columns(&numbers);
        let values = [(&numbers).into(), (&streams).into(), (&pixels).into(), (&flags).into()];
        let before = self.model.len();
        if batched {
            let ids = self.buffer.push_batch(rows, &values)?;
            assert_eq!(ids.len(), rows);
            ids.for_each(|id| self.remember(id));
        } else {
            let id = self.buffer.push(&values)?;
            self.remember(id);
        }
        if self.evicts == Evicts::AtRandom {
            self.model.retain(|item| self.buffer.contains(item.id));
            assert_eq!(self.model.len(), (before + rows).min(self.buffer.capacity()));
        }
        Ok(())
    }

    fn sample(&mut self, size: usize) -> Result<()> {
        match self.buffer.sample(size, &mut self.rng, &mut self.batch) {
            Ok(()) => {}
            Err(Error::Empty) => {
                assert!(self.model.is_empty());
                return Ok(());
            }
            Err(Error::AllZero) => {
                assert_eq!(self.draws, Draws::Prioritized);
                assert!(self.model.iter().all(|item| item.priority == 0.0));
            }
            Err(Error::NoSequence { length }) => {
                assert_eq!(self.draws, Draws::Sequences(length));
                assert!(self.starts(length).is_empty());
            }
            Err(error) => return Err(error),
        }
        let length = if let Draws::Sequences(length) = self.draws { length } else { 1 };
        assert!([0, size * length].contains(&self.batch.len()));
        self.check_batch()?;
        self.check_draws(length)?;
        for id in self.batch.items() {
            let item = self.model.iter_mut().find(|item| item.id == *id);
            item.expect("only items that are held").uses += 1;
        }
        if let Some(limit) = self.limit {
            self.model.retain(|item| item.uses < limit);
        }
        Ok(())
    }

    /// The held items with which a sequence can begin.
    fn starts(&self, length: usize) -> Vec<i64> {
        let held = |number: i64| self.model.iter().any(|item| item.number == number);
        let pushed = self.ids.len() as i64;
        let next = |number: i64| {
            (number + 1..pushed).find(|&later| stream(later) == stream(number) && !ends(number))
        };
        let whole = |start: i64| {
            let numbers = std::iter::successors(Some(start), |&number| next(number)).take(length);
            numbers.clone().count() == length && numbers.into_iter().all(held)
        };
        self.model.iter().map(|item| item.number).filter(|&number| whole(number)).collect()
    }

    /// What was drawn could be drawn.
    fn check_draws(&mut self, length: usize) -> Result<()> {
        let numbers = self.batch.values(self.number)?.to_vec();
        match self.draws {
            Draws::Uniform | Draws::RankBased => {}
            Draws::Prioritized => {
                let drawable = |number| {
                    self.model.iter().any(|item| item.number == number && item.priority > 0.0)
                };
                assert!(numbers.into_iter().all(drawable));
            }
            Draws::WithoutReplacement | Draws::WithinBatches => {
                if self.draws == Draws::WithinBatches {
                    self.model.iter_mut().for_each(|item| item.drawn = false);
                }
                for number in numbers {
                    if self.model.iter().all(|item| item.drawn) {
                        self.model.iter_mut().for_each(|item| item.drawn = false);
                    }
                    let item = self.model.iter_mut().find(|item| item.number == number);
                    assert!(!std::mem::replace(&mut item.expect("held").drawn, true));
                }
            }
            Draws::Sequences(_) => {
                let starts = self.starts(length);
                for sequence in numbers.chunks(length) {
                    assert!(starts.contains(&sequence[0]), "{sequence:?}");
                    for pair in sequence.windows(2) {
                        assert!(!ends(pair[0]) && stream(pair[0]) == stream(pair[1]));
                        let between = pair[0] + 1..pair[1];
                        assert!(between.into_iter().all(|n| stream(n) != stream(pair[0])));
                    }
                }
            }
        }
        Ok(())
    }

    /// Every item of the batch is one of the model's, whole.
    fn check_batch(&self) -> Result<()> {
        let numbers = self.batch.values(self.number)?;
        for (id, number) in self.batch.items().iter().zip(numbers) {
            assert!(self.model.iter().any(|item| (item.id, item.number) == (*id, *number)));
        }
        let (_, pixels, flags) = Self::columns(numbers);
        assert_eq!(self.batch.values(self.flag)?, flags);
        assert_eq!(self.batch.values(self.pixels)?, pixels);
        assert_eq!(self.batch.array(self.pixels)?.shape(), [numbers.len(), 3, 2]);
        Ok(())
    }

    /// The buffer holds what the model holds, and refuses every other id.
    fn check_contents(&mut self) -> Result<()> {
        assert_eq!(self.buffer.len(), self.model.len());
        assert!(self.buffer.items().eq(self.model.iter().map(|item| item.id)));
        assert!(self.buffer.items().rev().eq(self.model.iter().rev().map(|item| item.id)));
        for item in &self.model {
            assert_eq!(self.buffer.times_sampled(item.id), Some(item.uses));
        }
        let held: Vec<ItemId> = self.buffer.items().collect();
        self.buffer.gather(&held, &mut self.batch)?;
        self.check_batch()?;
        for id in self.ids.iter().filter(|id| !held.contains(id)) {
            assert!(!self.buffer.contains(*id));
            assert_eq!(self.buffer.times_sampled(*id), None);
            let result = self.buffer.gather(&[*id], &mut self.batch);
            assert!(matches!(result, Err(Error::Stale(stale)) if stale == *id));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_buffer_does_what_a_plain_vector_does(
        draws in draws(),
        evicts in evicts(),
        limit in prop::option::of(1_u32..4),
        capacity in 1_usize..24,
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut pair = Pair::new(draws, evicts, limit, capacity).unwrap();
        for operation in &operations {
            pair.apply(operation).unwrap();
        }
    }
}
