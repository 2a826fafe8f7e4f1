//! Walks several rows of the same length side by side, a vector at a time.
//!
//! Whatever touches a vector has to be inlined into the one function that is compiled for the
//! instruction set, or each operation becomes a call. So closures are marked, and arrays of vectors are
//! filled in loops, not with `from_fn`.

#![allow(clippy::needless_range_loop)]

use pulp::Simd;

use super::{Element, Sum};

/// Calls `f` with the vectors of all rows. The rest of the rows, less than a vector, is filled up
/// with `fill`, one value a row.
#[inline(always)]
pub(crate) fn map<S: Simd, F: Element, const N: usize>(
    s: S,
    rows: [&[F]; N],
    fill: [F; N],
    mut f: impl FnMut([F::V<S>; N]),
) {
    map_into(
        s,
        rows,
        fill,
        [],
        #[inline(always)]
        |vectors| {
            f(vectors);
            []
        },
    );
}

/// The same, and writes what `f` returns to the rows `out`.
#[inline(always)]
pub(crate) fn map_into<S: Simd, F: Element, const N: usize, const M: usize>(
    s: S,
    rows: [&[F]; N],
    fill: [F; N],
    out: [&mut [F]; M],
    mut f: impl FnMut([F::V<S>; N]) -> [F::V<S>; M],
) {
    let rows = rows.map(F::vectors::<S>);
    let out = out.map(F::vectors_mut::<S>);
    let whole = rows.iter().map(|row| row.0.len()).min().unwrap_or(0);
    let mut vectors = [F::splat(s, F::default()); N];
    for i in 0..whole {
        for n in 0..N {
            vectors[n] = rows[n].0[i];
        }
        let result = f(vectors);
        for m in 0..M {
            out[m].0[i] = result[m];
        }
    }
    if !rows[0].1.is_empty() {
        for n in 0..N {
            vectors[n] = F::load_part(s, rows[n].1, F::splat(s, fill[n]));
        }
        let result = f(vectors);
        for m in 0..M {
            F::store_part(s, out[m].1, result[m]);
        }
    }
}

/// From so many vectors on, what is lost of some makes up for what is gained of others.
const MANY: usize = 32;

/// Writes the first of what `f` makes of the vectors of `row` to `out`, and returns the sum of both. The
/// rest of the row is filled up with `fill`.
///
/// In a row of [`MANY`] vectors, four at a time are added up before the sum takes them, which spares it
/// most of its work, and the second of them is left out. Both show unless no number is much larger than
/// the others; else [`exact_sum`] has to follow.
#[inline(always)]
pub(crate) fn map_and_sum<S: Simd, F: Element>(
    s: S,
    row: &[F],
    fill: F,
    out: &mut [F],
    mut f: impl FnMut(F::V<S>) -> [F::V<S>; 2],
) -> f64 {
    let mut sum = Sum::<S, F>::new(s);
    let (vectors, part) = F::vectors::<S>(row);
    let (out_vectors, out_part) = F::vectors_mut::<S>(out);
    let together = if vectors.len() < MANY { 0 } else { vectors.len() / 4 * 4 };
    let (fours, singles) = vectors.split_at(together);
    let (out_fours, out_singles) = out_vectors.split_at_mut(together);
    let (fours, out_fours) = (fours.as_chunks::<4>().0, out_fours.as_chunks_mut::<4>().0);
    for (four, out) in fours.iter().zip(out_fours) {
        let mut results = *four;
        for n in 0..4 {
            [results[n], _] = f(results[n]);
        }
        *out = results;
        let [a, b, c, d] = results;
        sum.add(s, F::add(s, F::add(s, a, b), F::add(s, c, d)));
    }
    for (&x, out) in singles.iter().zip(out_singles) {
        let [result, lost] = f(x);
        *out = result;
        sum.add(s, result);
        sum.add_lost(s, lost);
    }
    if !part.is_empty() {
        let [result, lost] = f(F::load_part(s, part, F::splat(s, fill)));
        F::store_part(s, out_part, result);
        sum.add(s, result);
        sum.add_lost(s, lost);
    }
    sum.total(s)
}

/// The sum of what [`map_and_sum`] has written of a row, without what that lost; nothing where it lost
/// nothing.
#[inline(always)]
pub(crate) fn exact_sum<S: Simd, F: Element>(s: S, row: &[F]) -> Option<f64> {
    if F::vectors::<S>(row).0.len() < MANY {
        return None;
    }
    let mut sum = Sum::<S, F>::new(s);
    map(
        s,
        [row],
        [F::default()],
        #[inline(always)]
        |[x]| sum.add(s, x),
    );
    Some(sum.total(s))
}

/// [`map_into`] with one row to write to, whose whole vectors it writes at aligned addresses. Where
/// that begins depends on where the row lies in memory; so `f` must treat each element alone.
#[inline(always)]
pub(crate) fn map_aligned<S: Simd, F: Element, const N: usize>(
    s: S,
    rows: [&[F]; N],
    out: &mut [F],
    mut f: impl FnMut([F::V<S>; N]) -> F::V<S>,
) {
    let lead = F::lead::<S>(out);
    let (first, out) = out.split_at_mut(lead);
    let fill = [F::default(); N];
    map_into(
        s,
        rows.map(|row| &row[..lead]),
        fill,
        [first],
        #[inline(always)]
        |x| [f(x)],
    );
    map_into(
        s,
        rows.map(|row| &row[lead..]),
        fill,
        [out],
        #[inline(always)]
        |x| [f(x)],
    );
}

/// The same over the row itself, whose vectors `f` gets first.
#[inline(always)]
pub(crate) fn update_aligned<S: Simd, F: Element, const N: usize>(
    s: S,
    row: &mut [F],
    others: [&[F]; N],
    mut f: impl FnMut(F::V<S>, [F::V<S>; N]) -> F::V<S>,
) {
    let lead = F::lead::<S>(row);
    let (first, rest) = row.split_at_mut(lead);
    update_part(s, first, others.map(|other| &other[..lead]), &mut f);
    let (vectors, last) = F::vectors_mut::<S>(rest);
    let others = others.map(|other| F::vectors::<S>(&other[lead..]));
    let mut beside = [F::splat(s, F::default()); N];
    for (i, x) in vectors.iter_mut().enumerate() {
        for n in 0..N {
            beside[n] = others[n].0[i];
        }
        *x = f(*x, beside);
    }
    update_part(s, last, others.map(|other| other.1), &mut f);
}

/// [`update_aligned`] of less than a vector.
#[inline(always)]
fn update_part<S: Simd, F: Element, const N: usize>(
    s: S,
    row: &mut [F],
    others: [&[F]; N],
    f: &mut impl FnMut(F::V<S>, [F::V<S>; N]) -> F::V<S>,
) {
    if !row.is_empty() {
        let zero = F::splat(s, F::default());
        let mut beside = [zero; N];
        for n in 0..N {
            beside[n] = F::load_part(s, others[n], zero);
        }
        let x = F::load_part(s, row, zero);
        F::store_part(s, row, f(x, beside));
    }
}
