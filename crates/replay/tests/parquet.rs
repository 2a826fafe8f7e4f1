//! Files that pyarrow wrote, files that come back as they were, and files that are damaged.

#![cfg(feature = "parquet")]

use proptest::prelude::*;
use reflux_replay::{
    Batch, Buffer, Error, ParquetReader, ParquetWriter, Prioritized, Result, Schema, Uniform,
};

mod damage;
mod tables;

use damage::damage;
use tables::fixture;

#[test]
fn columns_that_pyarrow_wrote_are_read() -> Result<()> {
    for name in ["plain.parquet", "uncompressed.parquet"] {
        let reader = ParquetReader::open(fixture(name))?;
        assert!(reader.names().eq(["f32", "f64", "u8", "i32", "i64", "bool"]));
        assert_eq!(reader.rows(), 5);
        let buffer = reader.read(Prioritized::new())?;
        tables::check(&buffer, 1)?;
        assert_eq!(buffer.capacity(), 5);

        let mut larger = Buffer::new(tables::schema()?, 100, Uniform::new())?;
        assert_eq!((reader.read_into(&mut larger)?, reader.read_into(&mut larger)?), (5, 5));
        tables::check(&larger, 2)?;
    }
    Ok(())
}

#[test]
fn some_of_the_columns_are_read_in_any_order() -> Result<()> {
    let reader = ParquetReader::open(fixture("plain.parquet"))?;
    let schema = reader.schema_of(&["bool", "i32"])?;
    assert_eq!(schema.to_string(), "bool: bool[2], i32: i32[]");
    let i32 = schema.find::<i32>("i32")?;
    let mut buffer = Buffer::new(schema, 3, Uniform::new())?;
    assert_eq!(reader.read_into(&mut buffer)?, 5);
    let mut batch = Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
    assert_eq!(batch.values(i32)?, [-1, 0, 1], "the last ones stay");
    Ok(())
}

#[test]
fn what_is_written_is_read_back() -> Result<()> {
    let buffer = tables::buffer()?;
    for (name, writer) in [
        ("snappy.parquet", ParquetWriter::new()),
        ("uncompressed.parquet", ParquetWriter::new().without_compression()),
    ] {
        let mut bytes = Vec::new();
        writer.write(&buffer, &mut bytes)?;
        tables::check(&ParquetReader::from_bytes(bytes)?.read(Uniform::new())?, 1)?;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        writer.save(&buffer, &path)?;
        tables::check(&ParquetReader::open(&path)?.read(Uniform::new())?, 1)?;
        if let Some(folder) = tables::for_peers() {
            writer.save(&buffer, folder.join(name))?;
        }
    }
    Ok(())
}

#[test]
fn more_than_fits_into_memory_at_a_time_is_read_back_in_pieces() -> Result<()> {
    let mut schema = Schema::new();
    let number = schema.column::<i64>("number", &[])?;
    let image = schema.column::<u8>("image", &[300, 300])?;
    let mut buffer = Buffer::new(schema, 40, Uniform::new())?;
    for n in 0..55_i64 {
        buffer.push(&[(&n).into(), (&vec![n as u8; 90_000]).into()])?;
    }
    let mut bytes = Vec::new();
    ParquetWriter::new().write(&buffer, &mut bytes)?;
    let read = ParquetReader::from_bytes(bytes)?.read(Uniform::new())?;
    assert_eq!(read.schema(), buffer.schema());
    let mut batch = Batch::new();
    read.gather(&read.items().collect::<Vec<_>>(), &mut batch)?;
    assert!(batch.values(number)?.iter().copied().eq(15..55));
    for (row, n) in batch.matrix(image)?.rows().into_iter().zip(15_u8..) {
        assert!(row.iter().all(|&pixel| pixel == n));
    }
    Ok(())
}

#[test]
fn an_empty_buffer_is_written_and_has_no_room_to_be_read_into() -> Result<()> {
    let mut bytes = Vec::new();
    let mut empty = Buffer::new(tables::schema()?, 3, Uniform::new())?;
    ParquetWriter::new().write(&empty, &mut bytes)?;
    let reader = ParquetReader::from_bytes(bytes)?;
    assert!(matches!(reader.read(Uniform::new()), Err(Error::Capacity)));
    assert_eq!(reader.read_into(&mut empty)?, 0);
    Ok(())
}

