//! Several actors in threads of their own and one learner, with n-step returns, prioritized replay and
//! a limit on how often each item is learnt from. The network is a table, so that all there is to see
//! is replay.
//!
//! A corridor of 30 rooms: the agent starts in the first and earns 1 when it leaves through the last.
//! The actors play by the table that the learner published last.
//!
//! `cargo run -p reflux-replay --example actors`

use std::sync::{Arc, RwLock};
use std::thread;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, Column, Episode, Error, NStep, Prioritized, RateLimiter, Result, Schema,
    SharedBuffer, Writer,
};

const ROOMS: usize = 30;
const TIME_LIMIT: usize = 200;
const ACTORS: usize = 4;
const STEPS: usize = 8_000;
const N: usize = 5;
const GAMMA: f64 = 0.95;
const EXPLORE: f64 = 0.3;
const LEARNING_RATE: f32 = 0.2;
const BATCH: usize = 32;
const PUBLISH_EVERY: usize = 20;

type Values = [[f32; 2]; ROOMS];

#[derive(Clone, Copy)]
struct Columns {
    room: Column<i64>,
    action: Column<i64>,
    reward: Column<f32>,
    next_room: Column<i64>,
    discount: Column<f32>,
}

fn main() -> Result<()> {
    let mut schema = Schema::new();
    let columns = Columns {
        room: schema.column("room", &[])?,
        action: schema.column("action", &[])?,
        reward: schema.column("reward", &[])?,
        next_room: schema.column("next_room", &[])?,
        discount: schema.column("discount", &[])?,
    };
    let buffer = Buffer::new(schema, 10_000, Prioritized::new())?;
    // Each item is learnt from 8 times on average, once there are 500 of them. Actors that are too
    // fast wait, because their items are not received.
    let limiter = RateLimiter::new(8.0, 500, 512.0)?;
    let mut shared = SharedBuffer::new(buffer).with_block(16)?.with_rate_limiter(limiter);

    let published = Arc::new(RwLock::new([[0.0; 2]; ROOMS]));
    let mut actors = Vec::new();
    for actor in 0..ACTORS {
        let (writer, published) = (shared.writer()?, Arc::clone(&published));
        actors.push(thread::spawn(move || act(actor as u64, &columns, writer, &published)));
    }
    learn(shared, &columns, &published)?;
    for actor in actors {
        actor.join().expect("an actor does not panic")?;
    }
    Ok(())
}

/// Plays, and pushes what it sees. When the writer is dropped at the end, the learner knows.
fn act(seed: u64, columns: &Columns, mut writer: Writer, published: &RwLock<Values>) -> Result<()> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut steps = NStep::new(writer.schema(), columns.reward, columns.discount, N, GAMMA)?
        .with_last(columns.next_room)?;
    let (mut room, mut length) = (0, 0);
    let mut values = [[0.0; 2]; ROOMS];
    for _ in 0..STEPS {
        if length == 0 {
            values = *published.read().expect("the learner does not panic");
        }
        let action = match values[room] {
            [left, right] if left != right && !rng.random_bool(EXPLORE) => {
                usize::from(right > left)
            }
            _ => rng.random_range(0..2),
        };
        let next = if action == 1 { room + 1 } else { room.saturating_sub(1) };
        length += 1;
        let episode = Episode::from_flags(next == ROOMS, length == TIME_LIMIT);
        let reward = if next == ROOMS { 1.0_f32 } else { 0.0 };
        let [here, action, there] = [room, action, next.min(ROOMS - 1)].map(|number| number as i64);
        let step = [(&here).into(), (&action).into(), (&reward).into(), (&there).into()];
        match steps.push(0, &step, episode, &mut writer) {
            // The learner has seen enough.
            Err(Error::Gone) => return Ok(()),
            result => _ = result?,
        }
        (room, length) = if episode.is_over() { (0, 0) } else { (next, length) };
    }
    steps.flush(0, &mut writer).map(drop)
}

/// Learns until it knows the way or the actors have stopped.
fn learn(
    mut shared: SharedBuffer<Prioritized>,
    columns: &Columns,
    published: &RwLock<Values>,
) -> Result<()> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let (mut values, mut target) = ([[0.0; 2]; ROOMS], [[0.0; 2]; ROOMS]);
    let (mut batch, mut errors, mut updates) = (Batch::new(), Vec::new(), 0_usize);
    let mut known = 0;
    while known < ROOMS && shared.wait_to_sample(BATCH)? {
        shared.buffer_mut().sample(BATCH, rng, &mut batch)?;
        update(&batch, columns, &mut values, &target, &mut errors)?;
        shared.buffer_mut().set_priorities(batch.items(), &errors)?;
        updates += 1;
        if updates.is_multiple_of(PUBLISH_EVERY) {
            target = values;
            *published.write().expect("an actor does not panic") = values;
            known = values.iter().filter(|[left, right]| right > left).count();
        }
        if updates.is_multiple_of(250) {
            println!("{updates:>5} updates: knows the way in {known:>2} of {ROOMS} rooms");
        }
    }
    let counts = shared.rate_limiter().expect("it was given one").counts();
    println!(
        "{known} rooms after {} items, each learnt from {:.1} times on average",
        counts.inserts,
        counts.samples as f64 / counts.inserts as f64
    );
    Ok(())
}

/// One update towards `reward + discount * max target`.
fn update(
    batch: &Batch,
    columns: &Columns,
    values: &mut Values,
    target: &Values,
    errors: &mut Vec<f32>,
) -> Result<()> {
    let rooms = batch.values(columns.room)?;
    let actions = batch.values(columns.action)?;
    let rewards = batch.values(columns.reward)?;
    let next_rooms = batch.values(columns.next_room)?;
    let discounts = batch.values(columns.discount)?;
    errors.clear();
    for (row, &weight) in batch.weights().iter().enumerate() {
        let [left, right] = target[next_rooms[row] as usize];
        let wanted = rewards[row] + discounts[row] * left.max(right);
        let value = &mut values[rooms[row] as usize][actions[row] as usize];
        let error = wanted - *value;
        *value += LEARNING_RATE * weight * error;
        errors.push(error.abs());
    }
    Ok(())
}
