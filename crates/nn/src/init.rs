//! Where weights start.

use ndarray::{ArrayViewMut1, ArrayViewMut2};
use rand::Rng;
use rand::distr::Distribution;
use rand_distr::{StandardNormal, Uniform};
use reflux_softmax::Real;

/// How the weights of a layer are drawn. Biases start at 0, except with [`Init::PyTorch`].
///
/// Draws are made in f64 and rounded, so that a seed gives the same network in f32 and f64 up to
/// rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Init {
    /// What `torch.nn.Linear` does: weights and biases uniform in ±1/√inputs. The default, because
    /// it is what most published settings were found with.
    #[default]
    PyTorch,
    /// Normal with variance 2/inputs, for ReLU: He et al. 2015, arXiv:1502.01852.
    He,
    /// Uniform in ±√(6/(inputs + outputs)), for tanh and sigmoid: Glorot & Bengio 2010.
    Xavier,
}

impl Init {
    /// Fills the weights `[inputs, outputs]` and bias `[outputs]` of one layer.
    pub(crate) fn fill<F: Real, R: Rng + ?Sized>(
        self,
        mut weights: ArrayViewMut2<'_, F>,
        mut bias: ArrayViewMut1<'_, F>,
        rng: &mut R,
    ) {
        let (inputs, outputs) = weights.dim();
        // Bounds in (0, ∞): a layer has at least one input and one output.
        let uniform = |bound: f64| Uniform::new(-bound, bound).ok();
        bias.fill(F::zero());
        match self {
            Self::PyTorch => {
                let uniform = uniform(1.0 / (inputs as f64).sqrt());
                let mut draw = |slot: &mut F| {
                    *slot = F::from_f64(uniform.map_or(0.0, |uniform| uniform.sample(rng)));
                };
                weights.iter_mut().for_each(&mut draw);
                bias.iter_mut().for_each(&mut draw);
            }
            Self::He => {
                let deviation = (2.0 / inputs as f64).sqrt();
                for slot in &mut weights {
                    let normal: f64 = StandardNormal.sample(rng);
                    *slot = F::from_f64(deviation * normal);
                }
            }
            Self::Xavier => {
                let uniform = uniform((6.0 / (inputs + outputs) as f64).sqrt());
                for slot in &mut weights {
                    *slot = F::from_f64(uniform.map_or(0.0, |uniform| uniform.sample(rng)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array1, Array2};
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn moments(init: Init, inputs: usize, outputs: usize) -> (f64, f64, Array1<f64>) {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        let mut weights = Array2::<f64>::zeros((inputs, outputs));
        let mut bias = Array1::from_elem(outputs, 9.0);
        init.fill(weights.view_mut(), bias.view_mut(), rng);
        let largest = weights.iter().fold(0.0, |max: f64, w| max.max(w.abs()));
        (weights.var(0.0), largest, bias)
    }

    #[test]
    fn variances_and_bounds_are_those_of_the_papers() {
        // A uniform on ±b has variance b²/3. With 200,000 weights the relative standard error of a
        // sample variance is below 0.4%.
        let (variance, largest, bias) = moments(Init::PyTorch, 400, 500);
        assert_relative_eq!(variance, 1.0 / 1200.0, max_relative = 0.02);
        assert!(largest <= 0.05 && largest > 0.0499);
        assert!(bias.iter().all(|b| b.abs() <= 0.05 && *b != 0.0));

        let (variance, _, bias) = moments(Init::He, 400, 500);
        assert_relative_eq!(variance, 2.0 / 400.0, max_relative = 0.02);
        assert!(bias.iter().all(|&b| b == 0.0));

        let (variance, largest, _) = moments(Init::Xavier, 400, 500);
        assert_relative_eq!(variance, 2.0 / 900.0, max_relative = 0.02);
        assert!(largest <= (6.0_f64 / 900.0).sqrt());
    }
}
