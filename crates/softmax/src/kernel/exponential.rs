//! `exp(x/T)` as a power of two, in vectors.

#![allow(clippy::needless_range_loop)] // see row.rs

use pulp::Simd;

use super::Element;

/// What a temperature makes of the base: `log2(e)/T` in two parts, so that its product with a logit
/// is known to more than one number's precision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<F> {
    high: F,
    low: F,
    /// The same in f64.
    wide: (f64, f64),
    /// How far below the maximum a logit counts as nothing.
    span: F,
}

/// `log2(e)` less its nearest f64.
const LOG2_E_LOW: f64 = 2.035_527_374_093_103_3e-17;

impl<F: Element> Base<F> {
    /// Of a temperature that is within [`Element::TEMPERATE`].
    pub(crate) fn new(temperature: f64) -> Self {
        let log2 = std::f64::consts::LOG2_E / temperature;
        let remainder = (-log2).mul_add(temperature, std::f64::consts::LOG2_E);
        let log2_low = (remainder + LOG2_E_LOW) / temperature;
        let high = F::narrow(log2);
        let low = F::narrow((log2 - high.widen()) + log2_low);
        Self { high, low, wide: (log2, log2_low), span: F::narrow(F::SPAN / log2) }
    }

    /// Whether the exponent of a logit is of a size that the kernels reduce exactly.
    #[inline(always)]
    pub(crate) fn reaches(&self, logit: F) -> bool {
        (logit.widen() * self.wide.0).abs() <= F::REACH
    }
}

/// Logits of which [`Shift::begin`] has found the powers of two: k is in the lowest bits of `y`.
#[derive(Clone, Copy)]
pub(crate) struct Begun<V> {
    x: V,
    y: V,
    minus_k: V,
}

/// Exponentials that lack the polynomial.
#[derive(Clone, Copy)]
pub(crate) struct Reduced<V> {
    f: V,
    /// The power of two; where [`Element::sixteenths`] gives nothing, what [`Element::scale`] takes for it.
    power: V,
}

/// A [`Base`] and the integer that is taken off every exponent of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift<F> {
    base: Base<F>,
    at: F,
    shift: f64,
    magic: F,
    /// The same for sixteenths.
    fine_magic: F,
    floor: F,
    /// The exponential of a logit whose exponent is `shift` is `2^bias`.
    bias: f64,
}

impl<F: Element> Shift<F> {
    /// For a row whose maximum is `at`, or not far from it.
    #[inline(always)]
    pub(crate) fn new(base: Base<F>, at: F) -> Self {
        let wide = at.widen();
        let shift = (wide * base.wide.0).round_ties_even();
        let magic = F::narrow(F::MAGIC.widen() + F::BIAS - shift);
        let fine_magic = F::narrow(F::MAGIC.widen() / 16.0 + F::BIAS - shift);
        let floor = F::narrow(wide - base.span.widen());
        Self { base, at, shift, magic, fine_magic, floor, bias: F::BIAS }
    }

    /// The same with the bias [`Element::COOL_BIAS`], so that its exponentials can be squared twice. Its floor
    /// is higher by as much, so that they are normal numbers.
    #[inline(always)]
    pub(crate) fn cool(&self) -> Self {
        let less = F::BIAS - F::COOL_BIAS;
        Self {
            magic: F::narrow(self.magic.widen() - less),
            fine_magic: F::narrow(self.fine_magic.widen() - less),
            floor: F::narrow(self.floor.widen() + less / self.base.wide.0),
            bias: F::COOL_BIAS,
            ..*self
        }
    }

    /// The logit that the row has been shifted by.
    #[inline(always)]
    pub(crate) fn at(&self) -> F {
        self.at
    }

    /// Whether a row with this maximum has exponentials that neither overflow nor do so when they are
    /// squared so many times.
    #[inline(always)]
    pub(crate) fn holds(&self, max: F, squarings: u32) -> bool {
        let above = (max.widen() - self.at.widen()) * self.base.wide.0;
        let squared = F::TOP / f64::from(1 << squarings) - F::COOL_BIAS;
        above <= squared.min(F::TOP - F::BIAS)
    }

    /// The exponent of a logit, less the shift.
    #[inline(always)]
    fn exponent(&self, logit: F) -> f64 {
        let wide = logit.widen();
        wide.mul_add(self.base.wide.0, -self.shift) + wide * self.base.wide.1
    }

    /// The least logit that still counts; what is lower is raised to it and then vanishes beside
    /// the maximum.
    #[inline(always)]
    pub(crate) fn floor(&self) -> F {
        self.floor
    }

    /// What to fill up a row's last vector with where exponentials are to be squared: too low to show
    /// in a sum, and not so low that its powers are subnormal numbers, which are slow.
    #[inline(always)]
    pub(crate) fn padding(&self) -> F {
        F::narrow(self.at.widen() - F::PADDING / self.base.wide.0)
    }

