//! What a step costs in front of a buffer of CartPole transitions: pushed as it is, assembled to
//! n steps, remembered in hindsight, counted by a rate limiter:
//! `cargo bench -p reflux-replay --bench assembling`.
//!
//! The buffer is small enough for the cache, so that it is the parts in front that are timed.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Buffer, Column, Episode, GoalStrategy, Hindsight, NStep, RateLimiter, Result, Schema, Uniform,
};

const EPISODE: usize = 200;
const ENVIRONMENTS: usize = 8;

struct Columns {
    reward: Column<f32>,
    next_observation: Column<f32>,
    discount: Column<f32>,
}

fn transitions() -> Result<(Buffer<Uniform>, Columns)> {
    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[4])?;
    schema.column::<i64>("action", &[])?;
    let columns = Columns {
        reward: schema.column("reward", &[])?,
        next_observation: schema.column("next_observation", &[4])?,
        discount: schema.column("discount", &[])?,
    };
    Ok((Buffer::new(schema, 10_000, Uniform::new())?, columns))
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(1));

    let observation = [0.5_f32; 4];
    let (action, reward, discount) = (1_i64, 1.0_f32, 0.99_f32);
    let (mut buffer, columns) = transitions()?;
    group.bench_function("pushed", |bencher| {
        bencher.iter(|| {
            buffer
                .push(&[
                    black_box(&observation).into(),
                    (&action).into(),
                    (&reward).into(),
                    (&observation).into(),
                    (&discount).into(),
                ])
                .expect("it fits")
        });
    });
    for n in [1, 3, 10] {
        let mut steps = NStep::new(buffer.schema(), columns.reward, columns.discount, n, 0.99)?
            .with_last(columns.next_observation)?
            .with_environments(ENVIRONMENTS)?;
        let mut step = 0;
        group.bench_function(format!("{n}-step"), |bencher| {
            bencher.iter(|| {
                let values = [
                    black_box(&observation).into(),
                    (&action).into(),
                    (&reward).into(),
                    (&observation).into(),
                ];
                step += 1;
                let over = (step / ENVIRONMENTS).is_multiple_of(EPISODE);
                let episode = Episode::from_flags(over, false);
                steps.push(step % ENVIRONMENTS, &values, episode, &mut buffer).expect("it fits")
            });
        });
    }

    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[10])?;
    let goal = schema.column::<f32>("goal", &[3])?;
    let goal_reward = schema.column::<f32>("reward", &[])?;
    let mut buffer = Buffer::new(schema, 10_000, Uniform::new())?;
    let near = |achieved: &[f32], goal: &[f32]| {
        let square: f32 = achieved.iter().zip(goal).map(|(a, g)| (a - g) * (a - g)).sum();
        if square < 0.01 { 0.0 } else { -1.0 }
    };
    let strategy = GoalStrategy::Future(4);
    let mut hindsight = Hindsight::new(buffer.schema(), goal, goal_reward, strategy, near)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut step = 0;
    group.bench_function("hindsight, 4 future goals", |bencher| {
        bencher.iter(|| {
            let values =
                [black_box(&[0.5_f32; 10]).into(), (&[1.0_f32; 3]).into(), (&reward).into()];
            step += 1;
            let episode = Episode::from_flags(false, step % 50 == 0);
            hindsight.push(0, &values, &[0.5; 3], episode, rng, &mut buffer).expect("it fits")
        });
    });

    let limiter = RateLimiter::new(1.0, 1, 64.0)?;
    group.bench_function("rate limiter, insert and sample", |bencher| {
        bencher.iter(|| {
            let inserted = limiter.try_to_insert(1).expect("it is open");
            inserted && limiter.try_to_sample(1).expect("it is open")
        });
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}
