//! Learning from a data set that numpy wrote, without an environment: which part of the walks from
//! each of five states ends on the right. The states' true values are 1/6, 2/6, ... 5/6.
//!
//! The data are 10,000 steps of the random walk of Sutton & Barto 2018, example 6.2, written by
//! `numpy.savez_compressed` in `xtask/peers/write_tables.py`; the method is TD(0) with experience
//! replay.
//!
//! `cargo run -p reflux-replay --features npz --example offline_data [FILE]`

use std::path::PathBuf;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, NpzReader, Result, Uniform};

const UPDATES: usize = 20_000;
const BATCH: usize = 32;

fn main() -> Result<()> {
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/random_walk.npz");
    let path = std::env::args_os().nth(1).map_or_else(|| bundled.into(), PathBuf::from);
    let mut buffer = NpzReader::open(path)?.read(Uniform::new())?;
    println!("{} items of {}", buffer.len(), buffer.schema());

    let observations = buffer.schema().find::<i64>("observations")?;
    let rewards = buffer.schema().find::<f32>("rewards")?;
    let next_observations = buffer.schema().find::<i64>("next_observations")?;
    let terminals = buffer.schema().find::<bool>("terminals")?;

    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut batch = Batch::new();
    let mut values = [0.5_f32; 5];
    for update in 0..UPDATES {
        buffer.sample(BATCH, rng, &mut batch)?;
        let states = batch.values(observations)?;
        let next_states = batch.values(next_observations)?;
        let ends = batch.values(rewards)?.iter().zip(batch.values(terminals)?);
        // Ever smaller steps, so that the noise of single batches averages out.
        let rate = 0.02 / (1.0 + 10.0 * update as f32 / UPDATES as f32);
        for ((&state, &next), (&reward, &over)) in states.iter().zip(next_states).zip(ends) {
            let follows = if over { 0.0 } else { values[next as usize] };
            let value = &mut values[state as usize];
            *value += rate * (reward + follows - *value);
        }
    }
    println!("state  learnt   true");
    for (state, value) in values.iter().enumerate() {
        println!("{state:>5}  {value:>6.3}  {:>5.3}", (state + 1) as f32 / 6.0);
    }
    Ok(())
}