    /// `2^(BIAS − shift) · exp(x/T)`. NaN for NaN.
    #[inline(always)]
    pub(crate) fn exp<S: Simd>(&self, s: S, x: F::V<S>) -> F::V<S> {
        self.power(s, F::EXP2, x)
    }

    /// The same, with twice the error and less work.
    #[inline(always)]
    pub(crate) fn exp_short<S: Simd>(&self, s: S, x: F::V<S>) -> F::V<S> {
        self.power(s, F::EXP2_SHORT, x)
    }

    /// [`Shift::exp`] times [`Element::fine_scale`], and what the last rounding took from it.
    #[inline(always)]
    pub(crate) fn exp_and_lost<S: Simd>(&self, s: S, x: F::V<S>) -> [F::V<S>; 2] {
        let reduced = self.reduce(s, self.begin(s, x));
        let [a, b, c] = last_step::<S, F>(s, reduced);
        let exp = F::fused(s, a, b, c);
        let lost = F::fused(s, a, b, F::sub(s, c, exp));
        if F::sixteenths(s, x).is_some() {
            return [exp, lost];
        }
        let power = F::scale(s, F::splat(s, F::narrow(1.0)), reduced.power);
        [F::scale(s, exp, reduced.power), F::mul(s, lost, power)]
    }

    /// The first of three parts of the exponential that [`Shift::exp_and_lost`] gives, too. Between them a
    /// processor can be given other things to do.
    #[inline(always)]
    pub(crate) fn begin<S: Simd>(&self, s: S, x: F::V<S>) -> Begun<F::V<S>> {
        let is_fine = F::sixteenths(s, x).is_some();
        let magic = F::splat(s, if is_fine { self.fine_magic } else { self.magic });
        let x = F::at_least(s, F::splat(s, self.floor), x);
        let (y, minus_k) = rounded::<S, F>(s, x, self.base.high, magic);
        Begun { x, y, minus_k }
    }

    /// The second.
    #[inline(always)]
    pub(crate) fn reduce<S: Simd>(&self, s: S, begun: Begun<F::V<S>>) -> Reduced<F::V<S>> {
        let Begun { x, y, minus_k } = begun;
        let f = left_over::<S, F>(s, x, [self.base.high, self.base.low], minus_k);
        Reduced { f, power: F::sixteenths(s, y).unwrap_or(y) }
    }

    /// The third.
    #[inline(always)]
    pub(crate) fn finish<S: Simd>(&self, s: S, reduced: Reduced<F::V<S>>) -> F::V<S> {
        let [a, b, c] = last_step::<S, F>(s, reduced);
        let exp = F::fused(s, a, b, c);
        if F::sixteenths(s, a).is_some() { exp } else { F::scale(s, exp, reduced.power) }
    }

    #[inline(always)]
    fn power<S: Simd>(&self, s: S, coefficients: &[F], x: F::V<S>) -> F::V<S> {
        let x = F::at_least(s, F::splat(s, self.floor), x);
        let (y, f) = self.reduced(s, x, self.magic);
        F::scale(s, polynomial::<S, F>(s, coefficients, f), y)
    }

    /// What [`Shift::exp`] gives of the largest logit, in f64.
    #[inline(always)]
    pub(crate) fn exact(&self, max: F) -> f64 {
        let exponent = self.exponent(max);
        let k = exponent.round_ties_even();
        let f = exponent - k;
        let power = f64::EXP2.iter().fold(0.0, |power, &c| f64::mul_add(power, f, c));
        power * power_of_two(k + self.bias)
    }

    /// Whether one exponential, that of `max`, may be a sixteenth of the sum of all or more. Not so for
    /// a sum that is NaN.
    #[inline(always)]
    pub(crate) fn stands_out(&self, max: F, sum: f64) -> bool {
        let whole = (sum.to_bits() >> 52) as f64 - 1023.0; // of log2(sum), which is positive
        self.exponent(max) + self.bias + 4.0 > whole
    }

    /// [`take_apart`] for this base.
    #[inline(always)]
    fn reduced<S: Simd>(&self, s: S, x: F::V<S>, magic: F) -> (F::V<S>, F::V<S>) {
        take_apart::<S, F>(s, x, [self.base.high, self.base.low], magic)
    }

    /// `log Σ exp((x_i − at)/T)`, from the sum of the exponentials.
    #[inline(always)]
    pub(crate) fn log_sum(&self, sum: f64) -> f64 {
        (sum / power_of_two(self.bias)).ln() - self.exponent(self.at) * std::f64::consts::LN_2
    }

    /// [`Shift::log_sum`] to its last digits, also where one class stands far above all others: the part of
    /// the maximum in the sum, `own`, is replaced by its exact value.
    #[inline(always)]
    pub(crate) fn exact_log_sum(&self, sum: f64, max: F, own: f64) -> f64 {
        let rest = (sum - own) / power_of_two(self.bias) / self.exponent(max).exp2();
        self.above(max) + ln_1p(rest)
    }

