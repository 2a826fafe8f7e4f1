//! Saving and loading a buffer of a million CartPole transitions: bytes and time of the first save, of
//! one after 1% new items, and of loading. `cargo bench -p reflux-replay --bench checkpoint`
//!
//! Not with Criterion: a disk does not get steadier by asking it a hundred times, and what it does on
//! the way counts. The median of five is printed, and with it the time for as many bytes written to a
//! file and synchronised.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use reflux_replay::{
    Buffer, BufferBuilder, Checkpoint, LowestPriority, Prioritized, RankBased, Reservoir, Result,
    Sampler, Schema, Sequences, Uniform,
};

const CAPACITY: usize = 1_000_000;
const RUNS: usize = 5;

/// Observation, action, reward, next observation, terminated: 45 bytes in 5 columns.
fn builder() -> Result<BufferBuilder> {
    let mut schema = Schema::new();
    schema.column::<f32>("observation", &[4])?;
    schema.column::<i64>("action", &[])?;
    schema.column::<f32>("reward", &[])?;
    schema.column::<f32>("next_observation", &[4])?;
    schema.column::<bool>("terminated", &[])?;
    Ok(Buffer::builder(schema, CAPACITY))
}

fn push<S: Sampler>(buffer: &mut Buffer<S>, rows: usize) -> Result<()> {
    let observation = [rows as f32; 4];
    for row in 0..rows {
        let end = row % 200 == 199;
        buffer.push(&[
            (&observation).into(),
            (&1_i64).into(),
            (&1.0_f32).into(),
            (&observation).into(),
            (&end).into(),
        ])?;
    }
    Ok(())
}

/// The median of some times, in milliseconds.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn milliseconds(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    run()?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// Writes so many bytes to a file and waits for the disk.
fn plain(folder: &std::path::Path, bytes: u64) -> std::io::Result<f64> {
    let zeros = vec![1; 1 << 20];
    let started = Instant::now();
    let mut file = File::create(folder.join("plain"))?;
    for _ in 0..bytes >> 20 {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

fn measure<S: Sampler>(
    name: &str,
    builder: impl Fn() -> Result<BufferBuilder>,
    sampler: impl Fn() -> Result<S>,
) -> Result<()> {
    let temporary = tempfile::tempdir().expect("a folder can be made");
    let mut buffer = builder()?.build(sampler()?)?;
    push(&mut buffer, CAPACITY)?;
    let (mut full, mut step, mut load) = (Vec::new(), Vec::new(), Vec::new());
    let (mut full_bytes, mut step_bytes) = (0, 0);
    for run in 0..RUNS {
        let folder = temporary.path().join(run.to_string());
        let mut checkpoint = Checkpoint::new(&folder);
        full.push(milliseconds(|| {
            full_bytes = checkpoint.save(&buffer, &[])?.bytes;
            Ok(())
        })?);
        push(&mut buffer, CAPACITY / 100)?;
        step.push(milliseconds(|| {
            step_bytes = checkpoint.save(&buffer, &[])?.bytes;
            Ok(())
        })?);
        let mut checkpoint = Checkpoint::new(&folder);
        load.push(milliseconds(|| checkpoint.load(builder()?, sampler()?).map(drop))?);
    }
    let plain = plain(temporary.path(), full_bytes).expect("the disk has room");
    let [full, step, load] = [full, step, load].map(median);
    println!(
        "{name:<28}{full_bytes:>13}{full:>9.0}{plain:>9.0}{step_bytes:>13}{step:>9.0}{load:>9.0}"
    );
    Ok(())
}

fn main() -> Result<()> {
    println!("{CAPACITY} transitions of 45 bytes; times in ms\n");
    let (full, plain, step) = ("first save", "plain", "after 1% new");
    println!("{:<28}{full:>13}{:>9}{plain:>9}{step:>13}{:>9}{:>9}", "", "ms", "ms", "load ms");
    measure("uniform", builder, || Ok(Uniform::new()))?;
    measure("prioritized", builder, || Ok(Prioritized::new()))?;
    measure("rank based", builder, || Ok(RankBased::new()))?;
    measure("sequences of 8", builder, || Sequences::new(8))?;
    let reservoir = || Ok(builder()?.with_eviction(Reservoir::new(1)));
    measure("uniform, reservoir", reservoir, || Ok(Uniform::new()))?;
    let lowest = || Ok(builder()?.with_eviction(LowestPriority::new()));
    measure("prioritized, lowest priority", lowest, || Ok(Prioritized::new()))
}
