//! Optimizers: each turns gradients into a change of the parameters.

mod adam;
mod sgd;
mod update;

use reflux_softmax::Real;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::{Error, Result};

/// Something that changes parameters, given the gradient with respect to each.
///
/// What it remembers between steps (momentum, moments) it sizes at its first step; from then on it
/// belongs to a network of that size.
pub trait Optimizer<F: Real> {
    /// Takes one step downhill.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there is one gradient a parameter, and as many as at the step before;
    /// nothing is then changed.
    fn step(&mut self, parameters: &mut [F], gradients: &[F]) -> Result<()>;

    /// The step size.
    fn learning_rate(&self) -> f64;

    /// Changes the step size: what a schedule calls before each step.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless it is finite and at least 0.
    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()>;
}

/// Scales `gradients` down, if need be, so that their Euclidean norm is at most `max_norm`; gives the
/// norm that they had (Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063).
pub fn clip_norm<F: Real>(gradients: &mut [F], max_norm: f64) -> f64 {
    let norm = gradients.iter().map(|g| g.as_f64() * g.as_f64()).sum::<f64>().sqrt();
    if norm > max_norm {
        let scale = F::from_f64(max_norm / norm);
        gradients.iter_mut().for_each(|g| *g *= scale);
    }
    norm
}

fn check_learning_rate(learning_rate: f64) -> Result<f64> {
    if learning_rate.is_finite() && learning_rate >= 0.0 {
        Ok(learning_rate)
    } else {
        Err(Error::config("learning rate", "finite and at least 0", learning_rate))
    }
}

fn check_weight_decay(weight_decay: f64) -> Result<f64> {
    if weight_decay.is_finite() && weight_decay >= 0.0 {
        Ok(weight_decay)
    } else {
        Err(Error::config("weight decay", "finite and at least 0", weight_decay))
    }
}

/// A rate of decay: of momentum, or of a running mean.
fn check_decay(name: &'static str, decay: f64) -> Result<f64> {
    if (0.0..1.0).contains(&decay) {
        Ok(decay)
    } else {
        Err(Error::config(name, "at least 0 and less than 1", decay))
    }
}

/// Checks the lengths, and sizes an optimizer's memory at its first step.
fn prepare<F: Real>(memory: &mut Vec<F>, parameters: &[F], gradients: &[F]) -> Result<()> {
    if memory.is_empty() {
        memory.resize(parameters.len(), F::zero());
    }
    for (what, got) in [("gradients", gradients.len()), ("the optimizer's memory", memory.len())] {
        if got != parameters.len() {
            return Err(Error::Shape { what, expected: vec![parameters.len()], got: vec![got] });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_the_direction_and_bounds_the_norm() {
        let mut gradients = [3.0, -4.0];
        assert_eq!(clip_norm(&mut gradients, 10.0), 5.0);
        assert_eq!(gradients, [3.0, -4.0]);
        assert_eq!(clip_norm(&mut gradients, 1.0), 5.0);
        assert_eq!(gradients, [3.0 * 0.2, -4.0 * 0.2]);
    }

    #[test]
    fn bad_settings_and_lengths_are_refused() {
        for rate in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Sgd::<f32>::new(rate).is_err());
            assert!(Adam::<f32>::new(rate).is_err());
        }
        assert!(Sgd::<f32>::new(0.1).unwrap().with_momentum(1.0).is_err());
        assert!(Adam::<f32>::new(0.1).unwrap().with_betas(0.9, 1.0).is_err());
        assert!(Adam::<f32>::new(0.1).unwrap().with_epsilon(0.0).is_err());
        assert!(Adam::<f32>::new(0.1).unwrap().with_weight_decay(-1.0).is_err());

        let mut adam = Adam::new(0.1).unwrap();
        assert!(matches!(adam.step(&mut [1.0, 2.0], &[1.0]), Err(Error::Shape { .. })));
        adam.step(&mut [1.0, 2.0], &[1.0, 1.0]).unwrap();
        assert!(matches!(adam.step(&mut [1.0], &[1.0]), Err(Error::Shape { .. })));
    }
}
