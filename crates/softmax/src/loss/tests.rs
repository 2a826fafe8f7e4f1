//! What has to hold for every loss: its gradient, its weights and reductions, masks, extreme logits,
//! and the same result on every instruction set and in both types.

use approx::{AbsDiffEq, assert_relative_eq};
use ndarray::{Array1, Array2, Axis, array, concatenate, s};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Uniform;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::kernel::Path;
use crate::loss::tests_support::central_differences;
use crate::{Error, Real, Result, softmax};

/// Any loss, to be called in one way.
#[derive(Debug, Clone, Copy)]
enum Any {
    Hard(CrossEntropy),
    Soft(SoftCrossEntropy),
    Apart(Divergence),
    Squares(LogitMse),
    Spread(Entropy),
    Both(Distillation),
}

impl Any {
    /// `teacher` is logits; where the loss takes probabilities, their softmax.
    fn evaluate<F: Real>(
        self,
        logits: &Array2<F>,
        teacher: &Array2<F>,
        labels: &[usize],
        pass: Pass<'_, F>,
    ) -> Result<F> {
        match self {
            Self::Hard(loss) => loss.evaluate(logits, labels, pass),
            Self::Soft(loss) => {
                let targets = softmax(teacher, Axis(1), F::from_f64(loss.temperature()))?;
                loss.evaluate(logits, &targets, pass)
            }
            Self::Apart(loss) => loss.evaluate(logits, teacher, pass),
            Self::Squares(loss) => loss.evaluate(logits, teacher, pass),
            Self::Spread(loss) => loss.evaluate(logits, pass),
            Self::Both(loss) => loss.evaluate(logits, teacher, Some(labels), pass),
        }
    }

    fn with_reduction(self, reduction: Reduction) -> Self {
        match self {
            Self::Hard(loss) => Self::Hard(loss.with_reduction(reduction)),
            Self::Soft(loss) => Self::Soft(loss.with_reduction(reduction)),
            Self::Apart(loss) => Self::Apart(loss.with_reduction(reduction)),
            Self::Squares(loss) => Self::Squares(loss.with_reduction(reduction)),
            Self::Spread(loss) => Self::Spread(loss.with_reduction(reduction)),
            Self::Both(loss) => Self::Both(loss.with_reduction(reduction)),
        }
    }

    fn temperature(self) -> f64 {
        match self {
            Self::Hard(loss) => loss.temperature(),
            Self::Soft(loss) => loss.temperature(),
            Self::Apart(loss) => loss.temperature(),
            Self::Squares(_) => 1.0,
            Self::Spread(loss) => loss.temperature(),
            Self::Both(loss) => loss.temperature(),
        }
    }

    /// The same at a temperature `factor` times as high, for those that multiply by T² alone.
    fn hotter(self, factor: f64) -> Option<Self> {
        Some(match self {
            Self::Hard(loss) => {
                Self::Hard(loss.with_temperature(factor * loss.temperature()).ok()?)
            }
            Self::Apart(loss) => {
                Self::Apart(Divergence::new(loss.kind(), factor * loss.temperature()).ok()?)
            }
            Self::Spread(loss) => {
                Self::Spread(loss.with_temperature(factor * loss.temperature()).ok()?)
            }
            _ => return None,
        })
    }

    fn value_and_gradient<F: Real>(
        self,
        logits: &Array2<F>,
        teacher: &Array2<F>,
        labels: &[usize],
    ) -> (F, Array2<F>) {
        let mut gradient = Array2::zeros(logits.dim());
        let pass = Pass::new().with_gradient(&mut gradient);
        let value = self.evaluate(logits, teacher, labels, pass).unwrap();
        (value, gradient)
    }
}

fn all() -> Vec<Any> {
    let mut all = vec![
        Any::Hard(CrossEntropy::new()),
        Any::Hard(CrossEntropy::new().with_label_smoothing(0.1).unwrap()),
        Any::Hard(
            CrossEntropy::new().with_label_smoothing(0.3).unwrap().with_temperature(3.0).unwrap(),
        ),
        Any::Squares(LogitMse::new()),
    ];
    for temperature in [0.5, 1.0, 2.0, 4.0, 20.0] {
        all.push(Any::Soft(SoftCrossEntropy::new(temperature).unwrap()));
        all.push(Any::Spread(Entropy::new().with_temperature(temperature).unwrap()));
        for kind in [
            DivergenceKind::ForwardKl,
            DivergenceKind::ReverseKl,
            DivergenceKind::JensenShannon,
            DivergenceKind::TotalVariation,
        ] {
            all.push(Any::Apart(Divergence::new(kind, temperature).unwrap()));
        }
        for alpha in [0.0, 0.25, 1.0] {
            let loss = Distillation::new().with_alpha(alpha).unwrap();
            all.push(Any::Both(loss.with_temperature(temperature).unwrap()));
        }
    }
    all
}

