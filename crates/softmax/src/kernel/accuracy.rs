//! How far the exponential and the logarithm are from the exact values, on every instruction set that
//! this machine has.
//!
//! The tests that run by default look at every 4,001st number. All of them, with the errors printed:
//! `cargo test --release -p reflux-softmax all_f32 -- --ignored --nocapture`.

use super::{Base, Element, Path, Shift, Simd, WithSimd, exp, ln_1p, map_into};

/// The largest error of the exponential that the documentation allows, in units of the last place.
const EXP_ULPS: f64 = 1.27;
/// That of the one for the softmax, with what its last rounding took added to it again: the rest is what
/// a sum of many has of it.
const EXP_EXACT_ULPS: f64 = 0.8;
/// That of the shorter polynomial.
const EXP_SHORT_ULPS: f64 = 2.38;
/// That of the one without a shift, for other crates.
const EXP_PLAIN_ULPS: f64 = 1.28;
/// That of `ln(1 + t)`.
const LN_ULPS: f64 = 1.05;

#[derive(Clone, Copy)]
enum Function {
    Exp,
    ExpFine,
    ExpExact,
    ExpShort,
    ExpPlain,
    Ln1p,
}

/// The function of each element, in place.
struct Apply<'a> {
    function: Function,
    x: &'a [f32],
    out: &'a mut [f32],
    lost: &'a mut [f32],
}

impl WithSimd for Apply<'_> {
    /// What all results are times.
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> f64 {
        let shift = Shift::new(Base::<f32>::new(1.0), 0.0);
        let Self { function, x, out, lost } = self;
        let none = f32::splat(s, 0.0);
        map_into(
            s,
            [x],
            [0.0],
            [out, lost],
            #[inline(always)]
            |[x]| match function {
                Function::Exp => [shift.exp(s, x), none],
                Function::ExpFine => [shift.exp_and_lost(s, x)[0], none],
                Function::ExpExact => shift.exp_and_lost(s, x),
                Function::ExpShort => [shift.exp_short(s, x), none],
                Function::ExpPlain => [exp::<S, f32>(s, x), none],
                Function::Ln1p => [ln_1p::<S, f32>(s, x), none],
            },
        );
        match function {
            Function::ExpFine | Function::ExpExact => f32::fine_scale(s),
            _ => 1.0,
        }
    }
}

fn unit(x: f64) -> f64 {
    let rounded = (x as f32).abs();
    f64::from(f32::from_bits(rounded.to_bits() + 1)) - f64::from(rounded)
}

/// The largest error in units of the last place over the floats whose bits are in `bits`, in steps of
/// `step`.
fn worst(path: Path, function: Function, bits: std::ops::Range<u32>, step: usize) -> f64 {
    let mut worst = 0.0_f64;
    let (mut x, mut y, mut lost) = (Vec::new(), vec![0.0; 4096], vec![0.0; 4096]);
    let mut bits = bits.step_by(step);
    loop {
        x.clear();
        x.extend(bits.by_ref().take(4096).map(f32::from_bits));
        if x.is_empty() {
            return worst;
        }
        let (y, lost) = (&mut y[..x.len()], &mut lost[..x.len()]);
        let scale = path.run(Apply { function, x: &x, out: y, lost });
        for ((&x, &y), &lost) in x.iter().zip(&*y).zip(&*lost) {
            let exact = match function {
                Function::Exp | Function::ExpFine | Function::ExpExact | Function::ExpShort => {
                    scale * f64::from(x).exp() * <f32 as Element>::BIAS.exp2()
                }
                Function::ExpPlain => f64::from(x).exp(),
                Function::Ln1p => f64::from(x).ln_1p(),
            };
            worst = worst.max((f64::from(y) + f64::from(lost) - exact).abs() / unit(exact));
        }
    }
}

/// Where the functions are used: exp from −107.4 (155 powers of two) to 0, without a shift from −87 to
/// 87, the logarithm from −1 + 2⁻²³ to 1. The same from 0 upwards as bits, by sign.
fn ranges(function: Function) -> Vec<std::ops::Range<u32>> {
    let negative = |least: f32| (-0.0_f32).to_bits()..least.to_bits() + 1;
    match function {
        Function::Exp | Function::ExpFine | Function::ExpExact | Function::ExpShort => {
            vec![negative(-107.4)]
        }
        Function::ExpPlain => vec![negative(-87.0), 0..87.0_f32.to_bits() + 1],
        Function::Ln1p => vec![negative(-1.0 + f32::EPSILON), 0..1.0_f32.to_bits() + 1],
    }
}

fn check(step: usize, report: bool) {
    for path in Path::available() {
        for (function, name, limit) in [
            (Function::Exp, "exp", EXP_ULPS),
            (Function::ExpFine, "exp, for the softmax", EXP_ULPS),
            (Function::ExpExact, "exp, with what was lost", EXP_EXACT_ULPS),
            (Function::ExpShort, "exp, short", EXP_SHORT_ULPS),
            (Function::ExpPlain, "exp, plain", EXP_PLAIN_ULPS),
            (Function::Ln1p, "ln(1 + t)", LN_ULPS),
        ] {
            let errors = ranges(function).into_iter().map(|bits| worst(path, function, bits, step));
            let error = errors.fold(0.0, f64::max);
            if report {
                println!("{path:?} {name}: {error:.3} ulp");
            }
            assert!(error <= limit, "{path:?} {name}: {error} ulp");
        }
    }
}

#[test]
fn errors_stay_within_what_is_stated() {
    check(4001, false);
}

#[test]
#[ignore = "goes through all f32, which takes minutes"]
fn errors_over_all_f32() {
    check(1, true);
}
