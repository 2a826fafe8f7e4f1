//! A process that pushes and saves is killed at random moments, again and again. Whatever the moment,
//! what it has saved last is there, whole, and the next process goes on from it.
//!
//! The writer is this test's own program, started with a variable of the environment set.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Checkpoint, LowestPriority, Prioritized, Result, Schema};

const KILLS: usize = 200;
const FOLDER: &str = "REFLUX_CHECKPOINT_CRASH";
const CAPACITY: usize = 500;
const STACK: usize = 3;

fn builder() -> Result<reflux_replay::BufferBuilder> {
    let mut schema = Schema::new();
    schema.column::<i64>("number", &[])?;
    let stack = schema.column::<u8>("stack", &[STACK, 8])?;
    schema.share_frames(&[stack])?;
    // Items of low priority leave, and neighbours of those that stay with them: little is shared.
    let builder = Buffer::builder(schema, CAPACITY).with_eviction(LowestPriority::new());
    builder.with_frames_per_item(STACK as f64)
}

fn stack(number: i64) -> Vec<u8> {
    (number..number + STACK as i64).flat_map(i64::to_le_bytes).collect()
}

/// What the folder holds: how many items had been pushed. Everything in it must fit together.
fn load(folder: &Path) -> Result<(Checkpoint, Buffer<Prioritized>, i64)> {
    let mut checkpoint = Checkpoint::new(folder);
    if !checkpoint.exists()? {
        return Ok((checkpoint, builder()?.build(Prioritized::new())?, 0));
    }
    let (mut buffer, extra) = checkpoint.load(builder()?, Prioritized::new())?;
    let pushed = i64::from_le_bytes(extra.try_into().expect("8 bytes were saved"));
    assert_eq!(buffer.len() as i64, pushed.min(CAPACITY as i64));

    let mut batch = Batch::new();
    let ids: Vec<_> = buffer.items().collect();
    buffer.gather(&ids, &mut batch)?;
    let numbers = batch.values(batch.schema().find::<i64>("number")?)?;
    let stacks = batch.values(batch.schema().find::<u8>("stack")?)?;
    assert!(numbers.is_sorted() && numbers.iter().all(|n| (0..pushed).contains(n)));
    assert_eq!(numbers.last(), Some(&(pushed - 1)));
    for (number, row) in numbers.iter().zip(stacks.chunks(STACK * 8)) {
        assert_eq!(row, stack(*number));
    }
    buffer.sample(32, &mut Xoshiro256PlusPlus::seed_from_u64(1), &mut batch)?;
    Ok((checkpoint, buffer, pushed))
}

/// Pushes and saves until it is killed, and says after each save how many items are in it.
fn write(folder: &Path) -> Result<()> {
    let (mut checkpoint, mut buffer, mut pushed) = load(folder)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(pushed as u64);
    let mut batch = Batch::new();
    loop {
        for _ in 0..rng.random_range(1..100) {
            buffer.push(&[(&pushed).into(), (&stack(pushed)).into()])?;
            pushed += 1;
        }
        buffer.sample(16, rng, &mut batch)?;
        let priorities: Vec<f32> = (0..16).map(|_| rng.random_range(0.0..1.0)).collect();
        buffer.set_priorities(batch.items(), &priorities)?;
        checkpoint.save(&buffer, &pushed.to_le_bytes())?;
        let mut out = std::io::stdout().lock();
        // Nobody listens any more once the test has failed.
        if writeln!(out, "\nsaved {pushed}").and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
    }
}

#[test]
fn a_process_that_is_killed_leaves_its_last_checkpoint() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write(Path::new(&folder)).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let mut last = 0;
    for kill in 0..KILLS {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_is_killed_leaves_its_last_checkpoint", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(writer.stdout.take().unwrap());
        let mut told = out.lines().filter_map(|line| {
            line.unwrap().strip_prefix("saved ").map(|pushed| pushed.parse::<i64>().unwrap())
        });
        // From before the first save of this process, which begins with loading, to after several.
        for _ in 0..rng.random_range(0..4) {
            last = told.next().expect("the writer goes on until it is killed");
        }
        std::thread::sleep(Duration::from_micros(rng.random_range(0..60_000)));
        writer.kill().unwrap(); // SIGKILL
        writer.wait().unwrap();
        last = told.last().unwrap_or(last);
        let (_, _, pushed) = load(folder.path()).unwrap();
        assert!(pushed >= last, "kill {kill}: {last} items were saved, {pushed} are there");
        last = pushed;
    }
}
