//! Trains a linear classifier of points in the plane with the cross-entropy and its gradient.
//!
//! `cargo run -p reflux-softmax --example classification`

use ndarray::{Array2, Axis, array};
use reflux_softmax::{CrossEntropy, Result, softmax};

fn main() -> Result<()> {
    // Three classes around three corners, and a column of ones for the bias.
    let points = array![
        [0.1_f32, 0.2, 1.0],
        [0.3, -0.1, 1.0],
        [3.9, 0.2, 1.0],
        [4.2, -0.2, 1.0],
        [0.0, 4.1, 1.0],
        [0.2, 3.8, 1.0],
    ];
    let labels = [0, 0, 1, 1, 2, 2];
    let loss = CrossEntropy::new().with_label_smoothing(0.05)?;

    let mut weights = Array2::zeros((3, 3));
    let mut gradient = Array2::zeros((6, 3));
    for step in 0..=200 {
        let logits = points.dot(&weights);
        let value = loss.value_and_gradient(&logits, &labels, &mut gradient)?;
        // The chain rule: the loss gives the gradient of the logits, the model the rest.
        weights = weights - points.t().dot(&gradient) * 0.5;
        if step % 50 == 0 {
            println!("step {step:>3}: loss {value:.4}");
        }
    }

    let p = softmax(&points.dot(&weights), Axis(1), 1.0)?;
    for ((point, p), label) in points.rows().into_iter().zip(p.rows()).zip(labels) {
        println!("({:>4}, {:>4}) is of class {label}: {p:.2}", point[0], point[1]);
    }
    Ok(())
}
