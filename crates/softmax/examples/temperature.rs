//! Prints what temperature does to one row of logits.
//!
//! `cargo run -p reflux-softmax --example temperature`

use ndarray::{Axis, array};
use reflux_softmax::{Result, softmax};

fn main() -> Result<()> {
    // The logits of a network that is sure of a 2, and finds it a little like a 7 and a 3.
    let logits = array![-6.0_f32, -2.0, 12.0, 4.0, -7.0, -5.0, -8.0, 6.0, 1.0, -4.0];
    println!("class        {}", (0..10).map(|class| format!("{class:>8}")).collect::<String>());
    for temperature in [0.5, 1.0, 2.0, 4.0, 8.0, 20.0] {
        let p = softmax(&logits, Axis(0), temperature)?;
        let row: String = p.iter().map(|p| format!("{p:>8.4}")).collect();
        println!("T = {temperature:<9}{row}");
    }
    Ok(())
}
