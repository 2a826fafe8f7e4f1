//! `softmax`, `log_softmax` and `logsumexp` along any axis of an array.

use ndarray::{Array, ArrayRef, Axis, RemoveAxis};

use crate::lanes::{checked, logsumexp_lanes, normalise_into, normalise_over};
use crate::softmax_row::Form;
use crate::{Real, Result};

/// `exp(x_i/T) / Σ_j exp(x_j/T)` along `axis`, in a new array of the same shape.
///
/// `temperature` 1 is the plain softmax; above 1 the distribution is softer, below 1 sharper
/// (Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 2). A logit of −∞ is a masked class and
/// gets probability 0.
///
/// In `f32`, every probability is within 2 units in the last place of the exact one, the subnormal
/// ones too, as long as the logits lie within ±10,000.
///
/// # Errors
///
/// A temperature that is not finite and positive, an axis that the array lacks, an axis of length
/// 0, a logit that is NaN or +∞, a row that is −∞ throughout.
///
/// # Example
///
/// ```
/// use ndarray::{Axis, array};
///
/// let logits = array![[2.0_f32, 0.0, 0.0], [1.0, f32::NEG_INFINITY, 1.0]];
/// let sharp = reflux_softmax::softmax(&logits, Axis(1), 1.0)?;
/// let soft = reflux_softmax::softmax(&logits, Axis(1), 4.0)?;
/// assert!((sharp[[0, 0]] - 0.787).abs() < 1e-3 && (soft[[0, 0]] - 0.452).abs() < 1e-3);
/// assert_eq!(sharp.row(1), array![0.5, 0.0, 0.5]);
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
pub fn softmax<F: Real, D: RemoveAxis>(
    logits: &ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
) -> Result<Array<F, D>> {
    let mut out = Array::zeros(logits.raw_dim());
    softmax_into(logits, axis, temperature, &mut out)?;
    Ok(out)
}

/// [`softmax()`] into memory of the caller's, of the same shape.
///
/// It allocates nothing where the rows of both arrays are contiguous and follow each other; for others
/// each thread keeps memory for 64 rows.
///
/// # Errors
///
/// As [`softmax()`], and for an `out` of another shape. `out` then holds no meaningful values.
pub fn softmax_into<F: Real, D: RemoveAxis>(
    logits: &ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
    out: &mut ArrayRef<F, D>,
) -> Result<()> {
    normalise_into(Form::Softmax, logits, axis, temperature, out)
}

/// [`softmax()`] over its own input. Slower than [`softmax_into`], because the whole array is
/// checked before any of it is replaced; each thread keeps memory for 64 rows.
///
/// # Errors
///
/// As [`softmax()`]; the array is then unchanged.
pub fn softmax_inplace<F: Real, D: RemoveAxis>(
    logits: &mut ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
) -> Result<()> {
    normalise_over(Form::Softmax, logits, axis, temperature)
}

/// `x_i/T − log Σ_j exp(x_j/T)` along `axis`, in a new array of the same shape.
///
/// Exact where the softmax itself underflows to 0: in `f32`, within 2 units in the last place of
/// the larger of `x_i/T` and the logarithm. A masked class gives −∞, and so does a log-probability
/// below the range of the type.
///
/// # Errors
///
/// As [`softmax()`].
///
/// # Example
///
/// ```
/// use ndarray::{Axis, array};
///
/// let logits = array![0.0_f32, -1000.0];
/// let log_p = reflux_softmax::log_softmax(&logits, Axis(0), 1.0)?;
/// assert_eq!(log_p, array![0.0, -1000.0]); // softmax gives [1, 0]
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
pub fn log_softmax<F: Real, D: RemoveAxis>(
    logits: &ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
) -> Result<Array<F, D>> {
    let mut out = Array::zeros(logits.raw_dim());
    log_softmax_into(logits, axis, temperature, &mut out)?;
    Ok(out)
}

/// [`log_softmax()`] into memory of the caller's, of the same shape. It allocates as little as
/// [`softmax_into`].
///
/// # Errors
///
/// As [`softmax_into`].
pub fn log_softmax_into<F: Real, D: RemoveAxis>(
    logits: &ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
    out: &mut ArrayRef<F, D>,
) -> Result<()> {
    normalise_into(Form::LogSoftmax, logits, axis, temperature, out)
}

/// [`log_softmax()`] over its own input, at the cost of [`softmax_inplace`].
///
/// # Errors
///
/// As [`softmax()`]; the array is then unchanged.
pub fn log_softmax_inplace<F: Real, D: RemoveAxis>(
    logits: &mut ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
) -> Result<()> {
    normalise_over(Form::LogSoftmax, logits, axis, temperature)
}

