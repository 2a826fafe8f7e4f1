//! Takes an array apart into its rows along an axis, and shares them between threads.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{ArrayRef, Axis, Dimension, RemoveAxis};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::kernel::{Element, Path, Simd, WithSimd, is_long};
use crate::log_sum::logsumexp;
use crate::row::check_row;
use crate::softmax_row::{Form, Unfit, long_softmax, normalise};
use crate::temperature::Temperature;
use crate::tiles::for_each_row;
use crate::{Error, Real, Result};

/// From so many numbers on, rows are shared between threads: one core does them in about 20 µs, some
/// times of what it takes to wake another.
#[cfg(feature = "rayon")]
const PARALLEL_ELEMENTS: usize = 1 << 16;

/// So many bytes of logits and results stay in a processor's caches. Of more, each row is finished before the
/// next is begun: from memory, three sequences at once take a third longer than two (measured on Zen 4).
const CACHED: usize = 8 << 20;

/// Whether so many numbers are worth sharing between threads.
#[cfg(feature = "rayon")]
pub(crate) fn parallel(elements: usize) -> bool {
    elements >= PARALLEL_ELEMENTS && rayon::current_num_threads() > 1
}

/// How many of so many rows make one part a thread.
#[cfg(feature = "rayon")]
pub(crate) fn part_of(rows: usize) -> usize {
    rows.div_ceil(rayon::current_num_threads())
}

/// The axis, if the array has it and there is something along it.
pub(crate) fn checked<F: Real, D: Dimension>(logits: &ArrayRef<F, D>, axis: Axis) -> Result<Axis> {
    if axis.index() >= logits.ndim() {
        return Err(Error::Axis { axis: axis.index(), dimensions: logits.ndim() });
    }
    if logits.len_of(axis) == 0 {
        return Err(Error::Empty("softmax"));
    }
    Ok(axis)
}

/// Writes each row's softmax or log-softmax to the same place of `out`.
pub(crate) fn normalise_into<F: Real, D: RemoveAxis>(
    form: Form,
    logits: &ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
    out: &mut ArrayRef<F, D>,
) -> Result<()> {
    let temperature = Temperature::new(temperature.as_f64())?;
    let axis = checked(logits, axis)?;
    check_shape("out", logits.shape(), out.shape())?;
    let unfit = AtomicBool::new(false);
    let last = axis.index() + 1 == logits.ndim();
    match (logits.as_slice(), out.as_slice_mut()) {
        (Some(from), Some(to)) if last => {
            let classes = logits.len_of(axis);
            let side_by_side = size_of_val(from) + size_of_val(to) <= CACHED;
            in_parts(from, to, classes, |rows, out| {
                let temperature = &temperature;
                let all = Normalise { form, temperature, classes, side_by_side, rows, out };
                note(&unfit, F::normalise(all));
            });
        }
        _ => {
            let from = Some(logits.view().into_dyn());
            for_each_row(from, out.view_mut().into_dyn(), axis, &|row, out| {
                note(&unfit, one_row(form, &temperature, row, out));
            });
        }
    }
    explain(unfit, logits, axis)
}

/// Calls `f` with whole rows of `from` and the same rows of `to`, as many at a time as make one part
/// a thread.
fn in_parts<F: Real>(
    from: &[F],
    to: &mut [F],
    classes: usize,
    f: impl Fn(&[F], &mut [F]) + Sync + Send,
) {
    #[cfg(feature = "rayon")]
    if parallel(from.len()) {
        let part = part_of(from.len() / classes) * classes;
        from.par_chunks(part).zip(to.par_chunks_mut(part)).for_each(|(from, to)| f(from, to));
        return;
    }
    #[cfg(not(feature = "rayon"))]
    let _ = classes;
    f(from, to);
}

/// Replaces each row by its softmax or log-softmax, after all of them have been checked.
pub(crate) fn normalise_over<F: Real, D: RemoveAxis>(
    form: Form,
    logits: &mut ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
) -> Result<()> {
    let temperature = Temperature::new(temperature.as_f64())?;
    let axis = checked(logits, axis)?;
    check_rows(logits, axis)?;
    for_each_row(None, logits.view_mut().into_dyn(), axis, &|row, out| {
        // The row has been checked.
        let _ = one_row(form, &temperature, row, out);
    });
    Ok(())
}