/// What is wrong with reading this column of `refused.parquet` as `f32` of this shape.
fn problem(name: &str, shape: &[usize]) -> Result<String> {
    let mut schema = Schema::new();
    schema.column::<f32>(name, shape)?;
    let mut buffer = Buffer::new(schema, 10, Uniform::new())?;
    match ParquetReader::open(fixture("refused.parquet"))?.read_into(&mut buffer) {
        Err(Error::Format { what, problem }) => {
            assert!(what.contains("refused.parquet, column \""), "{what}");
            Ok(problem)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_that_cannot_be_read_are_refused_and_say_why() -> Result<()> {
    let missing = "some of its values are missing (null); a column has a value everywhere";
    assert_eq!(problem("missing", &[])?, missing);
    assert_eq!(problem("missing in list", &[2])?, missing);
    assert!(problem("text", &[])?.starts_with("its elements are Utf8, the column's f32"));
    assert_eq!(
        problem("lists", &[2])?,
        "one of its lists has 1 elements, the column's shape says 2"
    );
    assert_eq!(
        problem("missing in list", &[3])?,
        "one of its lists has 2 elements, the column's shape says 3"
    );
    assert_eq!(problem("good", &[2])?, "its items have fewer dimensions than [2]");
    assert!(problem("lists", &[])?.ends_with("the column's f32"));
    assert!(problem("nothing", &[])?.starts_with("there is no such column; there are [\"good\""));

    let reader = ParquetReader::open(fixture("refused.parquet"))?;
    let problem = |name| reader.schema_of(&[name]).unwrap_err().to_string();
    assert!(problem("lists").contains("its lists have no fixed size: declare the column"));
    assert!(problem("text").contains("its elements are Utf8; a column holds float, double"));
    assert!(reader.schema_of(&["good"]).is_ok());
    assert!(matches!(ParquetReader::open(fixture("nothing")), Err(Error::Io { .. })));
    Ok(())
}

#[test]
fn lists_of_any_size_are_read_into_a_column_of_the_size_that_they_have() -> Result<()> {
    let mut schema = Schema::new();
    let pairs = schema.column::<f64>("pairs", &[2])?;
    schema.column::<bool>("matrices", &[2, 1])?;
    let flags = schema.find::<bool>("matrices")?;
    let mut buffer = Buffer::new(schema, 10, Uniform::new())?;
    let reader = ParquetReader::open(fixture("lists.parquet"))?;
    assert_eq!(reader.read_into(&mut buffer)?, 3);

    let mut shorter = Schema::new();
    shorter.column::<f64>("pairs", &[1])?;
    let error = reader.read_into(&mut Buffer::new(shorter, 10, Uniform::new())?).unwrap_err();
    assert!(
        error.to_string().ends_with(
            "its column \"pairs\" has more than the 3 values that 3 items of shape [1] have"
        ),
        "{error}"
    );
    let mut batch = Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
    assert_eq!(batch.values(pairs)?, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(batch.values(flags)?, [true, false, false, true, true, true]);
    Ok(())
}

/// All that a loader can do with a file.
fn load(bytes: Vec<u8>) -> Result<Buffer<Uniform>> {
    ParquetReader::from_bytes(bytes)?.read(Uniform::new())
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error() {
    for name in ["plain.parquet", "uncompressed.parquet"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for len in 0..bytes.len() {
            let result = load(bytes[..len].to_vec());
            assert!(matches!(result, Err(Error::Format { .. })), "{name} cut off at {len}");
        }
    }
}

#[test]
fn a_flipped_bit_does_no_harm() {
    // pyarrow writes no checksums, so some damage goes unnoticed; it must not be worse than that.
    for name in ["plain.parquet", "uncompressed.parquet"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let _ = load(damaged);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_are_no_file(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(load(bytes).is_err());
    }

    #[test]
    fn a_damaged_file_does_no_harm(
        compressed in any::<bool>(),
        damages in prop::collection::vec((any::<u8>(), any::<usize>()), 1..4),
    ) {
        let name = if compressed { "plain.parquet" } else { "uncompressed.parquet" };
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (how, place) in damages {
            bytes = damage(&bytes, how, place);
            if bytes.is_empty() {
                break;
            }
        }
        let _ = load(bytes);
    }
}