/// `T · log Σ_i exp(x_i/T)` along `axis`, which the result no longer has.
///
/// At temperature 1 it is the usual log-sum-exp; as T goes to 0 it goes to the maximum (a soft
/// maximum, as in soft Q-learning).
///
/// # Errors
///
/// As [`softmax()`].
///
/// # Example
///
/// ```
/// use ndarray::{Axis, array};
///
/// let logits = array![[1000.0_f64, 1000.0], [0.0, f64::NEG_INFINITY]];
/// let sums = reflux_softmax::logsumexp(&logits, Axis(1), 1.0)?;
/// assert_eq!(sums, array![1000.0 + 2.0_f64.ln(), 0.0]);
/// # Ok::<(), reflux_softmax::Error>(())
/// ```
pub fn logsumexp<F: Real, D: RemoveAxis>(
    logits: &ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
) -> Result<Array<F, D::Smaller>> {
    let mut out = Array::zeros(logits.raw_dim().remove_axis(checked(logits, axis)?));
    logsumexp_into(logits, axis, temperature, &mut out)?;
    Ok(out)
}

/// [`logsumexp()`] into memory of the caller's, of the shape without the axis. It allocates as
/// little as [`softmax_into`].
///
/// # Errors
///
/// As [`softmax_into`].
pub fn logsumexp_into<F: Real, D: RemoveAxis>(
    logits: &ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
    out: &mut ArrayRef<F, D::Smaller>,
) -> Result<()> {
    logsumexp_lanes(logits, axis, temperature, out)
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;
    use ndarray::{Array1, Array2, Array3, ArrayD, array, s};
    use ndarray_rand::RandomExt;
    use ndarray_rand::rand_distr::Uniform;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::Error;
    use crate::kernel::Path;

    fn random(rows: usize, classes: usize, spread: f64) -> Array2<f32> {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        Array2::random_using((rows, classes), Uniform::new(-spread, spread).unwrap(), rng)
            .mapv(|x| x as f32)
    }

    #[test]
    fn known_values_at_two_temperatures() {
        // [ln 1, ln 2, ln 5] has the softmax [1, 2, 5]/8; at T = 1/2 the odds are squared.
        let logits = array![0.0, 2.0_f64.ln(), 5.0_f64.ln()];
        assert_abs_diff_eq!(
            softmax(&logits, Axis(0), 1.0).unwrap(),
            array![0.125, 0.25, 0.625],
            epsilon = 1e-15
        );
        assert_abs_diff_eq!(
            softmax(&logits, Axis(0), 0.5).unwrap(),
            array![1.0 / 30.0, 4.0 / 30.0, 25.0 / 30.0],
            epsilon = 1e-15
        );
        assert_abs_diff_eq!(logsumexp(&logits, Axis(0), 1.0).unwrap()[()], 8.0_f64.ln());
    }

    #[test]
    fn shifting_all_logits_changes_nothing() {
        let logits = array![[0.5_f64, -1.25, 3.0], [8.0, 8.0, 7.5]];
        let shifted = &logits + 1024.0; // exact: the logits are multiples of 1/4
        assert_abs_diff_eq!(
            softmax(&logits, Axis(1), 3.0).unwrap(),
            softmax(&shifted, Axis(1), 3.0).unwrap(),
            epsilon = 2e-16
        );
    }

    #[test]
    fn every_axis_and_stride_gives_the_rows_alone() {
        let logits = random(4, 30, 5.0).into_shape_with_order((4, 5, 6)).unwrap();
        for axis in 0..3 {
            let whole = softmax(&logits, Axis(axis), 2.0).unwrap();
            for (x, p) in logits.lanes(Axis(axis)).into_iter().zip(whole.lanes(Axis(axis))) {
                assert_eq!(softmax(&x, Axis(0), 2.0).unwrap(), p);
            }
        }
        let view = logits.slice(s![..;-1, 1..;2, ..]);
        let owned: Array3<f32> = view.to_owned();
        assert_eq!(softmax(&view, Axis(1), 1.0).unwrap(), softmax(&owned, Axis(1), 1.0).unwrap());
    }

    #[test]
    fn into_and_inplace_and_many_threads_agree() {
        let logits = random(1200, 40, 10.0); // above the parallel threshold
        let expected: Vec<Array1<f32>> =
            logits.rows().into_iter().map(|x| softmax(&x, Axis(0), 2.0).unwrap()).collect();
        let mut into = Array2::zeros(logits.dim());
        softmax_into(&logits, Axis(1), 2.0, &mut into).unwrap();
        let mut inplace = logits.clone();
        softmax_inplace(&mut inplace, Axis(1), 2.0).unwrap();
        assert_eq!(into, inplace);
        assert!(into.rows().into_iter().zip(&expected).all(|(a, b)| a == b));
    }

    #[test]
    fn long_rows_side_by_side_are_what_each_is_alone() {
        let mut logits = random(9, 1003, 10.0);
        logits[(1, 900)] = 90.0; // far above what the first vector lets guess
        logits.row_mut(3).mapv_inplace(|x| x * 1e30); // has to be centred
        logits.slice_mut(s![5, ..1002]).fill(f32::NEG_INFINITY);
        logits.slice_mut(s![6, ..100]).fill(f32::NEG_INFINITY);
        logits.row_mut(8).mapv_inplace(|x| x * -1e30);
        let wide = logits.mapv(f64::from);
        Path::each(|| {
            for temperature in [1.0, 0.4] {
                let together = softmax(&logits, Axis(1), temperature).unwrap();
                for (x, p) in logits.rows().into_iter().zip(together.rows()) {
                    assert_eq!(softmax(&x, Axis(0), temperature).unwrap(), p);
                }
                let temperature = f64::from(temperature);
                let together = softmax(&wide, Axis(1), temperature).unwrap();
                for (x, p) in wide.rows().into_iter().zip(together.rows()) {
                    assert_eq!(softmax(&x, Axis(0), temperature).unwrap(), p);
                }
            }
        });
        // More than stays in the caches.
        let logits = random(1200, 1000, 10.0);
        let together = softmax(&logits, Axis(1), 1.0).unwrap();
        for (x, p) in logits.rows().into_iter().zip(together.rows()) {
            assert_eq!(softmax(&x, Axis(0), 1.0).unwrap(), p);
        }
    }

    #[test]
    fn a_masked_class_gets_nothing_and_takes_nothing() {
        let inf = f64::NEG_INFINITY;
        let p = softmax(&array![1.0, inf, 2.0], Axis(0), 1.0).unwrap();
        let q = softmax(&array![1.0, 2.0], Axis(0), 1.0).unwrap();
        assert_eq!((p[0], p[1], p[2]), (q[0], 0.0, q[1]));
        assert_eq!(log_softmax(&array![inf, 0.0], Axis(0), 1.0).unwrap(), array![inf, 0.0]);
    }

    #[test]
    fn extremes_stay_finite() {
        let logits = array![f32::MAX, f32::MIN, 0.0, f32::MIN_POSITIVE, 1e-45];
        for temperature in [1e-30, 1.0, 1e30] {
            let p = softmax(&logits, Axis(0), temperature).unwrap();
            assert!(p.iter().all(|p| p.is_finite()));
            assert_abs_diff_eq!(p.sum(), 1.0, epsilon = 1e-6);
        }
    }

    #[test]
    fn bad_input_is_named_and_leaves_the_array() {
        let good = array![[1.0_f32, 2.0], [3.0, 4.0]];
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(matches!(softmax(&good, Axis(1), temperature), Err(Error::Temperature(_))));
        }
        let message = softmax(&good, Axis(1), 0.0).unwrap_err().to_string();
        assert_eq!(message, "temperature must be finite and > 0, got 0");
        assert_eq!(softmax(&good, Axis(2), 1.0), Err(Error::Axis { axis: 2, dimensions: 2 }));
        for bad in [f32::NAN, f32::INFINITY] {
            let mut logits = array![[1.0, 2.0], [3.0, bad]];
            let result = softmax_inplace(&mut logits, Axis(1), 1.0);
            assert!(matches!(result, Err(Error::Logit { row: 1, .. })));
            assert_eq!(logits.row(0), good.row(0));
        }
        let masked = array![[f32::NEG_INFINITY, f32::NEG_INFINITY]];
        assert_eq!(softmax(&masked, Axis(1), 1.0), Err(Error::AllMasked { row: 0 }));
        let result = softmax_into(&good, Axis(1), 1.0, &mut Array2::zeros((2, 3)));
        assert!(matches!(result, Err(Error::Shape { .. })));
        let empty = Array2::<f32>::zeros((3, 0));
        assert_eq!(softmax(&empty, Axis(1), 1.0), Err(Error::Empty("softmax")));
        assert_eq!(softmax(&Array2::<f32>::zeros((0, 3)), Axis(1), 1.0).unwrap().len(), 0);
        assert!(softmax(&ArrayD::<f32>::zeros(vec![]), Axis(0), 1.0).is_err());
    }
}
