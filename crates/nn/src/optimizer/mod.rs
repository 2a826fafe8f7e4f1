//! Optimizers: each turns gradients into a change of the parameters.

mod adam;
mod rms_prop;
mod sgd;
mod state;
mod update;

use reflux_softmax::Real;

pub use adam::Adam;
pub use rms_prop::RmsProp;
pub use sgd::Sgd;
pub use state::OptimizerState;

use crate::matmul::dot_product;
use crate::{Error, Result};

/// Something that changes parameters, given the gradient with respect to each.
///
/// What it remembers between steps (momentum, moments) it sizes at its first step; from then on it
/// belongs to a network of that size.
///
/// Weight decay is decoupled everywhere (Loshchilov & Hutter 2019, arXiv:1711.05101): it shrinks the
/// parameters and leaves the gradient alone. An L2 penalty λ/2·|θ|², which is what PyTorch's `SGD`,
/// `RMSprop` and `Adam` call weight decay, is had by adding λ·θ to the gradients before the step.
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

    /// Its settings, its count of steps and its memory, for a checkpoint.
    fn state(&self) -> OptimizerState<F>;

    /// Becomes the optimizer that `state` was taken from, settings and learning rate included.
    ///
    /// # Errors
    ///
    /// [`Error::State`] for the state of another kind of optimizer, or for one that lacks something,
    /// holds something unknown, or whose memories disagree; [`Error::Config`] for a setting out of
    /// range. Nothing is then changed.
    fn restore(&mut self, state: OptimizerState<F>) -> Result<()>;
}

/// Scales `gradients` down, if need be, so that their Euclidean norm is at most `max_norm`; gives the
/// norm that they had (Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063).
///
/// The factor is `max_norm/(norm + 1e-6)`, or 1 where that is less, as in PyTorch's
/// `clip_grad_norm_`. A norm that is NaN leaves the gradients as they are.
pub fn clip_norm<F: Real>(gradients: &mut [F], max_norm: f64) -> f64 {
    // Vectors within a portion, f64 between them: fast, and as exact as the gradients are.
    let portions = gradients.chunks(4096).map(|part| dot_product(part, part).as_f64());
    let norm = portions.sum::<f64>().sqrt();
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        let factor = F::from_f64(factor);
        gradients.iter_mut().for_each(|g| *g *= factor);
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
        let factor = 1.0 / (5.0 + 1e-6);
        assert_eq!(gradients, [3.0 * factor, -4.0 * factor]);
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

        let rms_prop = || RmsProp::<f32>::new(0.1).unwrap();
        assert!(RmsProp::<f32>::new(f64::NAN).is_err());
        assert!(rms_prop().with_alpha(1.0).is_err() && rms_prop().with_momentum(-0.1).is_err());
        assert!(
            rms_prop().with_epsilon(-1e-8).is_err() && rms_prop().with_weight_decay(-1.0).is_err()
        );

        let mut adam = Adam::new(0.1).unwrap();
        assert!(matches!(adam.step(&mut [1.0, 2.0], &[1.0]), Err(Error::Shape { .. })));
        adam.step(&mut [1.0, 2.0], &[1.0, 1.0]).unwrap();
        assert!(matches!(adam.step(&mut [1.0], &[1.0]), Err(Error::Shape { .. })));
    }
}
