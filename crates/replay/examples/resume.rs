//! A training loop that saves its buffer and goes on after the program has ended: run it again, or stop
//! it with Ctrl-C at any moment and run it again. It does what it would have done without the stop.
//!
//! `cargo run --release -p reflux-replay --example resume [FOLDER]`

use std::error::Error;
use std::path::PathBuf;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Checkpoint, Prioritized, Schema};

const STEPS: u64 = 50_000;
const STEPS_PER_RUN: u64 = 20_000;
const STEPS_PER_SAVE: u64 = 5000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("reflux-resume"));
    let mut schema = Schema::new();
    let number = schema.column::<f64>("number", &[])?;
    let builder = Buffer::builder(schema, 10_000);

    let mut checkpoint = Checkpoint::new(&folder);
    // Besides the buffer: the step, the random generator, and what is learnt, the mean of the numbers
    // that are drawn. It is saved bit by bit; in JSON's decimals, the last bit could be lost.
    let (mut buffer, (mut step, mut rng, learnt)) = if checkpoint.exists()? {
        let (buffer, extra) = checkpoint.load(builder, Prioritized::new())?;
        (buffer, serde_json::from_slice(&extra)?)
    } else {
        let rng = Xoshiro256PlusPlus::seed_from_u64(0);
        (builder.build(Prioritized::new())?, (0, rng, 0))
    };
    let mut estimate = f64::from_bits(learnt);
    println!("{} at step {step}, {} items", folder.display(), buffer.len());

    let mut batch = Batch::new();
    let end = STEPS.min(step + STEPS_PER_RUN);
    while step < end {
        let seen: f64 = rng.random();
        buffer.push(&[(&seen).into()])?;
        buffer.sample(8, &mut rng, &mut batch)?;
        let numbers = batch.values(number)?;
        let errors: Vec<f32> = numbers.iter().map(|x| (x - estimate).abs() as f32).collect();
        estimate += 0.01 * (numbers.iter().sum::<f64>() / 8.0 - estimate);
        buffer.set_priorities(batch.items(), &errors)?;

        step += 1;
        if step.is_multiple_of(STEPS_PER_SAVE) {
            let extra = serde_json::to_vec(&(step, &rng, estimate.to_bits()))?;
            let saved = checkpoint.save(&buffer, &extra)?;
            let (items, bytes) = (saved.items, saved.bytes);
            println!("step {step:>6}  estimate {estimate:.15}  saved {items} items, {bytes} bytes");
        }
    }
    if step == STEPS {
        println!("done; remove {} to begin again", folder.display());
    } else {
        println!("run it again to go on");
    }
    Ok(())
}