fn random(rows: usize, classes: usize, seed: u64) -> (Array2<f64>, Array2<f64>, Vec<usize>) {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let uniform = Uniform::new(-4.0, 4.0).unwrap();
    // Multiples of 2^-16, so that f32 holds them too.
    let mut logits = || {
        Array2::random_using((rows, classes), uniform, rng)
            .mapv(|x: f64| (x * 65_536.0).round() / 65_536.0)
    };
    (logits(), logits(), (0..rows).map(|row| (5 * row) % classes).collect())
}

/// The size of the largest element.
fn largest(gradient: &Array2<f64>) -> f64 {
    gradient.iter().fold(0.0, |max, x| max.max(x.abs()))
}

#[test]
fn gradients_match_central_differences() {
    Path::each(|| {
        for (classes, seed) in [(2, 1), (7, 2), (19, 3), (40, 4)] {
            let (logits, teacher, labels) = random(3, classes, seed);
            for loss in all() {
                let (_, gradient) = loss.value_and_gradient(&logits, &teacher, &labels);
                let expected = central_differences(&logits, |x| {
                    loss.evaluate(x, &teacher, &labels, Pass::new()).unwrap()
                });
                let rounding = 1e-8 * largest(&expected);
                assert_relative_eq!(gradient, expected, max_relative = 1e-7, epsilon = rounding);
            }
        }
    });
}

#[test]
fn f32_agrees_with_f64() {
    Path::each(|| {
        for classes in [3, 16, 70, 1500] {
            let (logits, teacher, labels) = random(4, classes, 9);
            let narrow = |x: &Array2<f64>| x.mapv(|x| x as f32);
            for loss in all() {
                let (value, gradient) = loss.value_and_gradient(&logits, &teacher, &labels);
                let (near, slopes) =
                    loss.value_and_gradient(&narrow(&logits), &narrow(&teacher), &labels);
                // A divergence is what is left of larger sums, and then multiplied by T².
                let rounding = 1e-5 * value.abs() + 5e-7 * loss.temperature().powi(2);
                let apart = (f64::from(near) - value).abs();
                assert!(apart <= rounding, "{loss:?}: {near} is not {value}");
                // A gradient is T times a difference of probabilities, each rounded.
                let rounding = 1e-6 * loss.temperature();
                for (&slope, &exact) in slopes.iter().zip(&gradient) {
                    let apart = (f64::from(slope) - exact).abs();
                    assert!(apart <= 1e-5 * exact.abs() + rounding, "{loss:?}: {slope}, {exact}");
                }
            }
        }
    });
}

#[test]
fn weights_and_reductions_are_sums_of_the_single_rows() {
    let (logits, teacher, labels) = random(5, 9, 11);
    let weights = [1.0, 0.0, 2.5, 0.125, 1.0];
    for loss in all() {
        for (reduction, divisor) in [(Reduction::Sum, 1.0), (Reduction::Mean, 5.0)] {
            let loss = loss.with_reduction(reduction);
            let (mut values, mut gradient) = ([0.0; 5], Array2::zeros((5, 9)));
            let pass = Pass::new()
                .with_weights(&weights)
                .with_values(&mut values)
                .with_gradient(&mut gradient);
            let value = loss.evaluate(&logits, &teacher, &labels, pass).unwrap();
            assert_relative_eq!(value, values.iter().sum::<f64>() / divisor, max_relative = 1e-14);
            for row in 0..5 {
                let one = |x: &Array2<f64>| x.slice(s![row..=row, ..]).to_owned();
                let (alone, slope) = loss.with_reduction(Reduction::Sum).value_and_gradient(
                    &one(&logits),
                    &one(&teacher),
                    &labels[row..=row],
                );
                assert_relative_eq!(values[row], weights[row] * alone, max_relative = 1e-14);
                let expected = slope.mapv(|x| x * weights[row] / divisor);
                let got = gradient.slice(s![row..=row, ..]).to_owned();
                assert_relative_eq!(got, expected, max_relative = 1e-13, epsilon = 1e-16);
            }
        }
    }
}

