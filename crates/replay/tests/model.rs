//! Random sequences of operations on a buffer and on the plainest model of it, a queue.

use std::collections::VecDeque;

use proptest::prelude::*;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, Column, Error, ItemId, Prioritized, Result, Sampler, Schema, Uniform,
};

#[derive(Debug, Clone)]
enum Operation {
    Push,
    PushBatch(usize),
    Sample(usize),
    /// For every `n`-th id ever given out; whether the priority is 0.
    SetPriorities(usize, bool),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => Just(Operation::Push),
        2 => (0_usize..40).prop_map(Operation::PushBatch),
        4 => (1_usize..20).prop_map(Operation::Sample),
        2 => (1_usize..6, any::<bool>()).prop_map(|(n, zero)| Operation::SetPriorities(n, zero)),
        1 => Just(Operation::Clear),
    ]
}

/// An item of the model: its id, its number, and whether its priority is 0.
type Item = (ItemId, i64, bool);

struct Pair<S> {
    buffer: Buffer<S>,
    number: Column<i64>,
    pixels: Column<u8>,
    flag: Column<bool>,
    model: VecDeque<Item>,
    ids: Vec<ItemId>,
    batch: Batch,
    rng: Xoshiro256PlusPlus,
}

impl<S: Sampler> Pair<S> {
    fn new(capacity: usize, sampler: S) -> Result<Self> {
        let mut schema = Schema::new();
        let number = schema.column("number", &[])?;
        let pixels = schema.column("pixels", &[3, 2])?;
        let flag = schema.column("flag", &[])?;
        Ok(Self {
            buffer: Buffer::new(schema, capacity, sampler)?,
            number,
            pixels,
            flag,
            model: VecDeque::new(),
            ids: Vec::new(),
            batch: Batch::new(),
            rng: Xoshiro256PlusPlus::seed_from_u64(1),
        })
    }

    /// The columns of the items with these numbers.
    fn columns(numbers: &[i64]) -> (Vec<u8>, Vec<bool>) {
        let pixels = numbers.iter().flat_map(|n| (0..6).map(move |pixel| (n * 7 + pixel) as u8));
        (pixels.collect(), numbers.iter().map(|n| n % 3 == 0).collect())
    }

    fn remember(&mut self, id: ItemId) {
        self.model.push_back((id, self.ids.len() as i64, false));
        self.ids.push(id);
        if self.model.len() > self.buffer.capacity() {
            self.model.pop_front();
        }
    }

    fn apply(&mut self, operation: &Operation) -> Result<()> {
        let next = self.ids.len() as i64;
        match *operation {
            Operation::Push => {
                let (pixels, flags) = Self::columns(&[next]);
                let id = self.buffer.push(&[(&next).into(), (&pixels).into(), (&flags).into()])?;
                self.remember(id);
            }
            Operation::PushBatch(rows) => {
                let numbers: Vec<i64> = (next..next + rows as i64).collect();
                let (pixels, flags) = Self::columns(&numbers);
                let values = [(&numbers).into(), (&pixels).into(), (&flags).into()];
                let ids = self.buffer.push_batch(rows, &values)?;
                assert_eq!(ids.len(), rows);
                ids.for_each(|id| self.remember(id));
            }
            Operation::Sample(size) => {
                match self.buffer.sample(size, &mut self.rng, &mut self.batch) {
                    Ok(()) => assert_eq!(self.batch.len(), size),
                    Err(Error::Empty) => {
                        assert!(self.model.is_empty());
                        return Ok(());
                    }
                    Err(Error::AllZero) => assert!(self.model.iter().all(|item| item.2)),
                    Err(error) => return Err(error),
                }
                self.check_batch()?;
            }
            Operation::SetPriorities(step, zero) => {
                let ids: Vec<ItemId> = self.ids.iter().copied().step_by(step).collect();
                let priorities = vec![if zero { 0.0 } else { 2.0 }; ids.len()];
                let stale = self.buffer.set_priorities(&ids, &priorities)?;
                let mut held = 0;
                for item in self.model.iter_mut().filter(|item| ids.contains(&item.0)) {
                    item.2 = zero;
                    held += 1;
                }
                assert_eq!(stale, ids.len() - held);
            }
            Operation::Clear => {
                self.buffer.clear();
                self.model.clear();
            }
        }
        self.check_contents()
    }

    /// Every item of the batch is one of the model's, whole.
    fn check_batch(&self) -> Result<()> {
        let numbers = self.batch.values(self.number)?;
        for (id, number) in self.batch.items().iter().zip(numbers) {
            assert!(self.model.iter().any(|item| (item.0, item.1) == (*id, *number)));
        }
        let (pixels, flags) = Self::columns(numbers);
        assert_eq!(self.batch.values(self.flag)?, flags);
        assert_eq!(self.batch.values(self.pixels)?, pixels);
        assert_eq!(self.batch.array(self.pixels)?.shape(), [numbers.len(), 3, 2]);
        Ok(())
    }

    /// The buffer holds what the model holds, and refuses every other id.
    fn check_contents(&mut self) -> Result<()> {
        assert_eq!(self.buffer.len(), self.model.len());
        assert!(self.buffer.items().eq(self.model.iter().map(|item| item.0)));
        let held: Vec<ItemId> = self.buffer.items().collect();
        self.buffer.gather(&held, &mut self.batch)?;
        self.check_batch()?;
        for id in self.ids.iter().filter(|id| !held.contains(id)) {
            let result = self.buffer.gather(&[*id], &mut self.batch);
            assert!(matches!(result, Err(Error::Stale(stale)) if stale == *id));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_uniform_buffer_is_a_queue(
        capacity in 1_usize..24,
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut pair = Pair::new(capacity, Uniform::new()).unwrap();
        for operation in &operations {
            pair.apply(operation).unwrap();
        }
    }

    #[test]
    fn a_prioritized_buffer_is_a_queue_that_draws_no_zeros(
        capacity in 1_usize..24,
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let sampler = Prioritized::new().with_epsilon(0.0).unwrap();
        let mut pair = Pair::new(capacity, sampler).unwrap();
        for operation in &operations {
            pair.apply(operation).unwrap();
            if matches!(operation, Operation::Sample(_)) {
                // The batch was overwritten by the check of the contents: draw again.
                let drawn = pair.buffer.sample(9, &mut pair.rng, &mut pair.batch).is_ok();
                prop_assert_eq!(drawn, pair.model.iter().any(|item| !item.2));
                for id in pair.batch.items() {
                    prop_assert!(pair.model.iter().any(|item| item.0 == *id && !item.2));
                }
            }
        }
    }
}
