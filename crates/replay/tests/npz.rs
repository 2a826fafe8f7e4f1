//! Files that numpy wrote, files that come back as they were, and files that are damaged.

#![cfg(feature = "npz")]

use std::io::Cursor;

use proptest::prelude::*;
use reflux_replay::{Buffer, Error, NpzReader, NpzWriter, Prioritized, Result, Schema, Uniform};

mod damage;
mod tables;

use damage::damage;
use tables::fixture;

#[test]
fn arrays_that_numpy_wrote_are_read() -> Result<()> {
    for name in ["plain.npz", "compressed.npz"] {
        let reader = NpzReader::open(fixture(name))?;
        assert!(reader.names().eq(["f32", "f64", "u8", "i32", "i64", "bool"]));
        assert_eq!(reader.rows(&reader.schema()?)?, 5);
        let mut buffer = reader.read(Prioritized::new())?;
        tables::check(&buffer, 1)?;
        assert_eq!(buffer.capacity(), 5);
        reader.read_into(&mut buffer)?;
        tables::check(&buffer, 1)?;

        let mut larger = Buffer::new(tables::schema()?, 100, Uniform::new())?;
        assert_eq!((reader.read_into(&mut larger)?, reader.read_into(&mut larger)?), (5, 5));
        tables::check(&larger, 2)?;
    }
    Ok(())
}

#[test]
fn some_of_the_arrays_are_read_in_any_order() -> Result<()> {
    let reader = NpzReader::open(fixture("plain.npz"))?;
    let schema = reader.schema_of(&["bool", "i32"])?;
    assert_eq!(schema.to_string(), "bool: bool[2], i32: i32[]");
    let i32 = schema.find::<i32>("i32")?;
    let mut buffer = Buffer::new(schema, 3, Uniform::new())?;
    assert_eq!(reader.read_into(&mut buffer)?, 5);
    let mut batch = reflux_replay::Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
    assert_eq!(batch.values(i32)?, [-1, 0, 1], "the last ones stay");
    Ok(())
}

#[test]
fn what_is_written_is_read_back() -> Result<()> {
    let buffer = tables::buffer()?;
    for (name, writer) in
        [("stored.npz", NpzWriter::new()), ("deflated.npz", NpzWriter::new().with_compression())]
    {
        let mut bytes = Cursor::new(Vec::new());
        writer.write(&buffer, &mut bytes)?;
        tables::check(&NpzReader::from_bytes(bytes.into_inner())?.read(Uniform::new())?, 1)?;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        writer.save(&buffer, &path)?;
        tables::check(&NpzReader::open(&path)?.read(Uniform::new())?, 1)?;
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
    schema.column::<u8>("image/deep", &[300, 300])?;
    let mut buffer = Buffer::new(schema.clone(), 40, Uniform::new())?;
    for n in 0..55_i64 {
        buffer.push(&[(&n).into(), (&vec![n as u8; 90_000]).into()])?;
    }
    let mut bytes = Cursor::new(Vec::new());
    NpzWriter::new().with_compression().write(&buffer, &mut bytes)?;
    let read = NpzReader::from_bytes(bytes.into_inner())?.read(Uniform::new())?;
    assert_eq!(*read.schema(), schema);
    let mut batch = reflux_replay::Batch::new();
    read.gather(&read.items().collect::<Vec<_>>(), &mut batch)?;
    assert!(batch.values(number)?.iter().copied().eq(15..55));
    let images = batch.matrix(schema.find::<u8>("image/deep")?)?;
    for (row, n) in images.rows().into_iter().zip(15_u8..) {
        assert!(row.iter().all(|&pixel| pixel == n));
    }
    Ok(())
}

#[test]
fn an_empty_buffer_is_written_and_has_no_room_to_be_read_into() -> Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    let mut empty = Buffer::new(tables::schema()?, 3, Uniform::new())?;
    NpzWriter::new().write(&empty, &mut bytes)?;
    let reader = NpzReader::from_bytes(bytes.into_inner())?;
    assert!(matches!(reader.read(Uniform::new()), Err(Error::Capacity)));
    assert_eq!(reader.read_into(&mut empty)?, 0);
    Ok(())
}

