//! A training loop of one's own with prioritized replay: estimates of 50 slot machines' mean pay,
//! learnt from single plays. The plays that surprise most are replayed most.
//!
//! `cargo run -p reflux-replay --example prioritized_loop`

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Prioritized, Result, Schema};

const MACHINES: usize = 50;
const STEPS: usize = 4000;

/// What a machine pays on average.
fn mean_pay(machine: usize) -> f32 {
    (machine as f32 * 0.7).sin() * 10.0
}

fn main() -> Result<()> {
    let mut schema = Schema::new();
    let machine = schema.column::<i64>("machine", &[])?;
    let pay = schema.column::<f32>("pay", &[])?;
    let mut buffer = Buffer::new(schema, 1000, Prioritized::new())?;
    println!("{} plays, {} bytes in all", buffer.capacity(), buffer.bytes());

    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
    let mut batch = Batch::new();
    let mut errors = Vec::new();
    let mut estimates = [0.0_f32; MACHINES];
    for step in 0..STEPS {
        // Act: play a machine, and remember what it paid.
        let played = rng.random_range(0..MACHINES);
        let paid = mean_pay(played) + rng.random_range(-1.0..1.0);
        buffer.push(&[(&(played as i64)).into(), (&paid).into()])?;

        // Learn: each weight takes back what its play's priority adds to how often it is seen.
        buffer.set_progress(step as f64 / STEPS as f64)?;
        buffer.sample(32, rng, &mut batch)?;
        errors.clear();
        let plays = batch.values(machine)?.iter().zip(batch.values(pay)?).zip(batch.weights());
        for ((&machine, &pay), &weight) in plays {
            let estimate = &mut estimates[machine as usize];
            let error = pay - *estimate;
            *estimate += 0.02 * weight * error;
            errors.push(error.abs());
        }
        buffer.set_priorities(batch.items(), &errors)?;

        if (step + 1) % 500 == 0 {
            let squares = (0..MACHINES).map(|m| (estimates[m] - mean_pay(m)).powi(2));
            let rms = (squares.sum::<f32>() / MACHINES as f32).sqrt();
            println!(
                "step {:>4}  beta {:.2}  rms error {rms:.3}",
                step + 1,
                buffer.sampler().beta()
            );
        }
    }
    Ok(())
}