    /// [`Shift::log_sum`] at `T/2^squarings`, of what [`powers`] gives. It is not negative for a row whose
    /// shift is its maximum.
    #[inline(always)]
    pub(crate) fn powers_log_sum(&self, sum: f64, max: F, own: f64, squarings: u32) -> f64 {
        f64::from(1 << squarings) * self.above(max) + ln_1p((sum - own) / own)
    }

    /// `(max − at)/T`
    #[inline(always)]
    fn above(&self, max: F) -> f64 {
        (max.widen() - self.at.widen()) * self.base.wide.0 * std::f64::consts::LN_2
    }
}

/// `2^exponent`, of an integer that a normal number can have.
#[inline(always)]
fn power_of_two(exponent: f64) -> f64 {
    f64::from_bits(((exponent + 1023.0) as u64) << 52)
}

/// `ln(1 + x)` of what is not negative, to full precision and faster than the standard library's (Goldberg
/// 1991, theorem 4).
#[inline(always)]
fn ln_1p(x: f64) -> f64 {
    let sum = 1.0 + x;
    let added = sum - 1.0;
    if added == 0.0 { x } else { sum.ln() * (x / added) }
}

/// Exponentials at T, of a shift that is [`Shift::cool`], as exponentials at `T/2^squarings`, which is at
/// most two squarings below. The relative error grows to `2^squarings` times theirs and a little.
#[inline(always)]
pub(crate) fn powers<S: Simd, F: Element>(s: S, exponentials: F::V<S>, squarings: u32) -> F::V<S> {
    let mut powers = exponentials;
    for _ in 0..squarings {
        powers = F::mul(s, powers, powers);
    }
    powers
}

/// `exp(x)`, with `x` first brought to within the exponents that a normal number has: ±87 in f32, ±708
/// in f64. NaN for NaN.
#[inline(always)]
pub fn exp<S: Simd, F: Element>(s: S, x: F::V<S>) -> F::V<S> {
    let limit = if F::EPSILON > 1e-10 { 87.0 } else { 708.0 };
    let high = F::narrow(std::f64::consts::LOG2_E);
    let low = F::narrow(std::f64::consts::LOG2_E - high.widen() + LOG2_E_LOW);
    let x = F::at_least(s, F::splat(s, F::narrow(-limit)), x);
    let limit = F::splat(s, F::narrow(limit));
    let x = F::where_less(s, limit, x, limit, x);
    let (y, f) = take_apart::<S, F>(s, x, [high, low], F::MAGIC);
    F::scale(s, polynomial::<S, F>(s, F::EXP2, f), y)
}

/// `x·(high + low)`, taken apart: the first has its nearest multiple of the last place of `magic`, in its
/// lowest bits, the second is what is left.
#[inline(always)]
fn take_apart<S: Simd, F: Element>(
    s: S,
    x: F::V<S>,
    [high, low]: [F; 2],
    magic: F,
) -> (F::V<S>, F::V<S>) {
    let (y, minus_k) = rounded::<S, F>(s, x, high, F::splat(s, magic));
    (y, left_over::<S, F>(s, x, [high, low], minus_k))
}

/// The numbers of which `a·b + c` is the exponential; where [`Element::sixteenths`] gives nothing, it still lacks
/// its power of two.
#[inline(always)]
fn last_step<S: Simd, F: Element>(s: S, reduced: Reduced<F::V<S>>) -> [F::V<S>; 3] {
    let Reduced { f, power } = reduced;
    if F::sixteenths(s, f).is_some() {
        return [F::mul(s, power, f), polynomial::<S, F>(s, F::EXP2_NEAR, f), power];
    }
    let q = polynomial::<S, F>(s, &F::EXP2[..F::EXP2.len() - 1], f);
    [q, f, F::splat(s, F::narrow(1.0))]
}

/// The nearest multiple k of the last place of `magic` to `x·high`: in the lowest bits of the first, and −k.
#[inline(always)]
fn rounded<S: Simd, F: Element>(s: S, x: F::V<S>, high: F, magic: F::V<S>) -> (F::V<S>, F::V<S>) {
    let y = F::fused(s, x, F::splat(s, high), magic);
    (y, F::sub(s, magic, y))
}

/// `x·(high + low) − k`
#[inline(always)]
fn left_over<S: Simd, F: Element>(
    s: S,
    x: F::V<S>,
    [high, low]: [F; 2],
    minus_k: F::V<S>,
) -> F::V<S> {
    F::fused(s, x, F::splat(s, low), F::fused(s, x, F::splat(s, high), minus_k))
}

/// Horner's rule, the highest coefficient first.
#[inline(always)]
pub(super) fn polynomial<S: Simd, F: Element>(s: S, coefficients: &[F], x: F::V<S>) -> F::V<S> {
    let mut value = F::splat(s, coefficients[0]);
    for &coefficient in &coefficients[1..] {
        value = F::mul_add(s, value, x, F::splat(s, coefficient));
    }
    value
}
