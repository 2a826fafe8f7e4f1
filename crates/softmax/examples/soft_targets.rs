//! A teacher's probabilities at two temperatures, and a student's logits that learn them.
//!
//! `cargo run -p reflux-softmax --example soft_targets`

use ndarray::{Array2, Axis, array};
use reflux_softmax::{Distillation, Result, softmax};

fn main() -> Result<()> {
    // A teacher that is sure of each picture, but finds the second a little like a dog.
    let names = ["cat", "dog", "car"];
    let teacher = array![[9.0_f32, 2.0, -5.0], [7.0, 4.5, -4.0], [-6.0, -5.0, 8.0]];
    let labels = [0, 0, 2];
    println!("{:>14}{:>8}{:>8}{:>8}", "", names[0], names[1], names[2]);
    for temperature in [1.0, 4.0] {
        for row in softmax(&teacher, Axis(1), temperature)?.rows() {
            println!("teacher, T = {temperature}{:>8.4}{:>8.4}{:>8.4}", row[0], row[1], row[2]);
        }
    }

    // Gradient descent on the student's logits themselves: a model would stand in between.
    let loss = Distillation::new().with_temperature(4.0)?.with_alpha(0.1)?;
    let mut student = Array2::zeros(teacher.dim());
    let mut gradient = Array2::zeros(teacher.dim());
    for step in 0..=300 {
        let value = loss.value_and_gradient(&student, &teacher, Some(&labels), &mut gradient)?;
        student.scaled_add(-3.0, &gradient);
        if step % 100 == 0 {
            println!("step {step:>3}: loss {value:.4}");
        }
    }
    for row in softmax(&student, Axis(1), 4.0)?.rows() {
        println!("student, T = 4{:>8.4}{:>8.4}{:>8.4}", row[0], row[1], row[2]);
    }
    Ok(())
}
