//! Whatever has become of a file of a checkpoint, loading ends, without a panic, in an error or in a
//! buffer that can be used. The input says which bytes of which file are changed; checksums are not
//! looked at in a fuzzer, so that it reaches what is behind them.
//!
//! `cargo +nightly fuzz run checkpoint`

#![no_main]

use std::cell::LazyCell;
use std::fs;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, BufferBuilder, Checkpoint, LowestPriority, Prioritized, RankBased, Reservoir,
    Sampler, Schema, Sequences, Uniform, WithoutReplacement,
};

const SETUPS: u8 = 15;

/// Every sampler with every eviction.
fn builder(setup: u8) -> BufferBuilder {
    let mut schema = Schema::new();
    let number = schema.column::<i64>("number", &[]).unwrap();
    let stack = schema.column::<u8>("stack", &[2, 2]).unwrap();
    schema.mark_stream(number, 1000).unwrap();
    if setup % 2 == 1 {
        schema.share_frames(&[stack]).unwrap();
    }
    let builder = Buffer::builder(schema, 12);
    match setup % 3 {
        0 => builder,
        1 => builder.with_eviction(Reservoir::new(1)),
        _ => builder.with_eviction(LowestPriority::new()).with_max_times_sampled(9).unwrap(),
    }
}

fn sampler(setup: u8) -> Box<dyn Sampler> {
    match setup % 5 {
        0 => Box::new(Uniform::new()),
        1 => Box::new(WithoutReplacement::new()),
        2 => Box::new(Prioritized::new()),
        3 => Box::new(RankBased::new()),
        _ => Box::new(Sequences::new(2).unwrap()),
    }
}

fn push(buffer: &mut Buffer<Box<dyn Sampler>>, numbers: std::ops::Range<i64>) {
    for number in numbers {
        let [a, b] = [number as u8, number as u8 + 1];
        buffer.push(&[(&(number / 9)).into(), (&[a, a, b, b]).into()]).unwrap();
    }
}

/// Samples, sets priorities and pushes, as a program would.
fn use_up(buffer: &mut Buffer<Box<dyn Sampler>>) {
    let (mut batch, rng) = (Batch::new(), &mut Xoshiro256PlusPlus::seed_from_u64(1));
    for round in 0..4 {
        if buffer.sample(5, rng, &mut batch).is_ok() {
            let priorities = vec![round as f32; batch.len()];
            buffer.set_priorities(batch.items(), &priorities).unwrap();
        }
        push(buffer, 0..5);
    }
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch).unwrap();
}

/// A folder for each setup, and its files as they should be.
fn folders() -> Vec<(PathBuf, Vec<(PathBuf, Vec<u8>)>)> {
    let all = std::env::temp_dir().join(format!("reflux-fuzz-{}", std::process::id()));
    let folder = |setup: u8| {
        let folder = all.join(setup.to_string());
        let mut checkpoint = Checkpoint::new(&folder);
        let mut buffer = builder(setup).build(sampler(setup)).unwrap();
        push(&mut buffer, 0..8);
        checkpoint.save(&buffer, b"extra").unwrap();
        push(&mut buffer, 8..15);
        checkpoint.save(&buffer, b"extra").unwrap();
        let paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        files.sort();
        (folder, files)
    };
    (0..SETUPS).map(folder).collect()
}

thread_local! {
    static FOLDERS: LazyCell<Vec<(PathBuf, Vec<(PathBuf, Vec<u8>)>)>> =
        const { LazyCell::new(folders) };
}

fuzz_target!(|bytes: &[u8]| {
    let [setup, file, changes @ ..] = bytes else { return };
    let setup = setup % SETUPS;
    FOLDERS.with(|folders| {
        let (folder, files) = &folders[usize::from(setup)];
        let (path, good) = &files[usize::from(*file) % files.len()];
        let mut damaged = good.clone();
        for change in changes.chunks_exact(3) {
            let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
            match damaged.len() {
                0 => {}
                // The last places stand for the end of the file.
                len if at >= 0xff00 => damaged.truncate(len - (at & 0xff).min(len)),
                len => damaged[at % len] ^= change[2],
            }
        }
        fs::write(path, damaged).unwrap();
        let loaded = Checkpoint::new(folder).load(builder(setup), sampler(setup));
        fs::write(path, good).unwrap();
        if let Ok((mut buffer, _)) = loaded {
            use_up(&mut buffer);
        }
    });
});