#[test]
fn arrays_that_cannot_be_columns_are_refused_and_say_why() -> Result<()> {
    let reader = NpzReader::open(fixture("refused.npz"))?;
    let problem = |names: &[&str]| match reader.schema_of(names).and_then(|s| reader.rows(&s)) {
        Err(Error::Format { what, problem }) => {
            assert!(what.contains("refused.npz, array \""), "{what}");
            problem
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        problem(&["fortran"]),
        "it is in Fortran's order: save numpy.ascontiguousarray of it"
    );
    assert_eq!(
        problem(&["half"]),
        "its elements are \"<f2\"; a column holds float32, float64, uint8, int32, int64 or bool: \
         convert it with numpy's astype"
    );
    assert_eq!(
        problem(&["scalar"]),
        "it is a scalar; the first dimension of a column goes over items"
    );
    assert_eq!(problem(&["good", "shorter"]), "it has 2 items, and \"good\" has 3");
    assert!(problem(&["records"]).starts_with("its header is not one of .npy with a plain"));
    assert!(problem(&["text"]).starts_with("its elements are \"<U1\""));
    assert!(problem(&["nothing"]).starts_with("there is no such array; there are [\"good\", "));
    assert!(matches!(reader.schema_of(&["empty items"]), Err(Error::Shape { .. })));
    assert!(matches!(reader.schema_of(&["good", "good"]), Err(Error::DuplicateColumn(_))));

    let mut other = Schema::new();
    other.column::<f32>("good", &[1])?;
    assert_eq!(
        reader.rows(&other).unwrap_err().to_string().split_once(": ").map(|(_, problem)| problem),
        Some("its items are f32[], the column's f32[1]")
    );
    assert!(matches!(NpzReader::open(fixture("nothing.npz")), Err(Error::Io { .. })));
    Ok(())
}

/// All that a loader can do with a file.
fn load(bytes: Vec<u8>) -> Result<()> {
    tables::check(&NpzReader::from_bytes(bytes)?.read(Uniform::new())?, 1)
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error() {
    for name in ["plain.npz", "compressed.npz"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for len in 0..bytes.len() {
            let result = load(bytes[..len].to_vec());
            assert!(matches!(result, Err(Error::Format { .. })), "{name} cut off at {len}");
        }
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing_that_is_read() {
    // Some bits say what nobody reads: dates, permissions, the version that made the file. In all
    // others, `load` either fails or panics over contents that are not what they were.
    for name in ["plain.npz", "compressed.npz"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let mut errors = 0;
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(reader) = NpzReader::from_bytes(damaged)
                && let Ok(buffer) = reader.read(Uniform::new())
            {
                // A name is not covered by a checksum; nor need it be, for the schema shows it.
                if reader.names().eq(["f32", "f64", "u8", "i32", "i64", "bool"]) {
                    tables::check(&buffer, 1).unwrap();
                }
            } else {
                errors += 1;
            }
        }
        assert!(errors > 4 * bytes.len(), "{errors} of {} bits", 8 * bytes.len());
    }
}

#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    // The header of the first array claims a hundred billion items; its size in the archive's
    // directory is then what betrays it.
    let mut bytes = Cursor::new(Vec::new());
    NpzWriter::new().write(&tables::buffer().unwrap(), &mut bytes).unwrap();
    let mut bytes = bytes.into_inner();
    let shape = b"(5, 2, 3), }         ";
    let at = bytes.windows(shape.len()).position(|window| window == shape).unwrap();
    bytes[at..at + shape.len()].copy_from_slice(b"(100000000000, 2,3),}");
    let reader = NpzReader::from_bytes(bytes).unwrap();
    let problem = reader.schema().unwrap_err().to_string();
    assert!(problem.contains("f32[100000000000, 2, 3], which does not fit"), "{problem}");
}

#[test]
fn arrays_that_share_their_bytes_are_refused() {
    // Both entries of the directory point to the first array: with many, a small file would claim
    // its length many times.
    let mut schema = Schema::new();
    for name in ["a", "b"] {
        schema.column::<u8>(name, &[2000]).unwrap();
    }
    let mut buffer = Buffer::new(schema, 1, Uniform::new()).unwrap();
    buffer.push(&[(&[7_u8; 2000]).into(), (&[7_u8; 2000]).into()]).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    NpzWriter::new().write(&buffer, &mut bytes).unwrap();
    let bytes = bytes.into_inner();

    // Without the second array's part between the first and the directory, everything behind it
    // moves up, and so do the offsets that the archive's end states.
    let find = |signature: &[u8], nth: usize| {
        let all = bytes.windows(4).enumerate().filter(|(_, window)| *window == signature);
        all.map(|(at, _)| at).nth(nth).unwrap()
    };
    let (local, directory, end) = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06");
    let (second, start, end) = (find(local, 1), find(directory, 0), find(end, 0));
    let entry = find(directory, 1);
    let mut shared = bytes[..second].to_vec();
    let moved = start - second;
    shared.extend_from_slice(&bytes[start..]);
    shared[entry - moved + 42..][..4].fill(0);
    let directory_start = (start - moved) as u32;
    shared[end - moved + 16..][..4].copy_from_slice(&directory_start.to_le_bytes());

    let reader = NpzReader::from_bytes(shared).unwrap();
    assert!(reader.schema_of(&["a"]).is_ok());
    let problem = reader.schema().unwrap_err().to_string();
    assert!(problem.contains("array \"b\": it cannot have 2128 bytes"), "{problem}");
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
        let name = if compressed { "compressed.npz" } else { "plain.npz" };
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (how, place) in damages {
            bytes = damage(&bytes, how, place);
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(reader) = NpzReader::from_bytes(bytes) {
            let _ = reader.read(Uniform::new());
        }
    }
}