#[test]
fn a_class_that_is_masked_everywhere_is_as_if_it_were_not_there() {
    let (logits, teacher, labels) = random(4, 12, 13);
    let column = Array2::from_elem((4, 1), f64::NEG_INFINITY);
    let wide = |x: &Array2<f64>| concatenate![Axis(1), x.view(), column.view()];
    for loss in all() {
        let smooth = matches!(loss, Any::Hard(loss) if loss.label_smoothing() > 0.0);
        let classes_count = matches!(loss, Any::Squares(_));
        if smooth || classes_count {
            continue; // the number of classes is part of these
        }
        let (value, gradient) = loss.value_and_gradient(&logits, &teacher, &labels);
        let (masked, slopes) = loss.value_and_gradient(&wide(&logits), &wide(&teacher), &labels);
        assert_relative_eq!(masked, value, max_relative = 1e-12);
        assert_eq!(slopes.column(12), Array1::<f64>::zeros(4));
        let slopes = slopes.slice(s![.., ..12]).to_owned();
        assert_relative_eq!(slopes, gradient, max_relative = 1e-11, epsilon = 1e-15);
    }
}

#[test]
fn the_unit_of_logits_does_not_matter() {
    // L(c·x, c·T) = c²·L(x, T), also where c·x is far beyond what the fast way takes.
    let (logits, teacher, labels) = random(3, 20, 17);
    let factor = 2.0_f64.powi(400);
    for loss in all() {
        let Some(hotter) = loss.hotter(factor) else { continue };
        let (value, gradient) = loss.value_and_gradient(&logits, &teacher, &labels);
        let (scaled, slopes) =
            hotter.value_and_gradient(&(&logits * factor), &(&teacher * factor), &labels);
        assert_relative_eq!(scaled / factor / factor, value, max_relative = 1e-12);
        let slopes = slopes.mapv(|x| x / factor);
        assert_relative_eq!(slopes, gradient, max_relative = 1e-11, epsilon = 1e-15);
    }
}

#[test]
fn a_shift_of_all_logits_changes_nothing_but_the_squares() {
    let (logits, teacher, labels) = random(3, 33, 19);
    for loss in all().into_iter().filter(|loss| !matches!(loss, Any::Squares(_))) {
        let (value, gradient) = loss.value_and_gradient(&logits, &teacher, &labels);
        // The first shift is within reach, the second is not.
        for shift in [65_536.0, -1e12] {
            let (again, slopes) =
                loss.value_and_gradient(&(&logits + shift), &(&teacher + shift), &labels);
            let rounding = shift.abs() * f64::EPSILON * 100.0;
            assert_relative_eq!(again, value, max_relative = 1e-9, epsilon = rounding);
            assert_relative_eq!(slopes, gradient, max_relative = 1e-9, epsilon = rounding);
        }
    }
}

#[test]
fn a_maximum_far_from_the_first_classes_is_found() {
    // Low everywhere but in one late class: the guess of the maximum is useless. Where the others still
    // count, at 30, a slope can be a difference of terms of that size, of which some units in the last
    // place are lost, the more the fewer lanes there are to add them up in.
    for (height, lost) in [(30.0, 3e-6), (200.0, 1e-6), (1e4, 1e-6)] {
        let mut logits = Array2::from_elem((1, 100), 0.25_f32);
        logits[[0, 90]] = height;
        let teacher = Array2::from_elem((1, 100), 0.5_f32);
        for loss in all() {
            let wide = |x: &Array2<f32>| x.mapv(f64::from);
            let (value, gradient) = loss.value_and_gradient(&logits, &teacher, &[3]);
            let (exact, slopes) = loss.value_and_gradient(&wide(&logits), &wide(&teacher), &[3]);
            let near = 1e-6 * loss.temperature().powi(2);
            assert_relative_eq!(f64::from(value), exact, max_relative = 1e-5, epsilon = near);
            let rounding = 1e-5 * largest(&slopes) + lost * loss.temperature();
            assert!(wide(&gradient).abs_diff_eq(&slopes, rounding), "{loss:?}, {height}");
        }
    }
}

#[test]
fn divergences_have_their_closed_forms() {
    // p = [3/4, 1/4], q = [1/4, 3/4] at T = 1; at T = 2 from logits twice as large, times T².
    let (teacher, student) = (array![[3.0_f64.ln(), 0.0]], array![[0.0, 3.0_f64.ln()]]);
    let kl = 0.5 * 3.0_f64.ln();
    let js = 0.75 * 1.5_f64.ln() + 0.25 * 0.5_f64.ln();
    for (kind, expected) in [
        (DivergenceKind::ForwardKl, kl),
        (DivergenceKind::ReverseKl, kl),
        (DivergenceKind::JensenShannon, js),
        (DivergenceKind::TotalVariation, 0.5),
    ] {
        for temperature in [1.0, 2.0] {
            let loss = Any::Apart(Divergence::new(kind, temperature).unwrap());
            let (student, teacher) = (&student * temperature, &teacher * temperature);
            let (value, _) = loss.value_and_gradient(&student, &teacher, &[]);
            assert_relative_eq!(value, temperature * temperature * expected, max_relative = 1e-14);
            let (nothing, slopes) = loss.value_and_gradient(&teacher, &teacher, &[]);
            assert_eq!(nothing, 0.0);
            assert_eq!(slopes, array![[0.0, 0.0]]);
        }
    }
}

