//! After warm-up, nothing that a training loop calls allocates.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, LowestPriority, Mixture, Prioritized, RankBased, Reservoir, Result, Sampler,
    Schema, Sequences, Uniform, WithoutReplacement,
};

mod counting;

/// The allocations of a thousand training steps after the first.
fn allocations<S: Sampler>(sampler: S) -> Result<usize> {
    allocations_of(|schema| Buffer::new(schema, 500, sampler))
}

fn allocations_of<S: Sampler>(make: impl FnOnce(Schema) -> Result<Buffer<S>>) -> Result<usize> {
    let mut schema = Schema::new();
    let observation = schema.column::<f32>("observation", &[2, 2])?;
    let action = schema.column::<i64>("action", &[])?;
    let mut buffer = make(schema)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let (mut batch, errors) = (Batch::new(), [0.5; 32]);

    let mut step = |n: i64| -> Result<()> {
        buffer.push(&[(&[n as f32; 4]).into(), (&n).into()])?;
        buffer.push_batch(2, &[(&[n as f32; 8]).into(), (&[n, n]).into()])?;
        for size in [32, 8] {
            buffer.sample(size, rng, &mut batch)?;
            assert_eq!(batch.matrix(observation)?.dim(), (size, 4));
            assert_eq!(batch.array(observation)?.shape(), [size, 2, 2]);
            assert_eq!(batch.values(action)?.len(), size);
            buffer.set_priorities(batch.items(), &errors[..size])?;
        }
        let newest = buffer.items().next_back().expect("not empty");
        buffer.gather(&[newest], &mut batch)?;
        buffer.set_progress(n as f64 / 1000.0)
    };
    step(0)?;
    let before = counting::allocations();
    (1..=1000).try_for_each(step)?;
    Ok(counting::allocations() - before)
}

#[test]
fn training_steps_allocate_nothing() -> Result<()> {
    assert!(counting::allocations() > 0, "the allocator counts");
    assert_eq!(allocations(Uniform::new())?, 0);
    assert_eq!(allocations(Prioritized::new())?, 0);
    assert_eq!(allocations(Prioritized::new().with_strata(false))?, 0);
    assert_eq!(allocations(RankBased::new())?, 0);
    assert_eq!(allocations(WithoutReplacement::new())?, 0);
    assert_eq!(allocations(WithoutReplacement::within_batches())?, 0);
    assert_eq!(allocations(Sequences::new(1)?)?, 0);
    Ok(())
}

#[test]
fn neither_do_evictions_and_use_counts() -> Result<()> {
    let lowest = |schema| {
        let builder = Buffer::builder(schema, 500).with_eviction(LowestPriority::new());
        builder.with_max_times_sampled(20)?.build(Prioritized::new())
    };
    assert_eq!(allocations_of(lowest)?, 0);
    let reservoir = |schema| {
        Buffer::builder(schema, 500).with_eviction(Reservoir::new(1)).build(Uniform::new())
    };
    assert_eq!(allocations_of(reservoir)?, 0);
    Ok(())
}

#[test]
fn neither_do_shared_frames() -> Result<()> {
    let shared = |mut schema: Schema| {
        let stack = schema.find::<f32>("observation")?;
        schema.share_frames(&[stack])?;
        Buffer::new(schema, 500, Prioritized::new())
    };
    assert_eq!(allocations_of(shared)?, 0);
    Ok(())
}

#[test]
fn neither_do_mixtures() -> Result<()> {
    let mut schema = Schema::new();
    schema.column::<f32>("reward", &[])?;
    let buffer = || Buffer::new(schema.clone(), 50, Prioritized::new());
    let mut mixture = Mixture::new([(buffer()?, 3.0), (buffer()?, 1.0)])?;
    let (mut batch, rng) = (Batch::new(), &mut Xoshiro256PlusPlus::seed_from_u64(0));
    let mut before = 0;
    for n in 0..1000 {
        if n == 100 {
            before = counting::allocations(); // the shares of both kinds have been seen
        }
        mixture.buffer_mut(n % 2)?.push(&[(&1.0_f32).into()])?;
        mixture.sample(17, rng, &mut batch)?;
        mixture.set_priorities(batch.items(), &[0.5; 17])?;
    }
    assert_eq!(counting::allocations() - before, 0);
    Ok(())
}
