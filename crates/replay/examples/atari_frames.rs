//! A buffer shaped like those of Atari agents: stacks of four 84x84 images and the next stacks, from
//! eight environments taking turns, with every image kept once. It prints what the memory is for, and
//! what the same buffer would take without sharing.
//!
//! `cargo run --release -p reflux-replay --example atari_frames`

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Prioritized, Result, Schema};

const ENVIRONMENTS: usize = 8;
const STACK: usize = 4;
const IMAGE: usize = 84 * 84;
const CAPACITY: usize = 20_000;
const STEPS: usize = 25_000;

/// A game of Pong without an opponent: a ball that moves, on a court that does not.
struct Game {
    step: usize,
    /// The last four images, oldest first.
    stack: Vec<u8>,
}

impl Game {
    fn reset(rng: &mut impl Rng) -> Self {
        let mut game = Self { step: rng.random_range(0..1000), stack: Vec::new() };
        let image = game.image();
        game.stack = image.repeat(STACK);
        game
    }

    fn image(&self) -> Vec<u8> {
        let mut image = vec![87; IMAGE];
        let bounce = |n: usize| if n % 160 < 80 { n % 80 } else { 79 - n % 80 };
        let (x, y) = (bounce(2 * self.step), bounce(3 * self.step + 11));
        for dy in 0..4 {
            image[(y + dy) * 84 + x..][..4].fill(236);
        }
        image
    }

    fn advance(&mut self) {
        self.step += 1;
        let image = self.image();
        self.stack.drain(..IMAGE);
        self.stack.extend(image);
    }
}

fn main() -> Result<()> {
    let mut schema = Schema::new();
    let observation = schema.column::<u8>("observation", &[STACK, 84, 84])?;
    schema.column::<i64>("action", &[])?;
    schema.column::<f32>("reward", &[])?;
    let next = schema.column::<u8>("next_observation", &[STACK, 84, 84])?;
    let terminated = schema.column::<bool>("terminated", &[])?;
    let environment = schema.column::<i64>("environment", &[])?;
    schema.share_frames(&[observation, next])?;
    schema.mark_stream(environment, ENVIRONMENTS)?;
    schema.mark_episode_end(terminated)?;
    let unshared = schema.bytes_per_item();
    let mut buffer = Buffer::new(schema, CAPACITY, Prioritized::new())?;
    print!("{}", buffer.account());
    let per_item = buffer.account().per_item();
    println!(
        "\nwithout sharing, an item would take {unshared} bytes: {:.1} times as many\n",
        unshared as f64 / per_item
    );

    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut games: Vec<Game> = (0..ENVIRONMENTS).map(|_| Game::reset(rng)).collect();
    for step in 0..STEPS {
        let turn = step % ENVIRONMENTS;
        let seen = games[turn].stack.clone();
        games[turn].advance();
        let ended = rng.random_range(0..200) == 0;
        buffer.push(&[
            (&seen).into(),
            (&0_i64).into(),
            (&0.0_f32).into(),
            (&games[turn].stack).into(),
            (&ended).into(),
            (&(turn as i64)).into(),
        ])?;
        if ended {
            games[turn] = Game::reset(rng);
        }
    }
    println!("{} items in {} images", buffer.len(), buffer.frames());

    let mut batch = Batch::new();
    buffer.sample(32, rng, &mut batch)?;
    println!("a batch of observations: {:?}", batch.array(observation)?.shape());
    Ok(())
}
