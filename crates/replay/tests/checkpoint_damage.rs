//! Whatever happens to the files of a checkpoint, loading ends in an error or in what was saved.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use reflux_replay::{
    Batch, Buffer, BufferBuilder, Checkpoint, Error, LowestPriority, Prioritized, RankBased,
    Result, Sampler, Schema, Sequences, WithoutReplacement,
};

mod damage;

fn builder(table: bool) -> Result<BufferBuilder> {
    let mut schema = Schema::new();
    let number = schema.column::<i64>("number", &[])?;
    let stack = schema.column::<u8>("stack", &[2, 3])?;
    schema.mark_stream(number, 1000)?;
    if !table {
        return Ok(Buffer::builder(schema, 20));
    }
    schema.share_frames(&[stack])?;
    let builder = Buffer::builder(schema, 20).with_eviction(LowestPriority::new());
    builder.with_max_times_sampled(5)
}

fn sampler(which: u8) -> Result<Box<dyn Sampler>> {
    Ok(match which {
        0 => Box::new(Prioritized::new()),
        1 => Box::new(RankBased::new()),
        2 => Box::new(WithoutReplacement::new()),
        _ => Box::new(Sequences::new(2)?),
    })
}

fn push<S: Sampler>(buffer: &mut Buffer<S>, mut numbers: std::ops::Range<i64>) -> Result<()> {
    numbers.try_for_each(|number| {
        let [a, b] = [number as u8, number as u8 + 1];
        buffer.push(&[(&number).into(), (&[a, a, a, b, b, b]).into()]).map(drop)
    })
}

/// The columns of all items.
type Contents = (Vec<i64>, Vec<u8>);

fn held<S: Sampler>(buffer: &Buffer<S>) -> Result<Contents> {
    let mut batch = Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
    let (number, stack) = (batch.schema().find("number")?, batch.schema().find("stack")?);
    Ok((batch.values(number)?.to_vec(), batch.values(stack)?.to_vec()))
}

/// Two checkpoints, and what was in them.
fn saved(folder: &Path, which: u8, table: bool) -> Result<[Contents; 2]> {
    let mut buffer = builder(table)?.build(sampler(which)?)?;
    let mut checkpoint = Checkpoint::new(folder);
    push(&mut buffer, 0..17)?;
    checkpoint.save(&buffer, b"first")?;
    let first = held(&buffer)?;
    push(&mut buffer, 17..25)?;
    checkpoint.save(&buffer, b"second")?;
    Ok([first, held(&buffer)?])
}

/// What the last checkpoint is loaded as, or the one before it.
fn load(folder: &Path, which: u8, table: bool, previous: bool) -> Result<(Contents, Vec<u8>)> {
    let (builder, sampler) = (builder(table)?, sampler(which)?);
    let mut checkpoint = Checkpoint::new(folder);
    let (buffer, extra) = if previous {
        checkpoint.load_previous(builder, sampler)?
    } else {
        checkpoint.load(builder, sampler)?
    };
    Ok((held(&buffer)?, extra))
}

/// The files in the folder, by name: those of one kind are in the order in which they were written.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is there");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The last file of this kind.
fn file(folder: &Path, kind: &str) -> PathBuf {
    let is_one = |path: &&PathBuf| path.to_string_lossy().contains(&format!("/{kind}-"));
    files(folder).iter().rfind(is_one).expect("there is one of each kind").clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_damaged_file_is_an_error_or_makes_no_difference(
        which in 0_u8..4,
        table in any::<bool>(),
        damages in prop::collection::vec((any::<usize>(), any::<u8>(), any::<usize>()), 1..3),
    ) {
        let folder = memory();
        let contents = saved(folder.path(), which, table).unwrap();
        for (file, how, place) in damages {
            let files = files(folder.path());
            let path = &files[file % files.len()];
            let damaged = damage::damage(&fs::read(path).unwrap(), how, place);
            // Cut off to nothing, it would not be damaged any further.
            fs::write(path, if damaged.is_empty() { vec![how] } else { damaged }).unwrap();
        }
        let saved = [(&b"second"[..], &contents[1]), (b"first", &contents[0])];
        for (previous, (extra, contents)) in [false, true].into_iter().zip(saved) {
            if let Ok(loaded) = load(folder.path(), which, table, previous) {
                prop_assert_eq!(&loaded, &(contents.clone(), extra.to_vec()));
            }
        }
    }
}

