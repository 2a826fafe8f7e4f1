//! The loop of DQN with n-step returns, prioritized replay, several environments and a limit on how
//! often each step is learnt from. The network is a table, so that all there is to see is replay.
//!
//! A corridor of 30 rooms: the agent starts in the first and earns 1 when it leaves through the
//! last. Single steps carry the news of it back one room at a time, items of n steps n rooms.
//!
//! `cargo run -p reflux-replay --example dqn_loop`

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{
    Batch, Buffer, Column, Episode, NStep, Prioritized, RateLimiter, Result, Schema,
};

const ROOMS: usize = 30;
const TIME_LIMIT: usize = 200;
const ENVIRONMENTS: usize = 4;
const STEPS: usize = 4_000;
const GAMMA: f64 = 0.95;
const EXPLORE: f64 = 0.3;
const LEARNING_RATE: f32 = 0.2;
const BATCH: usize = 32;
/// Steps of learning between two copies of the table into the target's.
const TARGET_EVERY: usize = 20;

type Values = [[f32; 2]; ROOMS];

struct Columns {
    room: Column<i64>,
    action: Column<i64>,
    reward: Column<f32>,
    next_room: Column<i64>,
    discount: Column<f32>,
}

fn main() -> Result<()> {
    for n in [1, 3, 5] {
        println!("n = {n}");
        run(n)?;
    }
    Ok(())
}

fn run(n: usize) -> Result<()> {
    let mut schema = Schema::new();
    let columns = Columns {
        room: schema.column("room", &[])?,
        action: schema.column("action", &[])?,
        reward: schema.column("reward", &[])?,
        next_room: schema.column("next_room", &[])?,
        discount: schema.column("discount", &[])?,
    };
    let mut buffer = Buffer::new(schema, 10_000, Prioritized::new())?;
    let mut steps = NStep::new(buffer.schema(), columns.reward, columns.discount, n, GAMMA)?
        .with_last(columns.next_room)?
        .with_environments(ENVIRONMENTS)?;
    // Each item is learnt from 8 times on average, once there are 500 of them. As one thread does
    // both, it must never have to wait for itself: the error buffer has room for all the items that
    // come between two updates, even if all episodes end at once.
    let most = (ENVIRONMENTS * n) as f64;
    let limiter = RateLimiter::new(8.0, 500, 8.0 * most + BATCH as f64)?;

    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let (mut values, mut target) = ([[0.0; 2]; ROOMS], [[0.0; 2]; ROOMS]);
    let (mut batch, mut errors, mut updates) = (Batch::new(), Vec::new(), 0);
    // The room of each environment, and how long its episode has lasted.
    let mut places = [(0, 0); ENVIRONMENTS];
    for step in 0..STEPS {
        for (environment, (room, length)) in places.iter_mut().enumerate() {
            // Act, with some exploration.
            let action = match values[*room] {
                [left, right] if left != right && !rng.random_bool(EXPLORE) => {
                    usize::from(right > left)
                }
                _ => rng.random_range(0..2),
            };
            let next = if action == 1 { *room + 1 } else { room.saturating_sub(1) };
            *length += 1;
            let episode = Episode::from_flags(next == ROOMS, *length == TIME_LIMIT);
            let reward = if next == ROOMS { 1.0_f32 } else { 0.0 };

            // Remember: the columns of one step, without the discount. Items follow n steps later.
            let [room_now, action, next_room] =
                [*room, action, next.min(ROOMS - 1)].map(|number| number as i64);
            let one_step =
                [(&room_now).into(), (&action).into(), (&reward).into(), (&next_room).into()];
            let items = steps.push(environment, &one_step, episode, &mut buffer)?;
            limiter.wait_to_insert(items)?;
            (*room, *length) = if episode.is_over() { (0, 0) } else { (next, *length) };
        }

        // Learn, as often as the limiter allows.
        buffer.set_progress(step as f64 / STEPS as f64)?;
        while limiter.try_to_sample(BATCH)? {
            buffer.sample(BATCH, rng, &mut batch)?;
            learn(&batch, &columns, &mut values, &target, &mut errors)?;
            buffer.set_priorities(batch.items(), &errors)?;
            updates += 1;
            if updates % TARGET_EVERY == 0 {
                target = values;
            }
        }
        if (step + 1) % 500 == 0 {
            let known = values.iter().filter(|[left, right]| right > left).count();
            println!(
                "  step {:>5} of {ENVIRONMENTS} environments, {updates:>4} updates: knows the way \
                 in {known:>2} of {ROOMS} rooms",
                step + 1
            );
        }
    }
    Ok(())
}

/// One update towards `reward + discount * max target`, which is right for any n and either end.
fn learn(
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
