//! A prioritized buffer of integers, which draws the one that has all the priority.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reflux_replay::{Batch, Buffer, Prioritized, Schema};

fn main() -> Result<(), reflux_replay::Error> {
    let mut schema = Schema::new();
    let number = schema.column::<i64>("number", &[])?;
    let mut buffer = Buffer::new(schema, 100, Prioritized::new())?;
    for n in 0..150_i64 {
        buffer.push(&[(&n).into()])?;
    }
    assert_eq!(buffer.len(), 100);

    // All but 77 get a priority a millionth of its own.
    let (rng, mut batch) = (&mut Xoshiro256PlusPlus::seed_from_u64(0), Batch::new());
    for _ in 0..50 {
        buffer.sample(100, rng, &mut batch)?;
        let numbers = batch.values(number)?;
        assert!(numbers.iter().all(|n| (50..150).contains(n)));
        let new: Vec<f32> = numbers.iter().map(|&n| if n == 77 { 1.0 } else { 1e-12 }).collect();
        buffer.set_priorities(batch.items(), &new)?;
    }
    buffer.sample(32, rng, &mut batch)?;
    let often = batch.values(number)?.iter().filter(|&&n| n == 77).count();
    assert!(often >= 30, "{often} of 32");
    println!("replay: {often} of 32 draws have the highest priority");
    Ok(())
}
