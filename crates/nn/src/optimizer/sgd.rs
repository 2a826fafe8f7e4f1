//! Stochastic gradient descent with momentum.
//!
//! ```text
//! v ← μ·v + g        θ ← θ − η·v            (Nesterov: θ ← θ − η·(g + μ·v))
//! ```
//!
//! as PyTorch does it. Momentum: Sutskever et al. 2013, "On the importance of initialization and
//! momentum in deep learning".

use reflux_softmax::Real;

use super::update::update;
use super::{
    Optimizer, OptimizerState, check_decay, check_learning_rate, check_weight_decay, prepare,
};
use crate::Result;

/// Stochastic gradient descent, with momentum, Nesterov's form of it, and decoupled weight decay.
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd<F = f32> {
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
    velocity: Vec<F>,
}

impl<F: Real> Sgd<F> {
    /// Plain gradient descent.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless the learning rate is finite and at least 0.
    pub fn new(learning_rate: f64) -> Result<Self> {
        Ok(Self {
            learning_rate: check_learning_rate(learning_rate)?,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            velocity: Vec::new(),
        })
    }

    /// Sets the momentum μ; 0.9 is usual.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is at least 0 and less than 1.
    pub fn with_momentum(self, momentum: f64) -> Result<Self> {
        Ok(Self { momentum: check_decay("momentum", momentum)?, ..self })
    }

    /// Looks ahead along the velocity. Without momentum it changes nothing.
    pub fn with_nesterov(self, nesterov: bool) -> Self {
        Self { nesterov, ..self }
    }

    /// Shrinks every parameter by the factor 1 − η·λ before each step. Without momentum this is the
    /// same as an L2 penalty λ/2·|θ|²; with it, it is not (Loshchilov & Hutter 2019,
    /// arXiv:1711.05101).
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and at least 0.
    pub fn with_weight_decay(self, weight_decay: f64) -> Result<Self> {
        Ok(Self { weight_decay: check_weight_decay(weight_decay)?, ..self })
    }
}

const KIND: &str = "sgd";

impl<F: Real> Optimizer<F> for Sgd<F> {
    fn step(&mut self, parameters: &mut [F], gradients: &[F]) -> Result<()> {
        prepare(&mut self.velocity, parameters, gradients)?;
        let rate = F::from_f64(self.learning_rate);
        let momentum = F::from_f64(self.momentum);
        let keep = F::from_f64(1.0 - self.learning_rate * self.weight_decay);
        let nesterov = self.nesterov;
        update(
            parameters,
            gradients,
            [self.velocity.as_mut_slice()],
            #[inline(always)]
            |parameter, gradient, [velocity]| {
                let velocity = momentum * velocity + gradient;
                let step = if nesterov { gradient + momentum * velocity } else { velocity };
                (keep * parameter - rate * step, [velocity])
            },
        );
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        self.learning_rate = check_learning_rate(learning_rate)?;
        Ok(())
    }

    fn state(&self) -> OptimizerState<F> {
        OptimizerState::new(KIND, 0)
            .with_setting("learning_rate", self.learning_rate)
            .with_setting("momentum", self.momentum)
            .with_setting("nesterov", f64::from(u8::from(self.nesterov)))
            .with_setting("weight_decay", self.weight_decay)
            .with_memory("velocity", &self.velocity)
    }

    fn restore(&mut self, mut state: OptimizerState<F>) -> Result<()> {
        let mut restored = Self::new(state.setting(KIND, "learning_rate")?)?
            .with_momentum(state.setting(KIND, "momentum")?)?
            .with_nesterov(state.setting(KIND, "nesterov")? != 0.0)
            .with_weight_decay(state.setting(KIND, "weight_decay")?)?;
        [restored.velocity] = state.memories(KIND, ["velocity"])?;
        state.finish(KIND)?;
        *self = restored;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    /// Two steps on gradients 2 and then 1 from θ = 1.
    fn two_steps(mut sgd: Sgd<f64>) -> f64 {
        let mut parameters = [1.0];
        sgd.step(&mut parameters, &[2.0]).unwrap();
        sgd.step(&mut parameters, &[1.0]).unwrap();
        parameters[0]
    }

    #[test]
    fn two_steps_by_hand() {
        let plain = || Sgd::new(0.1).unwrap();
        assert_relative_eq!(two_steps(plain()), 1.0 - 0.2 - 0.1);
        // Velocities 2 and 0.5·2 + 1 = 2.
        let heavy = || plain().with_momentum(0.5).unwrap();
        assert_relative_eq!(two_steps(heavy()), 1.0 - 0.2 - 0.2);
        // Steps 2 + 0.5·2 = 3 and 1 + 0.5·2 = 2.
        assert_relative_eq!(two_steps(heavy().with_nesterov(true)), 1.0 - 0.3 - 0.2);
        // (1·0.95 − 0.2)·0.95 − 0.1.
        let decayed = plain().with_weight_decay(0.5).unwrap();
        assert_relative_eq!(two_steps(decayed), (0.95 - 0.2) * 0.95 - 0.1);
    }
}
