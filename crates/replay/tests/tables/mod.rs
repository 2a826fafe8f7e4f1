//! The columns that `xtask/peers/write_tables.py` writes, and where they are.

use std::path::PathBuf;

use reflux_replay::{Batch, Buffer, Result, Sampler, Schema, Uniform};

/// A file that numpy or pyarrow wrote.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The elements of each column, five items.
struct Contents {
    f32: Vec<f32>,
    f64: Vec<f64>,
    u8: Vec<u8>,
    i32: Vec<i32>,
    i64: Vec<i64>,
    bool: Vec<bool>,
}

fn contents() -> Contents {
    Contents {
        f32: (0..30).map(|i| i as f32 / 4.0 - 1.0).collect(),
        f64: (0..5).map(|i| f64::from(i) / 4.0 - 1.0).collect(),
        u8: (0..20).map(|i| 3 * i).collect(),
        i32: (0..5).map(|i| i - 3).collect(),
        i64: (0..5).map(|i| (i - 3) << 33).collect(),
        bool: (0..10).map(|i| i % 3 == 0).collect(),
    }
}

/// Their schema.
pub(crate) fn schema() -> Result<Schema> {
    let mut schema = Schema::new();
    schema.column::<f32>("f32", &[2, 3])?;
    schema.column::<f64>("f64", &[])?;
    schema.column::<u8>("u8", &[4])?;
    schema.column::<i32>("i32", &[])?;
    schema.column::<i64>("i64", &[1])?;
    schema.column::<bool>("bool", &[2])?;
    Ok(schema)
}

/// A buffer with these contents that has been overwritten before, so that its oldest item is not in
/// its first slot.
pub(crate) fn buffer() -> Result<Buffer<Uniform>> {
    let mut buffer = Buffer::new(schema()?, 5, Uniform::new())?;
    let Contents { f32, f64, u8, i32, i64, bool } = contents();
    let three = [
        (&f32[..18]).into(),
        (&f64[..3]).into(),
        (&u8[..12]).into(),
        (&i32[..3]).into(),
        (&i64[..3]).into(),
        (&bool[..6]).into(),
    ];
    buffer.push_batch(3, &three)?;
    let all =
        [(&f32).into(), (&f64).into(), (&u8).into(), (&i32).into(), (&i64).into(), (&bool).into()];
    buffer.push_batch(5, &all)?;
    Ok(buffer)
}

/// Checks that a buffer holds these columns, `times` over.
pub(crate) fn check<S: Sampler>(buffer: &Buffer<S>, times: usize) -> Result<()> {
    assert_eq!(*buffer.schema(), schema()?);
    assert_eq!(buffer.len(), 5 * times);
    let mut batch = Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
    let (found, expected) = (batch.schema(), contents());
    assert_eq!(batch.values(found.find::<f32>("f32")?)?, expected.f32.repeat(times));
    assert_eq!(batch.values(found.find::<f64>("f64")?)?, expected.f64.repeat(times));
    assert_eq!(batch.values(found.find::<u8>("u8")?)?, expected.u8.repeat(times));
    assert_eq!(batch.values(found.find::<i32>("i32")?)?, expected.i32.repeat(times));
    assert_eq!(batch.values(found.find::<i64>("i64")?)?, expected.i64.repeat(times));
    assert_eq!(batch.values(found.find::<bool>("bool")?)?, expected.bool.repeat(times));
    Ok(())
}

/// Where `xtask/peers/read_tables.py` will look for what we wrote, if it is to look.
pub(crate) fn for_peers() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("REFLUX_TABLES")?);
    // Relative to the workspace, not to the crate in which its tests run.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    Some(folder)
}
