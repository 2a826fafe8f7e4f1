//! RMSProp: steps divided by a running root mean square of the gradient.
//!
//! ```text
//! s ← α·s + (1 − α)·g²        centered: m ← m + (1 − α)·(g − m),  s' = s − m²; otherwise s' = s
//! d = g/(√s' + ε)             v ← μ·v + d
//! θ ← (1 − η·λ)·θ − η·v       (without momentum, θ ← (1 − η·λ)·θ − η·d)
//! ```
//!
//! Tieleman & Hinton 2012, "Lecture 6.5: rmsprop"; centered and with momentum: Graves 2013,
//! arXiv:1308.0850. The order of operations is PyTorch's: ε is added after the root.

use reflux_softmax::Real;

use super::update::update;
use super::{
    Optimizer, OptimizerState, check_decay, check_learning_rate, check_weight_decay, prepare,
};
use crate::Result;
use crate::error::check_positive;

/// RMSProp, plain or centered, with momentum and decoupled weight decay.
///
/// PyTorch's `weight_decay` of RMSProp is another: it adds λ·θ to the gradient. Whoever needs that
/// adds it to [`Workspace::gradients_mut`](crate::Workspace::gradients_mut) before the step.
///
/// # Example
///
/// What Mnih et al. 2015 train their DQN with:
///
/// ```
/// use reflux_nn::{Optimizer, RmsProp};
///
/// let mut rms_prop = RmsProp::new(0.00025)?
///     .with_alpha(0.95)?
///     .with_epsilon(0.01)?
///     .with_centered(true)
///     .with_momentum(0.95)?;
/// let mut parameters = [1.0_f32];
/// rms_prop.step(&mut parameters, &[2.0])?;
/// assert!(parameters[0] < 1.0);
/// # Ok::<(), reflux_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RmsProp<F = f32> {
    learning_rate: f64,
    alpha: f64,
    epsilon: f64,
    centered: bool,
    momentum: f64,
    weight_decay: f64,
    square: Vec<F>,
    /// Empty unless it is centered.
    mean: Vec<F>,
    /// Empty unless there is momentum.
    velocity: Vec<F>,
}

impl<F: Real> RmsProp<F> {
    /// With PyTorch's α 0.99 and ε 1e-8, not centered, without momentum or weight decay; its learning
    /// rate is 0.01.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless the learning rate is finite and at least 0.
    pub fn new(learning_rate: f64) -> Result<Self> {
        Ok(Self {
            learning_rate: check_learning_rate(learning_rate)?,
            alpha: 0.99,
            epsilon: 1e-8,
            centered: false,
            momentum: 0.0,
            weight_decay: 0.0,
            square: Vec::new(),
            mean: Vec::new(),
            velocity: Vec::new(),
        })
    }

    /// Sets the decay α of the running means.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is at least 0 and less than 1.
    pub fn with_alpha(self, alpha: f64) -> Result<Self> {
        Ok(Self { alpha: check_decay("alpha", alpha)?, ..self })
    }

    /// Sets ε, which bounds the step where gradients vanish.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and above 0.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        Ok(Self { epsilon: check_positive("epsilon", epsilon)?, ..self })
    }

    /// Divides by the running deviation of the gradient in place of its root mean square. Before the
    /// first step.
    pub fn with_centered(self, centered: bool) -> Self {
        Self { centered, ..self }
    }

    /// Sets the momentum μ. Before the first step.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is at least 0 and less than 1.
    pub fn with_momentum(self, momentum: f64) -> Result<Self> {
        Ok(Self { momentum: check_decay("momentum", momentum)?, ..self })
    }

    /// Shrinks every parameter by the factor 1 − η·λ before each step.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and at least 0.
    pub fn with_weight_decay(self, weight_decay: f64) -> Result<Self> {
        Ok(Self { weight_decay: check_weight_decay(weight_decay)?, ..self })
    }
}

/// The settings as the step needs them.
#[derive(Clone, Copy)]
struct Factors<F> {
    alpha: F,
    rest: F,
    epsilon: F,
    momentum: F,
    rate: F,
    keep: F,
}

impl<F: Real> Factors<F> {
    /// One parameter's step, from the running square, mean and velocity; the last two are looked at
    /// where there is use for them.
    #[inline(always)]
    fn step<const CENTERED: bool, const MOMENTUM: bool>(
        self,
        parameter: F,
        gradient: F,
        [mut square, mut mean, mut velocity]: [F; 3],
    ) -> (F, [F; 3]) {
        square = self.alpha * square + self.rest * gradient * gradient;
        let mut spread = square;
        if CENTERED {
            mean += self.rest * (gradient - mean);
            // Rounding may take the difference below 0.
            spread = (spread - mean * mean).max(F::zero());
        }
        let mut step = gradient / (spread.sqrt() + self.epsilon);
        if MOMENTUM {
            velocity = self.momentum * velocity + step;
            step = velocity;
        }
        (self.keep * parameter - self.rate * step, [square, mean, velocity])
    }
}

const KIND: &str = "rms_prop";