/// Writes each row's `T · log Σ exp(x/T)` to `out`.
pub(crate) fn logsumexp_lanes<F: Real, D: RemoveAxis>(
    logits: &ArrayRef<F, D>,
    axis: Axis,
    temperature: F,
    out: &mut ArrayRef<F, D::Smaller>,
) -> Result<()> {
    let temperature = Temperature::new(temperature.as_f64())?;
    let axis = checked(logits, axis)?;
    check_shape("out", logits.raw_dim().remove_axis(axis).slice(), out.shape())?;
    let unfit = AtomicBool::new(false);
    let sum = |row: &[F], out: &mut F| {
        let sum = F::logsumexp(LogSumExp { temperature: &temperature, row });
        note(&unfit, sum.map(|sum| *out = F::from_f64(sum)));
    };
    match (logits.as_slice(), out.as_slice_mut()) {
        (Some(from), Some(to)) if axis.index() + 1 == logits.ndim() => {
            let classes = logits.len_of(axis);
            #[cfg(feature = "rayon")]
            if parallel(from.len()) {
                let rows = from.par_chunks_exact(classes).zip(to);
                rows.for_each(|(row, out)| sum(row, out));
                return explain(unfit, logits, axis);
            }
            from.chunks_exact(classes).zip(to).for_each(|(row, out)| sum(row, out));
        }
        _ => {
            // One place a row, where the row's axis was.
            let to = out.view_mut().into_dyn().insert_axis(axis);
            for_each_row(Some(logits.view().into_dyn()), to, axis, &|row, out| {
                sum(row, &mut out[0]);
            });
        }
    }
    explain(unfit, logits, axis)
}

/// Whether two arrays that belong together have one shape.
pub(crate) fn check_shape(what: &'static str, expected: &[usize], got: &[usize]) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Shape { what, expected: expected.to_vec(), got: got.to_vec() })
}

/// The error of the first row that has one.
fn check_rows<F: Real, D: RemoveAxis>(logits: &ArrayRef<F, D>, axis: Axis) -> Result<()> {
    logits.lanes(axis).into_iter().enumerate().try_for_each(|(index, row)| check_row(row, index))
}

fn note(unfit: &AtomicBool, result: Result<(), Unfit>) {
    if result.is_err() {
        unfit.store(true, Ordering::Relaxed);
    }
}

/// What was wrong, if a row turned out unfit: told only now, so that the rows need no check of their
/// own and the first of them is named, whichever thread came upon one first.
fn explain<F: Real, D: RemoveAxis>(
    unfit: AtomicBool,
    logits: &ArrayRef<F, D>,
    axis: Axis,
) -> Result<()> {
    if unfit.into_inner() { check_rows(logits, axis) } else { Ok(()) }
}

fn one_row<F: Real>(
    form: Form,
    temperature: &Temperature<F>,
    row: &[F],
    out: &mut [F],
) -> Result<(), Unfit> {
    let (classes, side_by_side) = (row.len(), false);
    F::normalise(Normalise { form, temperature, classes, side_by_side, rows: row, out })
}

/// What is compiled in this crate, once for each type. Generic functions would be compiled again in every
/// crate and program that calls them, and these take long.
pub trait Compiled: Element {
    /// Softmax or log-softmax of rows, on the best path.
    fn normalise(rows: Normalise<'_, Self>) -> Result<(), Unfit>;
    /// The logarithm of the sum of a row, on the best path.
    fn logsumexp(row: LogSumExp<'_, Self>) -> Result<f64, Unfit>;
}

macro_rules! compiled {
    ($($float:ident)*) => {$(
        impl Compiled for $float {
            fn normalise(rows: Normalise<'_, Self>) -> Result<(), Unfit> {
                Path::best().run(rows)
            }
            fn logsumexp(row: LogSumExp<'_, Self>) -> Result<f64, Unfit> {
                Path::best().run(row)
            }
        }
    )*};
}

compiled!(f32 f64);

/// Rows of so many classes each.
#[derive(Debug)]
pub struct Normalise<'a, F> {
    pub(crate) form: Form,
    pub(crate) temperature: &'a Temperature<F>,
    pub(crate) classes: usize,
    /// Whether a row may be finished while the next is begun.
    pub(crate) side_by_side: bool,
    pub(crate) rows: &'a [F],
    pub(crate) out: &'a mut [F],
}

impl<F: Element> WithSimd for Normalise<'_, F> {
    type Output = Result<(), Unfit>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { form, temperature, classes, side_by_side, rows, out } = self;
        if matches!(form, Form::Softmax) && is_long::<S, F>(classes) {
            long_softmax(simd, temperature, classes, side_by_side, rows, out)
        } else {
            normalise(simd, form, temperature, classes, rows, out)
        }
    }
}

/// One row.
#[derive(Debug)]
pub struct LogSumExp<'a, F> {
    temperature: &'a Temperature<F>,
    row: &'a [F],
}

impl<F: Element> WithSimd for LogSumExp<'_, F> {
    type Output = Result<f64, Unfit>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        logsumexp(simd, self.temperature, self.row)
    }
}
