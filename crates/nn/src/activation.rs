//! Activation functions and their derivatives, in vectors.

use reflux_softmax::Real;
use reflux_softmax::simd::{Element, Path, Simd, WithSimd, exp};

/// What a layer does to each of its sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Activation {
    /// `x`: what the last layer of a network has, so that it gives logits.
    Identity,
    /// `max(x, 0)`, with derivative 0 at 0. The default for hidden layers.
    #[default]
    Relu,
    /// `x` above 0 and `x/100` below, with derivative 1/100 at 0: PyTorch's default slope (Maas,
    /// Hannun & Ng 2013).
    LeakyRelu,
    /// `x·Φ(x)` with the normal distribution function Φ: Hendrycks & Gimpel 2016, arXiv:1606.08415.
    Gelu,
    /// Its approximation by `x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2`, from the same paper: five
    /// times faster, within 5e-4.
    GeluTanh,
    /// `x/(1 + exp(−x))`, also called swish: Elfwing, Uchibe & Doya 2017, arXiv:1702.03118.
    Silu,
    /// `tanh x`, within 4e-7 of it in f32, relative.
    Tanh,
    /// `1/(1 + exp(−x))`.
    Sigmoid,
}

const ALL: [(Activation, &str); 8] = [
    (Activation::Identity, "identity"),
    (Activation::Relu, "relu"),
    (Activation::LeakyRelu, "leaky_relu"),
    (Activation::Gelu, "gelu"),
    (Activation::GeluTanh, "gelu_tanh"),
    (Activation::Silu, "silu"),
    (Activation::Tanh, "tanh"),
    (Activation::Sigmoid, "sigmoid"),
];

pub(crate) const LEAK: f64 = 0.01;

impl Activation {
    /// Every one that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.into_iter().map(|(activation, _)| activation)
    }

    /// Its name in files and on command lines: `relu`, `leaky_relu`, `gelu`, `gelu_tanh`, `silu`,
    /// `tanh`, `sigmoid`, `identity`.
    pub fn name(self) -> &'static str {
        ALL.into_iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// The activation of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|(_, own)| *own == name).map(|(activation, _)| activation)
    }

    /// Overwrites sums with activations.
    pub(crate) fn apply_inplace<F: Real>(self, values: &mut [F]) {
        match self {
            Self::Identity => {}
            Self::Gelu => values.iter_mut().for_each(|x| *x = *x * normal(*x).0),
            _ => Path::best().run(Apply { activation: self, values }),
        }
    }

    /// `below ← delta ⊙ f'(sums)`, with the sums, and the activations made of them.
    pub(crate) fn backward<F: Real>(
        self,
        sums: &[F],
        activations: &[F],
        delta: &[F],
        below: &mut [F],
    ) {
        match self {
            Self::Identity => below.copy_from_slice(delta),
            Self::Gelu => {
                for ((below, &delta), &x) in below.iter_mut().zip(delta).zip(sums) {
                    let (distribution, density) = normal(x);
                    *below = delta * (distribution + x * density);
                }
            }
            _ => Path::best().run(Backward { activation: self, sums, activations, delta, below }),
        }
    }
}

/// The distribution function and the density of the standard normal distribution.
fn normal<F: Real>(x: F) -> (F, F) {
    let x = x.as_f64();
    let distribution = 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (F::from_f64(distribution), F::from_f64(density))
}

struct Apply<'a, F> {
    activation: Activation,
    values: &'a mut [F],
}

impl<F: Element> WithSimd for Apply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (vectors, rest) = F::vectors_mut::<S>(self.values);
        for x in vectors {
            *x = self.activation.value::<S, F>(s, *x);
        }
        let last = F::load_part(s, rest, F::splat(s, F::default()));
        F::store_part(s, rest, self.activation.value::<S, F>(s, last));
    }
}

struct Backward<'a, F> {
    activation: Activation,
    sums: &'a [F],
    activations: &'a [F],
    delta: &'a [F],
    below: &'a mut [F],
}

impl<F: Element> WithSimd for Backward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { activation, sums, activations, delta, below } = self;
        let zero = F::splat(s, F::default());
        let (sums, sums_rest) = F::vectors::<S>(sums);
        let (activations, activations_rest) = F::vectors::<S>(activations);
        let (delta, delta_rest) = F::vectors::<S>(delta);
        let (below, below_rest) = F::vectors_mut::<S>(below);
        for (((below, &delta), &x), &y) in below.iter_mut().zip(delta).zip(sums).zip(activations) {
            *below = activation.slope_times::<S, F>(s, x, y, delta);
        }
        let x = F::load_part(s, sums_rest, zero);
        let y = F::load_part(s, activations_rest, zero);
        let delta = F::load_part(s, delta_rest, zero);
        F::store_part(s, below_rest, activation.slope_times::<S, F>(s, x, y, delta));
    }
}