impl<F: Real> Optimizer<F> for RmsProp<F> {
    fn step(&mut self, parameters: &mut [F], gradients: &[F]) -> Result<()> {
        prepare(&mut self.square, parameters, gradients)?;
        if self.centered {
            prepare(&mut self.mean, parameters, gradients)?;
        }
        let has_momentum = self.momentum > 0.0;
        if has_momentum {
            prepare(&mut self.velocity, parameters, gradients)?;
        }
        let factors = Factors {
            alpha: F::from_f64(self.alpha),
            rest: F::from_f64(1.0 - self.alpha),
            epsilon: F::from_f64(self.epsilon),
            momentum: F::from_f64(self.momentum),
            rate: F::from_f64(self.learning_rate),
            keep: F::from_f64(1.0 - self.learning_rate * self.weight_decay),
        };
        let (square, mean, velocity) = (&mut self.square, &mut self.mean, &mut self.velocity);
        let zero = F::zero();
        match (self.centered, has_momentum) {
            (false, false) => update(
                parameters,
                gradients,
                [square],
                #[inline(always)]
                |p, g, [s]| {
                    let (p, [s, ..]) = factors.step::<false, false>(p, g, [s, zero, zero]);
                    (p, [s])
                },
            ),
            (false, true) => update(
                parameters,
                gradients,
                [square, velocity],
                #[inline(always)]
                |p, g, [s, v]| {
                    let (p, [s, _, v]) = factors.step::<false, true>(p, g, [s, zero, v]);
                    (p, [s, v])
                },
            ),
            (true, false) => update(
                parameters,
                gradients,
                [square, mean],
                #[inline(always)]
                |p, g, [s, m]| {
                    let (p, [s, m, _]) = factors.step::<true, false>(p, g, [s, m, zero]);
                    (p, [s, m])
                },
            ),
            (true, true) => update(
                parameters,
                gradients,
                [square, mean, velocity],
                #[inline(always)]
                |p, g, memory| factors.step::<true, true>(p, g, memory),
            ),
        }
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
            .with_setting("alpha", self.alpha)
            .with_setting("epsilon", self.epsilon)
            .with_setting("centered", f64::from(u8::from(self.centered)))
            .with_setting("momentum", self.momentum)
            .with_setting("weight_decay", self.weight_decay)
            .with_memory("square", &self.square)
            .with_memory("mean", &self.mean)
            .with_memory("velocity", &self.velocity)
    }

    fn restore(&mut self, mut state: OptimizerState<F>) -> Result<()> {
        let mut restored = Self::new(state.setting(KIND, "learning_rate")?)?
            .with_alpha(state.setting(KIND, "alpha")?)?
            .with_epsilon(state.setting(KIND, "epsilon")?)?
            .with_centered(state.setting(KIND, "centered")? != 0.0)
            .with_momentum(state.setting(KIND, "momentum")?)?
            .with_weight_decay(state.setting(KIND, "weight_decay")?)?;
        [restored.square, restored.mean, restored.velocity] =
            state.memories(KIND, ["square", "mean", "velocity"])?;
        state.finish(KIND)?;
        *self = restored;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    const GRADIENTS: [f64; 3] = [0.5, -2.0, 0.25];

    /// The parameter, from 1, after each of three steps.
    fn path(mut rms_prop: RmsProp<f64>) -> [f64; 3] {
        let mut parameters = [1.0];
        GRADIENTS.map(|gradient| {
            rms_prop.step(&mut parameters, &[gradient]).unwrap();
            parameters[0]
        })
    }

    fn plain() -> RmsProp<f64> {
        RmsProp::new(0.1).unwrap().with_alpha(0.75).unwrap().with_epsilon(0.5).unwrap()
    }

    #[test]
    fn three_plain_steps_by_hand() {
        // s: 0.25·0.25, then 0.75·0.0625 + 0.25·4, then 0.75·1.046875 + 0.25·0.0625.
        let squares = [0.0625_f64, 1.046875, 0.80078125];
        let mut theta = 1.0;
        for ((got, gradient), square) in path(plain()).into_iter().zip(GRADIENTS).zip(squares) {
            theta -= 0.1 * gradient / (square.sqrt() + 0.5);
            assert_relative_eq!(got, theta, max_relative = 1e-14);
        }
    }

    #[test]
    fn centering_momentum_and_decay_by_hand() {
        // m: 0.25·0.5, then 0.125 + 0.25·(−2.125), then −0.40625 + 0.25·0.65625.
        let means = [0.125_f64, -0.40625, -0.2421875];
        let squares = [0.0625_f64, 1.046875, 0.80078125];
        let all = plain().with_centered(true).with_momentum(0.5).unwrap();
        let all = all.with_weight_decay(0.2).unwrap();
        let (mut theta, mut velocity) = (1.0, 0.0);
        for (index, got) in path(all).into_iter().enumerate() {
            let variance = squares[index] - means[index] * means[index];
            velocity = 0.5 * velocity + GRADIENTS[index] / (variance.sqrt() + 0.5);
            theta = theta * (1.0 - 0.1 * 0.2) - 0.1 * velocity;
            assert_relative_eq!(got, theta, max_relative = 1e-14);
        }
    }

    #[test]
    fn a_constant_gradient_has_no_variance_and_gives_no_nan() {
        let mut rms_prop = RmsProp::<f32>::new(0.01).unwrap().with_centered(true);
        let mut parameters = [0.0];
        for _ in 0..5000 {
            rms_prop.step(&mut parameters, &[0.1]).unwrap();
        }
        assert!(parameters[0].is_finite());
    }
}
