//! One update of the agent, and one action: `cargo bench -p reflux-dqn`.

use std::hint::black_box;

use criterion::Criterion;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_dqn::{Dqn, DqnConfig, Result, Schedule, Transition};
use reflux_replay::{Prioritized, Sampler, Uniform};

/// An agent in the CartPole setting whose buffer holds 50,000 made-up transitions.
fn agent<S: Sampler>(sampler: S) -> Result<Dqn<S>> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let config =
        DqnConfig::cart_pole().with_epsilon(Schedule::constant(0.0)?)?.with_learning_starts(0);
    let mut agent = Dqn::new(4, 2, config, sampler, rng)?;
    for i in 0..50_000 {
        let observation = [0, 1, 2, 3].map(|j| ((i * 4 + j) as f32).sin());
        agent.remember(&Transition {
            observation: &observation,
            action: i % 2,
            reward: 1.0,
            next_observation: &observation.map(|x| x + 0.01),
            terminated: i % 100 == 0,
            truncated: false,
            teacher: None,
        })?;
    }
    Ok(agent)
}

fn bench<S: Sampler>(criterion: &mut Criterion, name: &str, sampler: S) -> Result<()> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
    let mut agent = agent(sampler)?;
    let mut group = criterion.benchmark_group(name);
    group.bench_function("update", |bencher| bencher.iter(|| agent.learn(rng)));
    group.bench_function("act", |bencher| {
        bencher.iter(|| agent.act(black_box(&[0.1, 0.2, 0.3, 0.4]), rng));
    });
    group.finish();
    Ok(())
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    bench(&mut criterion, "uniform", Uniform::new())?;
    bench(&mut criterion, "prioritized", Prioritized::new())?;
    criterion.final_summary();
    Ok(())
}
