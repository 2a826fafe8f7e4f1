//! Writers in threads and a learner: what is promised of a shared buffer.

use std::thread;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, Column, Episode, Error, GoalStrategy, Hindsight, NStep, Prioritized,
    RateLimiter, Result, Schema, Sequences, SharedBuffer, Sink, Uniform, Value, Writer,
};

/// An item that can tell whether it is whole: `payload` is made of the other two.
struct Columns {
    writer: Column<i64>,
    number: Column<i64>,
    payload: Column<f64>,
}

const WIDTH: usize = 24;

fn columns() -> Result<(Schema, Columns)> {
    let mut schema = Schema::new();
    let writer = schema.column("writer", &[])?;
    let payload = schema.column("payload", &[WIDTH])?;
    let number = schema.column("number", &[])?;
    schema.mark_stream(writer, 8)?;
    Ok((schema, Columns { writer, number, payload }))
}

fn payload(writer: i64, number: i64) -> [f64; WIDTH] {
    std::array::from_fn(|i| (writer * 1_000_003 + number * 31 + i as i64) as f64)
}

fn push(writer: &mut Writer, name: i64, number: i64) -> Result<()> {
    writer.push(&[(&name).into(), (&payload(name, number)).into(), (&number).into()])
}

fn assert_whole(batch: &Batch, columns: &Columns) -> Result<()> {
    let (writers, numbers) = (batch.values(columns.writer)?, batch.values(columns.number)?);
    let payloads = batch.values(columns.payload)?.chunks_exact(WIDTH);
    for ((&writer, &number), row) in writers.iter().zip(numbers).zip(payloads) {
        assert_eq!(row, payload(writer, number), "item {number} of writer {writer}");
    }
    Ok(())
}

/// The numbers that are held of each writer, oldest first.
fn numbers<S: reflux_replay::Sampler>(
    buffer: &Buffer<S>,
    columns: &Columns,
    writers: usize,
) -> Result<Vec<Vec<i64>>> {
    let mut batch = Batch::new();
    buffer.gather(&buffer.items().collect::<Vec<_>>(), &mut batch)?;
    assert_whole(&batch, columns)?;
    let mut all = vec![Vec::new(); writers];
    for (&writer, &number) in
        batch.values(columns.writer)?.iter().zip(batch.values(columns.number)?)
    {
        all[writer as usize].push(number);
    }
    Ok(all)
}