/// A folder in memory where there is one.
fn memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder can be made")
}

#[test]
fn every_bit_counts() {
    let folder = memory();
    saved(folder.path(), 0, true).unwrap();
    for kind in ["manifest", "state", "rows"] {
        let path = file(folder.path(), kind);
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, &flipped).unwrap();
            let loaded = load(folder.path(), 0, true, false);
            assert!(
                matches!(loaded, Err(Error::Format { .. } | Error::CheckpointVersion { .. })),
                "byte {at} of {kind}: {loaded:?}",
            );
        }
        for len in 0..bytes.len() {
            fs::write(&path, &bytes[..len]).unwrap();
            let loaded = load(folder.path(), 0, true, false);
            assert!(matches!(loaded, Err(Error::Format { .. })), "{kind} of {len} bytes");
        }
        fs::write(&path, &bytes).unwrap();
    }
}

#[test]
fn the_checkpoint_before_a_damaged_one_is_still_there() {
    for kind in ["manifest", "state", "rows"] {
        let folder = memory();
        let contents = saved(folder.path(), 1, true).unwrap();
        let path = file(folder.path(), kind);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let mut checkpoint = Checkpoint::new(folder.path());
        let load = checkpoint.load(builder(true).unwrap(), sampler(1).unwrap());
        assert!(matches!(load, Err(Error::Format { .. })), "{kind}");
        let previous = checkpoint.load_previous(builder(true).unwrap(), sampler(1).unwrap());
        let (mut buffer, extra) = previous.unwrap();
        assert_eq!((held(&buffer).unwrap(), &extra[..]), (contents[0].clone(), &b"first"[..]));

        // And it goes on from there.
        push(&mut buffer, 50..60).unwrap();
        checkpoint.save(&buffer, b"third").unwrap();
        let again = checkpoint.load(builder(true).unwrap(), sampler(1).unwrap()).unwrap();
        assert_eq!(held(&again.0).unwrap(), held(&buffer).unwrap());
        assert_eq!(again.1, b"third");
    }
}

#[test]
fn a_file_that_is_missing_or_of_another_version_is_named() {
    let folder = memory();
    saved(folder.path(), 0, false).unwrap();
    let manifest = file(folder.path(), "manifest");
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[8] = 2;
    let good = fs::read(&manifest).unwrap();
    fs::write(&manifest, bytes).unwrap();
    let error = load(folder.path(), 0, false, false).unwrap_err();
    assert!(matches!(error, Error::CheckpointVersion { found: 2, supported: 1, .. }), "{error}");
    fs::write(&manifest, good).unwrap();

    let rows = file(folder.path(), "rows");
    fs::remove_file(&rows).unwrap();
    let error = load(folder.path(), 0, false, false).unwrap_err();
    assert!(matches!(&error, Error::Io { what, .. } if *what == rows.display().to_string()));
}

#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    let folder = memory();
    saved(folder.path(), 0, false).unwrap();
    for kind in ["manifest", "state", "rows"] {
        let path = file(folder.path(), kind);
        let good = fs::read(&path).unwrap();
        let mut bytes = good.clone();
        bytes[16..24].copy_from_slice(&(100_u64 << 30).to_le_bytes()); // the first chunk's length
        fs::write(&path, bytes).unwrap();
        let error = load(folder.path(), 0, false, false).unwrap_err().to_string();
        assert!(error.contains("a chunk of 107374182400 bytes is announced"), "{error}");
        fs::write(&path, good).unwrap();
    }
}
