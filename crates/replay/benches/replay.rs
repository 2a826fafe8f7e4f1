//! Pushing, sampling and updating priorities in a buffer of a million CartPole transitions, per
//! batch of 256: `cargo bench -p reflux-replay`. Criterion also gives the rate per transition.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Prioritized, Result, Sampler, Schema, Uniform};

const CAPACITY: usize = 1_000_000;
const BATCH: usize = 256;

/// Observation, action, reward, next observation, terminated: 45 bytes in 5 columns.
fn transitions<S: Sampler>(sampler: S) -> Result<Buffer<S>> {
    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[4])?;
    schema.column::<i64>("action", &[])?;
    schema.column::<f32>("reward", &[])?;
    schema.column::<f32>("next_observation", &[4])?;
    schema.column::<bool>("terminated", &[])?;
    Buffer::new(schema, CAPACITY, sampler)
}

fn push<S: Sampler>(buffer: &mut Buffer<S>, observation: &[f32; 4]) -> Result<()> {
    let (action, reward, terminated) = (1_i64, 1.0_f32, false);
    buffer.push(&[
        observation.into(),
        (&action).into(),
        (&reward).into(),
        observation.into(),
        (&terminated).into(),
    ])?;
    Ok(())
}

fn filled<S: Sampler>(sampler: S) -> Result<Buffer<S>> {
    let mut buffer = transitions(sampler)?;
    for row in 0..CAPACITY {
        push(&mut buffer, &[row as f32; 4])?;
    }
    Ok(buffer)
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let mut batch = Batch::new();
    let mut uniform = filled(Uniform::new())?;
    let mut prioritized = filled(Prioritized::new())?;

    // Priorities as they are after a while of training: all different.
    let items: Vec<_> = prioritized.items().collect();
    let errors: Vec<f32> = items.iter().map(|_| rng.random()).collect();
    prioritized.set_priorities(&items, &errors)?;

    let mut group = criterion.benchmark_group("push");
    group.throughput(Throughput::Elements(1));
    group.bench_function("uniform", |bencher| {
        bencher.iter(|| push(&mut uniform, black_box(&[1.0; 4])));
    });
    group.bench_function("prioritized", |bencher| {
        bencher.iter(|| push(&mut prioritized, black_box(&[1.0; 4])));
    });
    group.finish();
    prioritized.set_priorities(&prioritized.items().collect::<Vec<_>>(), &errors)?;

    let mut group = criterion.benchmark_group("sample");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("uniform", |bencher| {
        bencher.iter(|| uniform.sample(BATCH, &mut rng, &mut batch));
    });
    group.bench_function("prioritized, with update", |bencher| {
        bencher.iter(|| {
            prioritized.sample(BATCH, &mut rng, &mut batch)?;
            prioritized.set_priorities(batch.items(), black_box(&errors[..BATCH]))
        });
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}
