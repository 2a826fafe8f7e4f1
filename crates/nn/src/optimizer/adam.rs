//! Adam, and AdamW where weight decay is set.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
//! θ ← (1 − η·λ)·θ − η·(m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε)
//! ```
//!
//! Kingma & Ba 2015, arXiv:1412.6980; the decoupled decay: Loshchilov & Hutter 2019,
//! arXiv:1711.05101.

use reflux_softmax::Real;

use super::update::update;
use super::{
    Optimizer, OptimizerState, check_decay, check_learning_rate, check_weight_decay, prepare,
};
use crate::Result;
use crate::error::check_positive;

/// Adam: steps scaled by running means of the gradient and of its square.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam<F = f32> {
    learning_rate: f64,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
    steps: u64,
    mean: Vec<F>,
    square: Vec<F>,
}

impl<F: Real> Adam<F> {
    /// With the paper's β₁ 0.9, β₂ 0.999 and ε 1e-8, and no weight decay. The paper's learning rate
    /// is 0.001.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless the learning rate is finite and at least 0.
    pub fn new(learning_rate: f64) -> Result<Self> {
        Ok(Self {
            learning_rate: check_learning_rate(learning_rate)?,
            betas: (0.9, 0.999),
            epsilon: 1e-8,
            weight_decay: 0.0,
            steps: 0,
            mean: Vec::new(),
            square: Vec::new(),
        })
    }

    /// Sets the decay of the two running means.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless each is at least 0 and less than 1.
    pub fn with_betas(self, beta1: f64, beta2: f64) -> Result<Self> {
        Ok(Self { betas: (check_decay("beta1", beta1)?, check_decay("beta2", beta2)?), ..self })
    }

    /// Sets ε, which bounds the step where gradients vanish.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and above 0.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        Ok(Self { epsilon: check_positive("epsilon", epsilon)?, ..self })
    }

    /// Shrinks every parameter by the factor 1 − η·λ before each step, which makes this AdamW;
    /// PyTorch's default there is 0.01.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and at least 0.
    pub fn with_weight_decay(self, weight_decay: f64) -> Result<Self> {
        Ok(Self { weight_decay: check_weight_decay(weight_decay)?, ..self })
    }
}

const KIND: &str = "adam";

impl<F: Real> Optimizer<F> for Adam<F> {
    fn step(&mut self, parameters: &mut [F], gradients: &[F]) -> Result<()> {
        prepare(&mut self.mean, parameters, gradients)?;
        prepare(&mut self.square, parameters, gradients)?;
        self.steps += 1;
        let (beta1, beta2) = self.betas;
        // Past a few thousand steps the powers are 0, so the cast of a huge count does no harm.
        let t = self.steps.min(i32::MAX as u64) as i32;
        // η·m̂/(√v̂ + ε), with the corrections gathered into two constants.
        let root = (1.0 - beta2.powi(t)).sqrt();
        let rate = F::from_f64(self.learning_rate * root / (1.0 - beta1.powi(t)));
        let epsilon = F::from_f64(self.epsilon * root);
        let keep = F::from_f64(1.0 - self.learning_rate * self.weight_decay);
        let (beta1, rest1) = (F::from_f64(beta1), F::from_f64(1.0 - beta1));
        let (beta2, rest2) = (F::from_f64(beta2), F::from_f64(1.0 - beta2));
        let memory = [self.mean.as_mut_slice(), self.square.as_mut_slice()];
        update(
            parameters,
            gradients,
            memory,
            #[inline(always)]
            |parameter, gradient, [mean, square]| {
                let mean = beta1 * mean + rest1 * gradient;
                let square = beta2 * square + rest2 * gradient * gradient;
                (keep * parameter - rate * mean / (square.sqrt() + epsilon), [mean, square])
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
        OptimizerState::new(KIND, self.steps)
            .with_setting("learning_rate", self.learning_rate)
            .with_setting("beta1", self.betas.0)
            .with_setting("beta2", self.betas.1)
            .with_setting("epsilon", self.epsilon)
            .with_setting("weight_decay", self.weight_decay)
            .with_memory("mean", &self.mean)
            .with_memory("square", &self.square)
    }

    fn restore(&mut self, mut state: OptimizerState<F>) -> Result<()> {
        let mut restored = Self::new(state.setting(KIND, "learning_rate")?)?
            .with_betas(state.setting(KIND, "beta1")?, state.setting(KIND, "beta2")?)?
            .with_epsilon(state.setting(KIND, "epsilon")?)?
            .with_weight_decay(state.setting(KIND, "weight_decay")?)?;
        restored.steps = state.steps();
        [restored.mean, restored.square] = state.memories(KIND, ["mean", "square"])?;
        state.finish(KIND)?;
        *self = restored;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn three_steps_as_the_paper_writes_them() {
        let gradients = [0.5, -2.0, 0.25];
        let (mut theta, mut m, mut v): (f64, f64, f64) = (1.0, 0.0, 0.0);
        let mut adam = Adam::new(0.1).unwrap().with_weight_decay(0.2).unwrap();
        let mut parameters = [1.0];
        for (t, g) in gradients.into_iter().enumerate() {
            let t = t as i32 + 1;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (m_hat, v_hat) = (m / (1.0 - 0.9_f64.powi(t)), v / (1.0 - 0.999_f64.powi(t)));
            theta -= 0.1 * 0.2 * theta;
            theta -= 0.1 * m_hat / (v_hat.sqrt() + 1e-8);
            adam.step(&mut parameters, &[g]).unwrap();
            assert_relative_eq!(parameters[0], theta, max_relative = 1e-12);
        }
    }

    #[test]
    fn the_first_step_has_the_size_of_the_learning_rate() {
        for gradient in [1e-3, 1.0, 1e3] {
            let mut parameters = [0.0];
            Adam::new(0.01).unwrap().step(&mut parameters, &[gradient]).unwrap();
            assert_relative_eq!(parameters[0], -0.01, max_relative = 1e-4);
        }
    }
}
