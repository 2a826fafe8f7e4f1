//! Pushing, sampling and updating priorities in a buffer of a million CartPole transitions, and in one
//! of Atari's frames, per batch of 256: `cargo bench -p reflux-replay`. Criterion also gives the rate
//! per transition, and for frames the rate of bytes beside that of a plain copy.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, LowestPriority, Prioritized, RankBased, Reservoir, Result, Sampler, Schema,
    Sequences, Uniform, WithoutReplacement,
};

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
    let (numbers, flags) = ([1.0_f32; 4 * BATCH], [false; BATCH]);
    let (actions, rewards) = ([1_i64; BATCH], [1.0_f32; BATCH]);
    let values = [
        (&numbers).into(),
        (&actions).into(),
        (&rewards).into(),
        (&numbers).into(),
        (&flags).into(),
    ];
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("uniform, 256 at once", |bencher| {
        bencher.iter(|| uniform.push_batch(BATCH, black_box(&values)));
    });
    group.bench_function("prioritized, 256 at once", |bencher| {
        bencher.iter(|| prioritized.push_batch(BATCH, black_box(&values)));
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
    drop((uniform, prioritized));
    others(&mut criterion)?;
    frames(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// The other samplers, and evictions that need a table, in the same buffer.
fn others(criterion: &mut Criterion) -> Result<()> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let samplers: [(&str, Box<dyn Sampler>); 3] = [
        ("without replacement", Box::new(WithoutReplacement::new())),
        ("rank-based, with update", Box::new(RankBased::new())),
        ("sequences of 8", Box::new(Sequences::new(8)?)),
    ];
    let mut batch = Batch::new();
    for (name, sampler) in samplers {
        let mut buffer = filled(sampler)?;
        let size = BATCH / buffer.sampler().sequence_length();
        let items: Vec<_> = buffer.items().collect();
        let errors: Vec<f32> = items.iter().map(|_| rng.random()).collect();
        buffer.set_priorities(&items, &errors)?;
        let mut group = criterion.benchmark_group("sample");
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                buffer.sample(size, rng, &mut batch)?;
                buffer.set_priorities(batch.items(), black_box(&errors[..BATCH]))
            });
        });
        group.finish();
        let mut group = criterion.benchmark_group("push");
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| push(&mut buffer, black_box(&[1.0; 4])));
        });
    }

    let mut schema = transitions(Uniform::new())?.schema().clone();
    for (name, lowest) in [("uniform, reservoir", false), ("uniform, lowest priority first", true)]
    {
        let builder = Buffer::builder(std::mem::take(&mut schema), CAPACITY);
        let builder = if lowest {
            builder.with_eviction(LowestPriority::new())
        } else {
            builder.with_eviction(Reservoir::new(0))
        };
        let mut buffer = builder.build(Uniform::new())?;
        schema = buffer.schema().clone();
        (0..CAPACITY).try_for_each(|_| push(&mut buffer, &[1.0; 4]))?;
        let mut group = criterion.benchmark_group("push");
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| push(&mut buffer, black_box(&[1.0; 4])));
        });
    }
    Ok(())
}

/// Stacks of four 84x84 images and the next stacks: 20,000 items, 1.1 GB if nothing were shared.
fn frames(criterion: &mut Criterion) -> Result<()> {
    const ITEMS: usize = 20_000;
    const IMAGE: usize = 84 * 84;
    let mut schema = Schema::new();
    let observation = schema.column::<u8>("observation", &[4, 84, 84])?;
    let next = schema.column::<u8>("next_observation", &[4, 84, 84])?;
    schema.share_frames(&[observation, next])?;
    let bytes = schema.bytes_per_item();
    let mut buffer = Buffer::new(schema, ITEMS, Uniform::new())?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut film = vec![0_u8; 5 * IMAGE];
    rng.fill(&mut film[..]);
    let push = |buffer: &mut Buffer<Uniform>, film: &mut Vec<u8>, step: usize| {
        film.copy_within(IMAGE.., 0);
        film[4 * IMAGE..][step % IMAGE] ^= step as u8 | 1;
        buffer.push(&[film[..4 * IMAGE].into(), film[IMAGE..].into()])
    };
    (0..ITEMS).try_for_each(|step| push(&mut buffer, &mut film, step).map(drop))?;

    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Elements(1));
    let mut step = 0;
    group.bench_function("push", |bencher| {
        bencher.iter(|| {
            step += 1;
            push(&mut buffer, &mut film, step)
        });
    });
    let mut batch = Batch::new();
    for size in [32, BATCH] {
        group.throughput(Throughput::Bytes((size * bytes) as u64));
        group.bench_function(format!("sample {size}"), |bencher| {
            bencher.iter(|| buffer.sample(size, rng, &mut batch));
        });
        // The same bytes from as much memory, in pieces of one image from random places.
        let source = vec![7_u8; (ITEMS + ITEMS / 10) * IMAGE];
        let mut target = vec![0_u8; size * bytes];
        group.bench_function(format!("memcpy {size}"), |bencher| {
            bencher.iter(|| {
                for image in target.chunks_mut(IMAGE) {
                    let from = rng.random_range(0..ITEMS) * IMAGE;
                    image.copy_from_slice(&source[from..from + IMAGE]);
                }
                black_box(&mut target);
            });
        });
    }
    group.finish();
    Ok(())
}
