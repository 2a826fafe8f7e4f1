//! The exponentials of a row, and their sum.

use pulp::Simd;

use super::stages::{GROUP, PAIR, Stages};
use super::{Element, Scaling, Shift, Sum, map, map_into};

/// What a row's exponentials add up to, and the largest of its logits.
#[derive(Clone, Copy)]
pub(crate) struct Total<F> {
    pub(crate) sum: f64,
    pub(crate) max: F,
}

/// From so many vectors on, what is lost of some makes up for what is gained of others.
const MANY: usize = 32;

/// Whether a row of so many classes has so many.
pub(crate) fn is_long<S: Simd, F: Element>(classes: usize) -> bool {
    classes >= MANY * F::lanes::<S>()
}

/// Writes the exponentials of `row`, times [`Element::fine_scale`], to `out`. NaN, if it is in the row, is
/// in the sum.
#[inline(always)]
pub(crate) fn exponentials<S: Simd, F: Element>(
    s: S,
    shift: &Shift<F>,
    row: &[F],
    out: &mut [F],
) -> Total<F> {
    let (mut sum, mut largest) = (Sum::<S, F>::new(s), F::splat(s, F::MASKED));
    map_into(
        s,
        [row],
        [F::MASKED],
        [out],
        #[inline(always)]
        |[x]| {
            largest = F::max(s, largest, x);
            let [exp, lost] = shift.exp_and_lost(s, x);
            sum.add(s, exp);
            sum.add_lost(s, lost);
            [exp]
        },
    );
    Total { sum: sum.total(s), max: F::reduce_max(s, largest) }
}

/// The same of a long row, of which eight vectors at a time are added up before the sum takes them: that
/// spares it most of its work. What the rounding of the exponentials took is left out. Both show unless no
/// number is much larger than the others; else [`exact_sum`] has to follow.
///
/// Meanwhile another row is scaled.
#[inline(always)]
pub(crate) fn long_exponentials<S: Simd, F: Element>(
    s: S,
    shift: &Shift<F>,
    row: &[F],
    out: &mut [F],
    other: Option<Scaling<'_, S, F>>,
) -> Total<F> {
    let mut stages = Stages::new(s, shift, row);
    let mut entering = Stages::<S, F>::entering(row);
    let places = F::vectors_mut::<S>(out).0.as_chunks_mut::<GROUP>().0;
    match other {
        Some(mut other) => {
            entering = &entering[..entering.len().min(other.left() / GROUP)];
            let (factor, scaled) = other.take(entering.len() * GROUP);
            let scaled = scaled.as_chunks_mut::<GROUP>().0;
            for ((entering, place), scaled) in entering.iter().zip(places).zip(scaled) {
                stages.group(
                    s,
                    entering,
                    #[inline(always)]
                    |at, exps| {
                        for x in &mut scaled[at..at + PAIR] {
                            *x = factor.times(s, *x);
                        }
                        place[at..at + PAIR].copy_from_slice(&exps);
                    },
                );
            }
            other.finish(s);
        }
        None => {
            for (entering, place) in entering.iter().zip(places) {
                stages.group(
                    s,
                    entering,
                    #[inline(always)]
                    |at, exps| place[at..at + PAIR].copy_from_slice(&exps),
                );
            }
        }
    }
    stages.rest(
        s,
        row,
        entering.len(),
        #[inline(always)]
        |at, exps| F::vectors_mut::<S>(&mut out[at..]).0[..exps.len()].copy_from_slice(exps),
    )
}

/// The same of a long row, without writing them.
#[inline(always)]
pub(crate) fn rough_sum<S: Simd, F: Element>(
    s: S,
    shift: &Shift<F>,
    row: &[F],
) -> Option<Total<F>> {
    if !is_long::<S, F>(row.len()) {
        return None;
    }
    let mut stages = Stages::new(s, shift, row);
    let entering = Stages::<S, F>::entering(row);
    for entering in entering {
        stages.group(
            s,
            entering,
            #[inline(always)]
            |_, _| {},
        );
    }
    Some(stages.rest(
        s,
        row,
        entering.len(),
        #[inline(always)]
        |_, _| {},
    ))
}

/// The sum of the exponentials of a long row, without what rounding took from them.
#[inline(always)]
pub(crate) fn exact_sum<S: Simd, F: Element>(s: S, exponentials: &[F]) -> f64 {
    let mut sum = Sum::<S, F>::new(s);
    map(
        s,
        [exponentials],
        [F::default()],
        #[inline(always)]
        |[x]| sum.add(s, x),
    );
    sum.total(s)
}