impl Activation {
    #[inline(always)]
    fn value<S: Simd, F: Element>(self, s: S, x: F::V<S>) -> F::V<S> {
        let zero = F::splat(s, F::default());
        match self {
            // Not `max`, which would turn a NaN into 0 and hide it.
            Self::Relu => F::where_less(s, x, zero, zero, x),
            Self::LeakyRelu => {
                F::where_less(s, x, zero, F::mul(s, x, F::splat(s, F::narrow(LEAK))), x)
            }
            Self::GeluTanh => {
                let half = F::mul(s, x, F::splat(s, F::narrow(0.5)));
                F::mul_add(s, half, tanh::<S, F>(s, gelu_inner::<S, F>(s, x)), half)
            }
            Self::Silu => F::mul(s, x, sigmoid::<S, F>(s, x)),
            Self::Tanh => tanh::<S, F>(s, x),
            Self::Sigmoid => sigmoid::<S, F>(s, x),
            Self::Identity | Self::Gelu => x,
        }
    }

    /// `delta·f'(x)` with `y = f(x)`.
    #[inline(always)]
    fn slope_times<S: Simd, F: Element>(
        self,
        s: S,
        x: F::V<S>,
        y: F::V<S>,
        delta: F::V<S>,
    ) -> F::V<S> {
        macro_rules! splat {
            ($value:expr) => {
                F::splat(s, F::narrow($value))
            };
        }
        let zero = splat!(0.0);
        let slope = match self {
            Self::Relu => return F::where_less(s, zero, x, delta, zero),
            Self::LeakyRelu => {
                return F::where_less(s, zero, x, delta, F::mul(s, delta, splat!(LEAK)));
            }
            Self::GeluTanh => {
                // With t = tanh(u): (1 + t)/2 + x·(1 − t²)·u'/2.
                let t = tanh::<S, F>(s, gelu_inner::<S, F>(s, x));
                let root = (2.0 / std::f64::consts::PI).sqrt();
                let square = F::mul(s, x, x);
                let du = F::mul_add(s, square, splat!(3.0 * GELU_CUBE * root), splat!(root));
                let rest = F::sub(s, splat!(1.0), F::mul(s, t, t));
                let second = F::mul(s, F::mul(s, x, rest), du);
                F::mul(s, splat!(0.5), F::add(s, F::add(s, splat!(1.0), t), second))
            }
            Self::Silu => {
                // σ·(1 + x·(1 − σ)), with x·σ = y.
                let sigma = sigmoid::<S, F>(s, x);
                F::add(s, sigma, F::mul(s, y, F::sub(s, splat!(1.0), sigma)))
            }
            Self::Tanh => F::sub(s, splat!(1.0), F::mul(s, y, y)),
            Self::Sigmoid => F::mul(s, y, F::sub(s, splat!(1.0), y)),
            Self::Identity | Self::Gelu => splat!(1.0),
        };
        F::mul(s, delta, slope)
    }
}

/// `1/(1 + exp(−x))`
#[inline(always)]
fn sigmoid<S: Simd, F: Element>(s: S, x: F::V<S>) -> F::V<S> {
    let one = F::splat(s, F::narrow(1.0));
    let minus = F::sub(s, F::splat(s, F::default()), x);
    F::div(s, one, F::add(s, one, exp::<S, F>(s, minus)))
}

/// `1 − 2/(exp(2x) + 1)`, and near 0, where that would lose its digits, the series.
#[inline(always)]
fn tanh<S: Simd, F: Element>(s: S, x: F::V<S>) -> F::V<S> {
    /// Those of `tanh(x)/x` in `x²`, the highest first.
    const SERIES: [f64; 5] = [62.0 / 2835.0, -17.0 / 315.0, 2.0 / 15.0, -1.0 / 3.0, 1.0];
    let one = F::splat(s, F::narrow(1.0));
    let e = exp::<S, F>(s, F::add(s, x, x));
    let quotient = F::div(s, F::splat(s, F::narrow(2.0)), F::add(s, e, one));
    let far = F::sub(s, one, quotient);
    let square = F::mul(s, x, x);
    let mut series = F::splat(s, F::narrow(SERIES[0]));
    for coefficient in &SERIES[1..] {
        series = F::mul_add(s, series, square, F::splat(s, F::narrow(*coefficient)));
    }
    // Where the next term of the series is below half a unit in the last place.
    let near = F::splat(s, F::narrow(if F::EPSILON > 1e-10 { 0.25 } else { 0.02 }));
    F::where_less(s, F::abs(s, x), near, F::mul(s, x, series), far)
}

pub(crate) const GELU_CUBE: f64 = 0.044_715;

/// `√(2/π)·(x + 0.044715·x³)`
#[inline(always)]
fn gelu_inner<S: Simd, F: Element>(s: S, x: F::V<S>) -> F::V<S> {
    let root = (2.0 / std::f64::consts::PI).sqrt();
    let square = F::mul(s, x, x);
    let cube = F::splat(s, F::narrow(GELU_CUBE * root));
    F::mul(s, x, F::mul_add(s, square, cube, F::splat(s, F::narrow(root))))
}
