//! How far softmax, log-softmax and logsumexp in `f32` are from the exact values, over random rows and
//! over rows made to be difficult, on every instruction set that this machine has.

use ndarray::{Array1, Axis};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Uniform;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::kernel::Path;
use crate::{log_softmax, logsumexp, softmax};

/// The unit in the last place of `x` as f32.
fn unit(x: f64) -> f64 {
    let rounded = (x as f32).abs();
    f64::from(f32::from_bits(rounded.to_bits() + 1)) - f64::from(rounded)
}

/// Compares with the definition, in f64 throughout.
fn check(logits: &Array1<f32>, temperature: f32) {
    let p = softmax(logits, Axis(0), temperature).unwrap();
    let log_p = log_softmax(logits, Axis(0), temperature).unwrap();
    let sum = f64::from(logsumexp(logits, Axis(0), temperature).unwrap()[()]);

    let softened: Vec<f64> =
        logits.iter().map(|&x| f64::from(x) / f64::from(temperature)).collect();
    let max = softened.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = max + softened.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
    let scaled = log_sum * f64::from(temperature);
    let larger = scaled.abs().max(max.abs() * f64::from(temperature));
    assert!((sum - scaled).abs() <= 2.0 * unit(larger), "{sum} is not {scaled}");
    for ((&p, &log_p), x) in p.iter().zip(&log_p).zip(softened) {
        let (log_exact, larger) = (x - log_sum, x.abs().max(log_sum.abs()));
        let exact = log_exact.exp();
        let length = logits.len();
        assert!((f64::from(p) - exact).abs() <= 2.0 * unit(exact), "{length}: {p} is not {exact}");
        let apart = (f64::from(log_p) - log_exact).abs();
        assert!(apart <= 2.0 * unit(larger), "{length}: {log_p} is not {log_exact}");
    }
    let total: f64 = p.iter().map(|&p| f64::from(p)).sum();
    assert!((total - 1.0).abs() <= 1e-6, "the sum is {total}");
}

fn lengths() -> impl Iterator<Item = usize> {
    (1..=70).chain([127, 256, 1000, 32_000])
}

#[test]
fn random_rows_are_within_two_units_in_the_last_place() {
    Path::each(|| {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        for spread in [0.01, 1.0, 30.0, 1e4] {
            for length in lengths() {
                let uniform = Uniform::new(-spread, spread).unwrap();
                let logits = Array1::random_using(length, uniform, rng).mapv(|x: f64| x as f32);
                for temperature in [1.0, 0.3, 4.0] {
                    check(&logits, temperature);
                }
            }
        }
    });
}

#[test]
fn rows_where_a_few_classes_have_nearly_all_are() {
    Path::each(|| {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(3);
        let uniform = Uniform::new(-30.0, 30.0).unwrap();
        for (length, rows) in [(3, 9000), (10, 6000), (36, 3000), (70, 2000), (600, 400)] {
            for _ in 0..rows {
                check(&Array1::random_using(length, uniform, rng).mapv(|x: f64| x as f32), 1.0);
            }
        }
    });
}

#[test]
fn rows_of_equal_logits_are() {
    Path::each(|| {
        for length in lengths() {
            for value in [0.0, -0.0, 0.3, 1e-40, 77.7, -1e4, 1e4] {
                check(&Array1::from_elem(length, value), 1.0);
            }
        }
    });
}

#[test]
fn rows_with_one_logit_far_above_or_below_are() {
    Path::each(|| {
        for length in lengths() {
            for (far, others) in
                [(1e4, 0.0), (1e4, 9_990.0), (0.3, -20.0), (-1e4, 0.1), (90.0, 1.5)]
            {
                for place in [0, length / 2, length - 1] {
                    let mut logits = Array1::from_elem(length, others);
                    logits[place] = far;
                    check(&logits, 1.0);
                }
            }
        }
    });
}

#[test]
fn subnormal_logits_and_probabilities_are() {
    Path::each(|| {
        // Probabilities from 1 down past the least subnormal, 2^-149.
        let falling = Array1::from_shape_fn(1100, |i| -0.1 * i as f32);
        check(&falling, 1.0);
        let tiny = Array1::from_shape_fn(40, |i| f32::from_bits(1 << (i % 23)));
        check(&tiny, 1.0);
        check(&tiny, 1e-3);
    });
}

#[test]
fn a_gap_of_twenty_thousand_leaves_exact_logarithms() {
    Path::each(|| {
        let logits = Array1::from_vec(vec![1e4_f32, -1e4, 1e4]);
        let log_p = log_softmax(&logits, Axis(0), 1.0).unwrap();
        let half = -std::f32::consts::LN_2;
        assert_eq!(log_p.to_vec(), [half, half - 2e4, half]);
    });
}

#[test]
fn all_paths_and_both_types_agree() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(2);
    let logits = Array1::random_using(3_333, Uniform::new(-20.0, 20.0).unwrap(), rng)
        .mapv(|x: f64| x as f32);
    let wide = softmax(&logits.mapv(f64::from), Axis(0), 1.5).unwrap();
    Path::each(|| {
        let narrow = softmax(&logits, Axis(0), 1.5).unwrap();
        let again = softmax(&logits.mapv(f64::from), Axis(0), 1.5).unwrap();
        for ((&p, &q), &r) in narrow.iter().zip(&wide).zip(&again) {
            assert!((f64::from(p) - q).abs() <= 2.0 * unit(q));
            assert!((q - r).abs() <= 4.0 * f64::EPSILON * q);
        }
    });
}
