//! Where weights start.

use ndarray::{Array2, Axis};
use rand::Rng;
use rand::distr::Distribution;
use rand_distr::{StandardNormal, Uniform};
use reflux_softmax::Real;

use crate::layer::{Layer, Linear, Noisy};

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
    /// Orthonormal rows, or columns where there are more outputs than inputs: Saxe, McClelland &
    /// Ganguli 2014, arXiv:1312.6120. Usual in reinforcement learning.
    Orthogonal,
}

const ALL: [(Init, &str); 4] = [
    (Init::PyTorch, "pytorch"),
    (Init::He, "he"),
    (Init::Xavier, "xavier"),
    (Init::Orthogonal, "orthogonal"),
];

impl Init {
    /// Its name in files and on command lines: `pytorch`, `he`, `xavier`, `orthogonal`.
    pub fn name(self) -> &'static str {
        ALL.into_iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// The initialiser of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|(_, own)| *own == name).map(|(init, _)| init)
    }

    /// Fills the parameters of one layer.
    pub(crate) fn fill<F: Real, R: Rng + ?Sized>(
        self,
        layer: &Layer,
        parameters: &mut [F],
        rng: &mut R,
    ) {
        match layer {
            Layer::Linear(linear) => self.fill_dense(*linear, parameters, rng),
            Layer::Noisy(Noisy { linear, sigma }) => {
                // The paper's start, whatever the initialiser: means uniform, deviations constant.
                let (means, sigmas) = parameters.split_at_mut(linear.parameters());
                Self::PyTorch.fill_dense(*linear, means, rng);
                sigmas.fill(F::from_f64(sigma / (linear.inputs as f64).sqrt()));
            }
            Layer::LayerNorm(norm) => {
                let (scale, shift) = parameters.split_at_mut(norm.width);
                scale.fill(F::one());
                shift.fill(F::zero());
            }
            Layer::Activation(..) | Layer::Dropout(_) | Layer::Dueling(_) => {}
        }
    }

    fn fill_dense<F: Real, R: Rng + ?Sized>(
        self,
        Linear { inputs, outputs }: Linear,
        parameters: &mut [F],
        rng: &mut R,
    ) {
        let (weights, bias) = parameters.split_at_mut(inputs * outputs);
        bias.fill(F::zero());
        match self {
            Self::PyTorch => {
                let bound = 1.0 / (inputs as f64).sqrt();
                fill_uniform(weights, bound, rng);
                fill_uniform(bias, bound, rng);
            }
            Self::He => {
                let deviation = (2.0 / inputs as f64).sqrt();
                for slot in weights {
                    let normal: f64 = StandardNormal.sample(rng);
                    *slot = F::from_f64(deviation * normal);
                }
            }
            Self::Xavier => {
                fill_uniform(weights, (6.0 / (inputs + outputs) as f64).sqrt(), rng);
            }
            Self::Orthogonal => {
                let rows = orthonormal_rows(inputs.min(outputs), inputs.max(outputs), rng);
                for (index, slot) in weights.iter_mut().enumerate() {
                    let (output, input) = (index / inputs, index % inputs);
                    let at = if outputs <= inputs { [output, input] } else { [input, output] };
                    *slot = F::from_f64(rows[at]);
                }
            }
        }
    }
}

fn fill_uniform<F: Real, R: Rng + ?Sized>(slots: &mut [F], bound: f64, rng: &mut R) {
    // The bound is in (0, ∞): a layer has at least one input.
    if let Ok(uniform) = Uniform::new(-bound, bound) {
        slots.iter_mut().for_each(|slot| *slot = F::from_f64(uniform.sample(rng)));
    }
}

/// `count` random orthonormal vectors of `length`, by Gram-Schmidt, done twice so that rounding does
/// not add up.
fn orthonormal_rows<R: Rng + ?Sized>(count: usize, length: usize, rng: &mut R) -> Array2<f64> {
    let mut rows =
        Array2::<f64>::from_shape_simple_fn((count, length), || StandardNormal.sample(rng));
    for index in 0..count {
        let (done, mut rest) = rows.view_mut().split_at(Axis(0), index);
        let mut row = rest.row_mut(0);
        for _ in 0..2 {
            let along = done.dot(&row);
            row -= &along.dot(&done);
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use approx::{assert_abs_diff_eq, assert_relative_eq};
    use ndarray::{Array1, s};
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn moments(init: Init, inputs: usize, outputs: usize) -> (f64, f64, Array1<f64>) {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        let mut all = Array1::<f64>::from_elem((inputs + 1) * outputs, 9.0);
        let layer = Layer::Linear(Linear { inputs, outputs });
        init.fill(&layer, all.as_slice_mut().unwrap(), rng);
        let weights = all.slice(s![..inputs * outputs]);
        let bias = all.slice(s![inputs * outputs..]).to_owned();
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

    #[test]
    fn orthogonal_weights_have_orthonormal_rows_or_columns() {
        for (inputs, outputs) in [(7, 4), (4, 7), (40, 40)] {
            let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
            let mut all = vec![0.0_f64; (inputs + 1) * outputs];
            Init::Orthogonal.fill(&Layer::Linear(Linear { inputs, outputs }), &mut all, rng);
            let weights =
                Array2::from_shape_vec((outputs, inputs), all[..inputs * outputs].to_vec());
            let weights = weights.unwrap();
            let product = if outputs <= inputs {
                weights.dot(&weights.t())
            } else {
                weights.t().dot(&weights)
            };
            assert_abs_diff_eq!(product, Array2::eye(inputs.min(outputs)), epsilon = 1e-12);
        }
    }
}
