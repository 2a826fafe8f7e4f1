//! Probabilities, and the gradient of a distillation loss.

use ndarray::{Array2, Axis, array};
use reflux_softmax::{Distillation, softmax};

fn main() -> Result<(), reflux_softmax::Error> {
    let logits = array![[0.0_f64, 3.0_f64.ln()]];
    let probabilities = softmax(&logits, Axis(1), 1.0)?;
    assert!((probabilities[[0, 0]] - 0.25).abs() < 1e-12);

    // Where a student agrees with its teacher there is nothing left to learn.
    let mut gradient = Array2::zeros(logits.dim());
    let loss = Distillation::new().with_temperature(4.0)?.with_alpha(0.0)?;
    loss.value_and_gradient(&logits, &logits, None, &mut gradient)?;
    assert!(gradient.iter().all(|g| g.abs() < 1e-12));
    println!("softmax: {probabilities:.2}");
    Ok(())
}
