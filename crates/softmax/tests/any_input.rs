//! Whatever goes in: no panic; and what comes out of a call that succeeds is a number.
#![allow(clippy::unwrap_used)]

use ndarray::{Array2, Axis, ShapeBuilder};
use proptest::prelude::*;
use reflux_softmax::{
    CrossEntropy, Distillation, Divergence, DivergenceKind, Entropy, LogitMse, Pass, Real,
    SoftCrossEntropy, log_softmax, logsumexp, softmax, softmax_inplace,
};

/// Mostly ordinary numbers, and all that are not.
fn number() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        8 => -20.0..20.0_f64,
        1 => prop_oneof![
            Just(0.0), Just(-0.0), Just(f64::NEG_INFINITY), Just(f64::INFINITY), Just(f64::NAN),
            Just(1e-310), Just(1e-40), Just(f64::MAX), Just(f64::MIN), Just(3e38), Just(-3e38),
        ],
        1 => any::<f64>(),
    ]
}

/// The same without what is never legal, so that more calls get through.
fn legal_number() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        8 => -20.0..20.0_f64,
        1 => prop_oneof![Just(0.0), Just(f64::NEG_INFINITY), Just(1e-310), Just(1e30), Just(-3e38)],
    ]
}

#[derive(Debug, Clone)]
struct Input {
    logits: Array2<f64>,
    other: Array2<f64>,
    labels: Vec<usize>,
    weights: Vec<f64>,
    temperature: f64,
    alpha: f64,
}

fn matrix(
    rows: usize,
    columns: usize,
    numbers: impl Strategy<Value = f64>,
) -> impl Strategy<Value = Array2<f64>> {
    (prop::collection::vec(numbers, rows * columns), any::<bool>()).prop_map(
        move |(numbers, fortran)| {
            Array2::from_shape_vec((rows, columns).set_f(fortran), numbers).unwrap()
        },
    )
}

fn input<S: Strategy<Value = f64> + Clone + 'static>(
    numbers: S,
    same_shape: bool,
) -> impl Strategy<Value = Input> {
    (0..4_usize, 0..40_usize, 0..4_usize, 0..40_usize).prop_flat_map(move |(r, c, r2, c2)| {
        let (r2, c2) = if same_shape { (r, c) } else { (r2, c2) };
        (
            matrix(r, c, numbers.clone()),
            matrix(r2, c2, numbers.clone()),
            prop::collection::vec(0..c2.max(1), r2),
            prop::collection::vec(0.0..2.0_f64, r2),
            prop_oneof![4 => 0.1..30.0_f64, 1 => number()],
            prop_oneof![4 => 0.0..=1.0_f64, 1 => number()],
        )
            .prop_map(|(logits, other, labels, weights, temperature, alpha)| Input {
                logits,
                other,
                labels,
                weights,
                temperature,
                alpha,
            })
    })
}

/// Calls everything; says whether each result is what may come out.
fn call_everything<F: Real>(input: &Input) -> bool {
    let narrow = |x: &Array2<f64>| x.mapv(F::from_f64);
    let (logits, other) = (narrow(&input.logits), narrow(&input.other));
    let labels = &input.labels[..];
    let weights: Vec<F> = input.weights.iter().map(|&w| F::from_f64(w)).collect();
    let temperature = F::from_f64(input.temperature);
    let mut good = true;
    for axis in 0..3 {
        if let Ok(p) = softmax(&logits, Axis(axis), temperature) {
            good &= p.iter().all(|&p| p >= F::zero() && p <= F::one());
            good &= p.lanes(Axis(axis)).into_iter().all(|row| {
                let sum: f64 = row.iter().map(|p| p.as_f64()).sum();
                (sum - 1.0).abs() < 1e-6
            });
            let mut inplace = logits.clone();
            softmax_inplace(&mut inplace, Axis(axis), temperature).unwrap();
            good &= inplace == p;
        }
        if let Ok(log_p) = log_softmax(&logits, Axis(axis), temperature) {
            good &= log_p.iter().all(|&log_p| log_p <= F::zero());
        }
        if let Ok(sums) = logsumexp(&logits, Axis(axis), temperature) {
            good &= sums.iter().all(|sum| !sum.is_nan());
        }
    }

    let mut gradient = Array2::zeros(logits.dim());
    let mut check = |loss: &dyn Fn(Pass<'_, F>) -> reflux_softmax::Result<F>| {
        gradient.fill(F::nan());
        let pass = Pass::new().with_weights(&weights).with_gradient(&mut gradient);
        if let Ok(value) = loss(pass) {
            // It may be too large for the type, but it is never NaN.
            good &= !value.is_nan() && gradient.iter().all(|slope| !slope.is_nan());
        }
    };
    let t = input.temperature;
    check(&|pass| CrossEntropy::new().evaluate(&logits, labels, pass));
    check(&|pass| {
        CrossEntropy::new().with_label_smoothing(input.alpha)?.evaluate(&logits, labels, pass)
    });
    check(&|pass| LogitMse::new().evaluate(&logits, &other, pass));
    check(&|pass| Entropy::new().with_temperature(t)?.evaluate(&logits, pass));
    check(&|pass| SoftCrossEntropy::new(t)?.evaluate(&logits, &other, pass));
    check(&|pass| {
        let targets = softmax(&other, Axis(1), F::one())?;
        SoftCrossEntropy::new(t)?.evaluate(&logits, &targets, pass)
    });
    for kind in [
        DivergenceKind::ForwardKl,
        DivergenceKind::ReverseKl,
        DivergenceKind::JensenShannon,
        DivergenceKind::TotalVariation,
    ] {
        check(&|pass| Divergence::new(kind, t)?.evaluate(&logits, &other, pass));
    }
    for t in [t, 1.0, 2.0, 4.0] {
        check(&|pass| {
            Distillation::new().with_temperature(t)?.with_alpha(input.alpha)?.evaluate(
                &logits,
                &other,
                Some(labels),
                pass,
            )
        });
    }
    good
}

proptest! {
    #[test]
    fn nothing_panics(input in input(number(), false)) {
        prop_assert!(call_everything::<f32>(&input));
        prop_assert!(call_everything::<f64>(&input));
    }

    #[test]
    fn what_is_legal_gives_numbers(input in input(legal_number(), true)) {
        prop_assert!(call_everything::<f32>(&input));
        prop_assert!(call_everything::<f64>(&input));
    }
}
