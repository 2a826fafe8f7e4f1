//! Time of one CartPole step, resets included, under coin-flip actions: the bare task, CartPole-v1
//! (with its time limit) behind a trait object, and CartPole-v1 with episode statistics.
//!
//! Run with `cargo bench -p reflux-envs`; the element of the throughput is a step.

use criterion::{Criterion, Throughput};
use rand::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_envs::{CartPole, Env, EpisodeStatistics};
use std::hint::black_box;

const STEPS: u64 = 10_000;

/// `STEPS` steps of `env`, one for each of `actions`; returns the sum of the rewards.
fn play<E: Env + ?Sized>(env: &mut E, actions: &[usize]) -> f32 {
    let mut total = 0.0;
    for &action in actions {
        let step = env.step(action).expect("the action is legal and the episode runs");
        total += step.reward + step.observation[0];
        if step.done() {
            env.reset(None).expect("the environment has a seed");
        }
    }
    total
}

fn steps(criterion: &mut Criterion) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let actions: Vec<usize> = (0..STEPS).map(|_| (rng.next_u64() >> 63) as usize).collect();
    let mut group = criterion.benchmark_group("cart_pole");
    group.throughput(Throughput::Elements(STEPS));

    let mut bare = CartPole::new();
    bare.reset(Some(0)).expect("a seed is given");
    group.bench_function("bare", |b| b.iter(|| play(&mut bare, black_box(&actions))));

    let mut object: Box<dyn Env> = Box::new(CartPole::v1());
    object.reset(Some(0)).expect("a seed is given");
    group.bench_function("v1_object", |b| b.iter(|| play(&mut *object, black_box(&actions))));

    let mut counted = EpisodeStatistics::new(CartPole::v1());
    counted.reset(Some(0)).expect("a seed is given");
    group.bench_function("v1_statistics", |b| b.iter(|| play(&mut counted, black_box(&actions))));
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    steps(&mut criterion);
    criterion.final_summary();
}