#[test]
fn disjoint_distributions_are_as_far_apart_as_can_be() {
    let inf = f64::NEG_INFINITY;
    let (student, teacher) = (array![[0.0, inf]], array![[inf, 0.0]]);
    let value = |kind| {
        let mut gradient = Array2::zeros((1, 2));
        Divergence::new(kind, 1.0).unwrap().value_and_gradient(&student, &teacher, &mut gradient)
    };
    let js = value(DivergenceKind::JensenShannon).unwrap();
    assert_relative_eq!(js, 2.0_f64.ln(), max_relative = 1e-15);
    assert_eq!(value(DivergenceKind::TotalVariation), Ok(1.0));
    let (row, class) = (0, 1);
    assert_eq!(value(DivergenceKind::ForwardKl), Err(Error::MaskedTarget { row, class }));
    let class = 0;
    assert_eq!(value(DivergenceKind::ReverseKl), Err(Error::MaskedTeacher { row, class }));
}

#[test]
fn entropy_is_largest_for_equal_logits() {
    let (value, slopes) =
        Any::Spread(Entropy::new()).value_and_gradient(&array![[7.0_f64; 50]], &array![[]], &[]);
    assert_relative_eq!(value, 50.0_f64.ln(), max_relative = 1e-14);
    assert!(slopes.iter().all(|slope| slope.abs() < 1e-15));
}

#[test]
fn strided_arrays_and_many_threads_give_the_same() {
    let (logits, teacher, labels) = random(900, 160, 23); // enough to be shared between threads
    for loss in [all()[0], all()[1], all()[5], all().last().copied().unwrap()] {
        let (value, gradient) = loss.value_and_gradient(&logits, &teacher, &labels);
        let (reversed, reverse) = (logits.t().to_owned(), teacher.t().to_owned());
        let (logits, teacher) = (reversed.t().to_owned(), reverse.t().to_owned());
        let mut slopes = Array2::zeros((160, 900)).reversed_axes();
        let pass = Pass::new().with_gradient(&mut slopes);
        assert_eq!(loss.evaluate(&logits, &teacher, &labels, pass).unwrap(), value);
        assert_eq!(slopes, gradient);
    }
}

#[test]
fn the_first_bad_row_is_named() {
    let (logits, teacher, labels) = random(300, 500, 29);
    let mut bad = logits.clone();
    bad[[250, 3]] = f64::NAN;
    bad[[120, 499]] = f64::INFINITY;
    for loss in all() {
        let error = loss.evaluate(&bad, &teacher, &labels, Pass::new()).unwrap_err();
        assert_eq!(error, Error::Logit { row: 120, value: f64::INFINITY });
    }
    let wrong = [f64::NAN, -1.0, f64::INFINITY];
    for value in wrong {
        let mut weights = vec![1.0; 300];
        weights[7] = value;
        let pass = Pass::new().with_weights(&weights);
        let result = all()[0].evaluate(&logits, &teacher, &labels, pass);
        assert!(matches!(result, Err(Error::Weight { row: 7, .. })));
    }
    let few = Pass::new().with_weights(&[1.0]);
    let result = all()[0].evaluate(&logits, &teacher, &labels, few);
    assert!(matches!(result, Err(Error::Shape { what: "weights", .. })));
    let mut values = [0.0; 2];
    let result =
        all()[0].evaluate(&logits, &teacher, &labels, Pass::new().with_values(&mut values));
    assert!(matches!(result, Err(Error::Shape { what: "values", .. })));
}

#[cfg(feature = "serde")]
#[test]
fn settings_survive_a_file_and_are_checked_when_they_are_read() {
    let loss = Divergence::jensen_shannon(3.0).unwrap().with_reduction(Reduction::Sum);
    let text = serde_json::to_string(&loss).unwrap();
    assert_eq!(serde_json::from_str::<Divergence>(&text).unwrap(), loss);
    for text in [r#"{"temperature": 0.0}"#, r#"{"temperature": -1.0}"#] {
        assert!(serde_json::from_str::<Divergence>(text).is_err());
        assert!(serde_json::from_str::<SoftCrossEntropy>(text).is_err());
        assert!(serde_json::from_str::<Entropy>(text).is_err());
        assert!(serde_json::from_str::<CrossEntropy>(text).is_err());
    }
    assert!(serde_json::from_str::<LogitMse>(r#"{"temperature": 1.0}"#).is_err());
}
