//! Time of one step, resets included, under random actions: every environment alone, CartPole-v1
//! behind a trait object and in wrappers, and vectors of 64.
//!
//! Run with `cargo bench -p reflux-envs`; the element of the throughput is a step of one
//! environment.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_envs::{
    Acrobot, Autoreset, CartPole, Catch, CliffWalking, DeepSea, Env, EpisodeStatistics, FrameStack,
    FrozenLake, MountainCar, NormalizeObservation, OneHot, Result, VectorEnv,
};

const STEPS: usize = 10_000;
const VECTOR: usize = 64;

fn actions(env: &(impl Env + ?Sized), count: usize) -> Vec<usize> {
    let n = env.action_space().n().expect("actions are numbers");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    (0..count).map(|_| rng.random_range(0..n)).collect()
}

/// One step of `env` for each of `actions`; returns the sum of the rewards.
fn play<E: Env + ?Sized>(env: &mut E, actions: &[usize]) -> Result<f32> {
    let mut total = 0.0;
    for &action in actions {
        let step = env.step(action)?;
        total += step.reward + step.observation[0];
        if step.done() {
            env.reset(None)?;
        }
    }
    Ok(total)
}

fn single<E: Env>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut env: E) {
    let actions = actions(&env, STEPS);
    env.reset(Some(0)).expect("a seed is given");
    group.throughput(Throughput::Elements(STEPS as u64));
    group.bench_function(name, |b| {
        b.iter(|| play(&mut env, black_box(&actions)).expect("the actions are legal"));
    });
}

fn vector<E: Env + Clone>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, env: &E) {
    let actions = actions(env, VECTOR);
    for autoreset in [Autoreset::NextStep, Autoreset::SameStep] {
        let mut envs =
            VectorEnv::new(vec![env.clone(); VECTOR], autoreset).expect("they have equal spaces");
        envs.reset(Some(0)).expect("a seed is given");
        group.throughput(Throughput::Elements(VECTOR as u64));
        group.bench_function(format!("{name}, {autoreset:?}"), |b| {
            b.iter(|| envs.step(black_box(&actions)).expect("the actions are legal").rewards[0]);
        });
    }
}

fn environments(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("single");
    single(&mut group, "CartPole-v1", CartPole::v1());
    single(&mut group, "MountainCar-v0", MountainCar::v0());
    single(&mut group, "Acrobot-v1", Acrobot::v1());
    single(&mut group, "FrozenLake-v1", FrozenLake::v1());
    single(&mut group, "CliffWalking-v1", CliffWalking::new());
    single(&mut group, "Catch", Catch::default());
    single(&mut group, "DeepSea 20", DeepSea::new(20, 0)?);
    group.finish();

    let mut group = criterion.benchmark_group("wrapped");
    single(&mut group, "bare", CartPole::new());
    single(&mut group, "object", Box::new(CartPole::v1()) as Box<dyn Env>);
    single(&mut group, "statistics", EpisodeStatistics::new(CartPole::v1()));
    single(&mut group, "frames", FrameStack::new(CartPole::v1(), 4)?);
    single(&mut group, "normalized", NormalizeObservation::new(CartPole::v1()));
    single(&mut group, "one-hot FrozenLake-v1", OneHot::new(FrozenLake::v1())?);
    group.finish();

    let mut group = criterion.benchmark_group("vector of 64");
    vector(&mut group, "CartPole-v1", &CartPole::v1());
    vector(&mut group, "MountainCar-v0", &MountainCar::v0());
    vector(&mut group, "CliffWalking-v1", &CliffWalking::new());
    group.finish();
    Ok(())
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    environments(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