#[test]
fn under_stress_items_are_whole_in_order_and_none_is_lost() -> Result<()> {
    const WRITERS: usize = 8;
    const ITEMS: i64 = 20_000;
    let (schema, columns) = columns()?;
    let buffer = Buffer::new(schema, WRITERS * ITEMS as usize, Prioritized::new())?;
    let shared = SharedBuffer::new(buffer).with_block(17)?.with_blocks(3)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut batch = Batch::new();
    let shared = thread::scope(|scope| -> Result<_> {
        // Dropped in here when something fails, so that the writers end.
        let mut shared = shared;
        for name in 0..WRITERS as i64 {
            let mut writer = shared.writer()?;
            scope.spawn(move || {
                let rng = &mut Xoshiro256PlusPlus::seed_from_u64(name as u64);
                for number in 0..ITEMS {
                    push(&mut writer, name, number).expect("the learner is there");
                    if rng.random_ratio(1, 50) {
                        writer.flush().expect("the learner is there");
                    }
                    if rng.random_ratio(1, 500) {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut looks = 0;
        while shared.wait_to_sample(64)? {
            shared.buffer_mut().sample(64, rng, &mut batch)?;
            assert_whole(&batch, &columns)?;
            let priorities: Vec<f32> = (0..64).map(|_| rng.random()).collect();
            shared.buffer_mut().set_priorities(batch.items(), &priorities)?;
            looks += 1;
            if looks % 500 == 0 {
                for held in numbers(shared.buffer(), &columns, WRITERS)? {
                    assert!(held.iter().copied().eq(0..held.len() as i64), "a prefix");
                }
            }
        }
        Ok(shared)
    })?;
    assert_eq!(shared.writers(), 0);
    for held in numbers(shared.buffer(), &columns, WRITERS)? {
        assert!(held.iter().copied().eq(0..ITEMS), "all of them, in order, once");
    }
    Ok(())
}

#[test]
fn sequences_stay_with_one_writer_while_old_items_make_room() -> Result<()> {
    const LENGTH: usize = 5;
    let (schema, columns) = columns()?;
    let shared = SharedBuffer::new(Buffer::new(schema, 300, Sequences::new(LENGTH)?)?);
    let shared = shared.with_block(7)?;
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut batch = Batch::new();
    let shared = thread::scope(|scope| -> Result<_> {
        let mut shared = shared;
        for name in 0..4 {
            let mut writer = shared.writer()?;
            scope.spawn(move || (0..5000).try_for_each(|number| push(&mut writer, name, number)));
        }
        while shared.wait_to_sample(1)? {
            match shared.buffer_mut().sample(8, rng, &mut batch) {
                Err(Error::NoSequence { .. }) => continue, // too early
                result => result?,
            }
            assert_whole(&batch, &columns)?;
            let writers = batch.values(columns.writer)?.chunks_exact(LENGTH);
            for (writers, numbers) in
                writers.zip(batch.values(columns.number)?.chunks_exact(LENGTH))
            {
                assert!(writers.iter().all(|writer| *writer == writers[0]), "{writers:?}");
                assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
            }
        }
        Ok(shared)
    })?;
    // The newest of each writer that are left follow each other up to its last.
    for held in numbers(shared.buffer(), &columns, 4)? {
        let oldest = 5000 - held.len() as i64;
        assert!(held.into_iter().eq(oldest..5000));
    }
    Ok(())
}

#[test]
fn an_item_is_seen_once_its_block_is_full_flushed_or_dropped() -> Result<()> {
    let (schema, columns) = columns()?;
    let mut shared = SharedBuffer::new(Buffer::new(schema, 100, Uniform::new())?).with_block(3)?;
    let mut writer = shared.writer()?;
    push(&mut writer, 0, 0)?;
    push(&mut writer, 0, 1)?;
    assert_eq!(shared.receive()?, 0);
    push(&mut writer, 0, 2)?;
    push(&mut writer, 0, 3)?;
    assert_eq!((shared.receive()?, shared.receive()?), (3, 0));
    writer.flush()?;
    writer.flush()?;
    assert_eq!((shared.receive()?, shared.writers()), (1, 1));
    push(&mut writer, 0, 4)?;
    drop(writer);
    assert_eq!((shared.receive()?, shared.writers()), (1, 0));
    assert!(!shared.wait_to_sample(1)?);
    assert_eq!(numbers(shared.buffer(), &columns, 1)?, [[0, 1, 2, 3, 4]]);
    Ok(())
}

#[test]
fn a_writer_says_when_it_is_full_and_when_nobody_is_there() -> Result<()> {
    let (schema, columns) = columns()?;
    let buffer = Buffer::new(schema, 100, Uniform::new())?;
    let mut shared = SharedBuffer::new(buffer).with_block(2)?.with_blocks(2)?;
    let mut writer = shared.writer()?;
    assert_eq!((writer.room(), writer.capacity()), (4, 4));
    for number in 0..4 {
        let payload = payload(0, number);
        writer.try_push(&[(&0_i64).into(), (&payload).into(), (&number).into()])?;
        assert_eq!(writer.room(), 3 - number as usize);
    }
    let (payload, zero) = (payload(0, 4), 0_i64);
    let item: [Value<'_>; 3] = [(&zero).into(), (&payload).into(), (&4_i64).into()];
    assert_eq!(
        writer.try_push(&item).unwrap_err().to_string(),
        "the writer has room for 4 items that have not been received: \
         receive, wait, or make it with more blocks"
    );
    assert_eq!(shared.receive()?, 4);
    writer.try_push(&item)?;
    assert_eq!(numbers(&shared.into_buffer(), &columns, 1)?, [[0, 1, 2, 3]]);
    assert!(matches!(writer.flush(), Err(Error::Gone)));
    assert!(matches!(writer.push(&item), Err(Error::Gone)));
    assert!(matches!(writer.try_push(&item), Err(Error::Gone)));
    Ok(())
}

#[test]
fn values_that_do_not_fit_are_refused_where_they_are_pushed() -> Result<()> {
    let (schema, columns) = columns()?;
    let mut shared = SharedBuffer::new(Buffer::new(schema, 100, Uniform::new())?).with_block(4)?;
    let mut writer = shared.writer()?;
    let (payload, zero, eight) = (payload(0, 0), 0_i64, 8_i64);
    let whole: [Value<'_>; 3] = [(&zero).into(), (&payload).into(), (&zero).into()];
    assert!(matches!(writer.push(&whole[..2]), Err(Error::ColumnCount { expected: 3, got: 2 })));
    let short = [whole[0], (&payload[1..]).into(), whole[2]];
    assert!(matches!(writer.push(&short), Err(Error::Length { got: 23, .. })));
    assert!(matches!(writer.push_batch(2, &whole), Err(Error::Length { rows: 2, .. })));
    let foreign = [(&eight).into(), whole[1], whole[2]];
    assert!(matches!(writer.push(&foreign), Err(Error::Stream { got: 8, streams: 8, .. })));
    writer.flush()?;
    assert_eq!(shared.receive()?, 0);

    let writers = [3_i64; 10];
    let payloads: Vec<f64> = (0..10).flat_map(|number| self::payload(3, number)).collect();
    let ten: Vec<i64> = (0..10).collect();
    writer.push_batch(10, &[(&writers).into(), (&payloads).into(), (&ten).into()])?;
    assert_eq!(shared.receive()?, 8);
    writer.flush()?;
    assert_eq!(shared.receive()?, 2);
    assert_eq!(numbers(shared.buffer(), &columns, 4)?[3], ten);
    writer.push(&whole)?;
    shared.close();
    writer.push(&whole)?; // noticed from one block to the next
    assert!(matches!(writer.flush(), Err(Error::Gone)));
    assert!(matches!(writer.push(&whole), Err(Error::Gone)));
    let mut another = shared.writer()?;
    another.push(&whole)?;
    drop(another);
    assert_eq!(shared.receive()?, 1);
    let message = SharedBuffer::new(shared.into_buffer()).with_block(0).unwrap_err().to_string();
    assert_eq!(message, "the number of items in a block must be at least 1, got 0");
    Ok(())
}

#[test]
fn a_panic_of_a_writer_loses_nothing_and_one_of_the_learner_stops_the_writers() -> Result<()> {
    let (schema, columns) = columns()?;
    let mut shared = SharedBuffer::new(Buffer::new(schema, 100, Uniform::new())?);
    let mut writer = shared.writer()?;
    let actor = thread::spawn(move || {
        push(&mut writer, 0, 0).expect("there is room");
        std::panic::resume_unwind(Box::new("the environment fell over"));
    });
    assert!(shared.wait_to_sample(1)?);
    assert!(actor.join().is_err());
    assert_eq!(numbers(shared.buffer(), &columns, 1)?, [[0]]);

    let mut writer = shared.writer()?;
    let actor = thread::spawn(move || {
        loop {
            if let Err(error) = push(&mut writer, 0, 0) {
                return error;
            }
        }
    });
    let learner = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5)); // the writer waits by now
        assert!(shared.buffer().len() == 1);
        std::panic::resume_unwind(Box::new("the network fell over"));
    });
    assert!(learner.join().is_err());
    assert!(matches!(actor.join().expect("no panic"), Error::Gone));
    Ok(())
}

/// What a learner samples from three writers of different speeds.
fn run_with_turns(limiter: Option<RateLimiter>, hurry: [u64; 3]) -> Result<Vec<i64>> {
    let (schema, columns) = columns()?;
    let buffer = Buffer::new(schema, 400, Uniform::new())?;
    let mut shared = SharedBuffer::new(buffer).with_block(8)?.with_blocks(2)?.with_turns(true);
    if let Some(limiter) = limiter {
        shared = shared.with_rate_limiter(limiter);
    }
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut batch, mut seen) = (Batch::new(), Vec::new());
    thread::scope(move |scope| {
        let mut shared = shared;
        for (name, pause) in hurry.into_iter().enumerate() {
            let mut writer = shared.writer()?;
            scope.spawn(move || {
                for number in 0..200 + 50 * name as i64 {
                    push(&mut writer, name as i64, number).expect("the learner is there");
                    if number % 25 == 0 {
                        thread::sleep(Duration::from_micros(pause));
                        writer.flush().expect("the learner is there");
                    }
                }
            });
        }
        while shared.wait_to_sample(16)? {
            shared.buffer_mut().sample(16, rng, &mut batch)?;
            assert_whole(&batch, &columns)?;
            let ids = batch.values(columns.writer)?.iter().zip(batch.values(columns.number)?);
            seen.extend(ids.map(|(writer, number)| writer * 1000 + number));
        }
        Ok(seen)
    })
}

#[test]
fn with_turns_the_threads_do_not_change_what_is_sampled() -> Result<()> {
    let limiter = || RateLimiter::new(2.5, 50, 40.0).map(Some);
    let (free, limited) = (run_with_turns(None, [0; 3])?, run_with_turns(limiter()?, [0; 3])?);
    assert_ne!(free, limited);
    assert!(limited.len() > 1500, "2.5 samples an item");
    for hurry in [[300, 0, 0], [0, 0, 300], [0, 200, 100]] {
        assert!(run_with_turns(None, hurry)? == free);
        assert!(run_with_turns(limiter()?, hurry)? == limited);
    }
    Ok(())
}

#[test]
fn a_rate_limiter_holds_the_writers_back_and_keeps_its_ratio() -> Result<()> {
    let (schema, columns) = columns()?;
    let limiter = RateLimiter::new(4.0, 100, 64.0)?;
    let buffer = Buffer::new(schema, 10_000, Uniform::new())?;
    let shared = SharedBuffer::new(buffer).with_block(32)?.with_rate_limiter(limiter);
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let (mut batch, mut samples) = (Batch::new(), 0_i64);
    let shared = thread::scope(|scope| -> Result<_> {
        let mut shared = shared;
        for name in 0..4 {
            let mut writer = shared.writer()?;
            scope.spawn(move || {
                (0..1000).for_each(|number| push(&mut writer, name, number).expect("it waits"));
            });
        }
        while shared.wait_to_sample(32)? {
            shared.buffer_mut().sample(32, rng, &mut batch)?;
            samples += 32;
            let received = shared.buffer().len() as i64;
            assert!(received >= 100, "not before there are 100");
            assert!((4 * (received - 100) - samples).abs() <= 64, "{received}, {samples}");
        }
        Ok(shared)
    })?;
    for held in numbers(shared.buffer(), &columns, 4)? {
        assert!(held.into_iter().eq(0..1000));
    }
    let counts = shared.rate_limiter().expect("it has one").counts();
    assert_eq!((counts.inserts, counts.samples as i64), (4000, samples));
    assert!(samples > 4 * 3900 - 64);
    Ok(())
}

#[test]
fn parts_in_front_push_to_a_writer_as_to_a_buffer() -> Result<()> {
    let mut schema = Schema::new();
    let environment = schema.column::<i64>("environment", &[])?;
    let goal = schema.column::<i64>("goal", &[])?;
    let reward = schema.column::<f32>("reward", &[])?;
    let discount = schema.column::<f32>("discount", &[])?;
    schema.mark_stream(environment, 2)?;

    let assemble = |sink: &mut dyn Sink| -> Result<()> {
        let mut steps = NStep::new(&schema, reward, discount, 3, 0.9)?;
        let arrived = |achieved: &[i64], goal: &[i64]| f32::from(achieved == goal);
        let strategy = GoalStrategy::Future(2);
        let mut hindsight = Hindsight::new(&schema, goal, reward, strategy, arrived)?;
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        for step in 0..50_i64 {
            let episode = Episode::from_flags(step % 20 == 19, step % 9 == 8);
            let values = [(&0_i64).into(), (&step).into(), (&0.5_f32).into(), (&1.0_f32).into()];
            steps.push(0, &values[..3], episode, sink)?;
            let values = [(&1_i64).into(), values[1], values[2], values[3]];
            hindsight.push(0, &values, &[step + 1], episode, rng, sink)?;
        }
        steps.flush(0, sink)?;
        hindsight.flush(0, rng, sink).map(drop)
    };
    let mut direct = Buffer::new(schema.clone(), 1000, Sequences::new(2)?)?;
    assemble(&mut direct)?;
    let mut shared = SharedBuffer::new(Buffer::new(schema.clone(), 1000, Sequences::new(2)?)?);
    let mut writer = shared.writer()?;
    thread::scope(|scope| {
        scope.spawn(|| {
            assemble(&mut writer).expect("it waits");
            drop(writer);
        });
        while shared.wait_to_sample(1)? {}
        Ok::<_, Error>(())
    })?;
    let (mut expected, mut got) = (Batch::new(), Batch::new());
    direct.gather(&direct.items().collect::<Vec<_>>(), &mut expected)?;
    shared.buffer().gather(&shared.buffer().items().collect::<Vec<_>>(), &mut got)?;
    assert_eq!(got.values(environment)?, expected.values(environment)?);
    assert_eq!(got.values(goal)?, expected.values(goal)?);
    assert_eq!(got.values(reward)?, expected.values(reward)?);
    assert_eq!(got.values(discount)?, expected.values(discount)?);
    assert_eq!(got.len(), 50 + 3 * 50);
    Ok(())
}
