//! A buffer in files does what one in memory does.

#![cfg(feature = "mmap")]

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Checkpoint, Error, Prioritized, Result, Schema, Uniform};

#[test]
fn a_buffer_in_files_does_what_one_in_memory_does() -> Result<()> {
    let mut schema = Schema::new();
    let number = schema.column::<i64>("number", &[])?;
    let observation = schema.column::<u8>("observation", &[2, 40])?;
    let next = schema.column::<u8>("next_observation", &[2, 40])?;
    schema.share_frames(&[observation, next])?;
    let folder = std::env::temp_dir();
    let mut mapped =
        Buffer::builder(schema.clone(), 300).with_files_in(&folder).build(Prioritized::new())?;
    let mut in_memory = Buffer::new(schema, 300, Prioritized::new())?;
    let account = mapped.account();
    assert_eq!(account.total(), in_memory.bytes());
    assert_eq!(account.mapped(), 300 * (8 + 4 * 4) + (330 + 2 * 4) * 40);

    let (mut one, mut other) = (Batch::new(), Batch::new());
    let rngs = &mut [(); 2].map(|()| Xoshiro256PlusPlus::seed_from_u64(1));
    for n in 0..1000_i64 {
        let pixels: Vec<u8> = (0..3).flat_map(|frame| [(n + frame) as u8; 40]).collect();
        let values = [(&n).into(), pixels[..80].into(), pixels[40..].into()];
        assert_eq!(mapped.push(&values)?, in_memory.push(&values)?);
        mapped.sample(8, &mut rngs[0], &mut one)?;
        in_memory.sample(8, &mut rngs[1], &mut other)?;
        assert_eq!(one.items(), other.items());
        assert_eq!(one.values(number)?, other.values(number)?);
        assert_eq!(one.values(observation)?, other.values(observation)?);
        assert_eq!(one.values(next)?, other.values(next)?);
        let priorities = [n as f32, 1.0, 2.0, 3.0, 0.5, 0.1, 1.0, 1.0];
        mapped.set_priorities(one.items(), &priorities)?;
        in_memory.set_priorities(one.items(), &priorities)?;
    }
    Ok(())
}

#[test]
fn a_file_that_cannot_be_made_is_an_error_that_says_so() {
    let mut schema = Schema::new();
    schema.column::<i64>("number", &[]).unwrap();
    let folder = std::env::temp_dir().join("there is no such folder");
    let error =
        Buffer::builder(schema, 3).with_files_in(&folder).build(Uniform::new()).unwrap_err();
    assert!(matches!(&error, Error::Mapped { bytes: 24, folder: named, .. } if *named == folder));
    assert!(error.to_string().starts_with("a file of 24 bytes in "), "{error}");
}

#[test]
fn what_was_saved_in_memory_can_be_loaded_into_files_and_back() -> Result<()> {
    let mut schema = Schema::new();
    let number = schema.column::<i64>("number", &[])?;
    let stack = schema.column::<u8>("stack", &[2, 40])?;
    schema.share_frames(&[stack])?;
    let builder = || Buffer::builder(schema.clone(), 300);
    let mut buffer = builder().build(Prioritized::new())?;
    for n in 0..1000_i64 {
        buffer.push(&[(&n).into(), [[n as u8; 40], [(n + 1) as u8; 40]].as_flattened().into()])?;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut checkpoint = Checkpoint::new(folder.path());
    checkpoint.save(&buffer, &[])?;

    let in_files = builder().with_files_in(std::env::temp_dir());
    let (mapped, _) = checkpoint.load(in_files, Prioritized::new())?;
    assert!(mapped.account().mapped() > 0);
    assert_eq!(checkpoint.save(&mapped, &[])?.items, 0, "all of it is there");
    let (in_memory, _) = checkpoint.load(builder(), Prioritized::new())?;
    let (mut one, mut other) = (Batch::new(), Batch::new());
    let ids: Vec<_> = buffer.items().collect();
    buffer.gather(&ids, &mut one)?;
    for loaded in [&mapped, &in_memory] {
        loaded.gather(&ids, &mut other)?;
        assert_eq!(one.values(number)?, other.values(number)?);
        assert_eq!(one.values(stack)?, other.values(stack)?);
    }
    Ok(())
}
