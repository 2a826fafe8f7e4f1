//! Walks several rows of the same length side by side, a vector at a time.
//!
//! Whatever touches a vector has to be inlined into the one function that is compiled for the
//! instruction set, or each operation becomes a call. So closures are marked, and arrays of vectors are
//! filled in loops, not with `from_fn`.

#![allow(clippy::needless_range_loop)]

use pulp::Simd;

use super::Element;

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

/// [`map_into`] with one row to write to, whose whole vectors it writes at aligned addresses.
///
/// What is left of a long row before and behind them comes as whole vectors that lie partly over these:
/// less than a vector is slow to read and to write.
#[inline(always)]
pub(crate) fn map_aligned<S: Simd, F: Element, const N: usize>(
    s: S,
    rows: [&[F]; N],
    out: &mut [F],
    f: impl Fn([F::V<S>; N]) -> F::V<S>,
) {
    let fill = [F::default(); N];
    if !F::is_worth_aligning::<S>(out) {
        map_into(
            s,
            rows,
            fill,
            [out],
            #[inline(always)]
            |x| [f(x)],
        );
        return;
    }
    let [first, last] = ends(s, rows);
    F::vectors_mut::<S>(out).0[0] = f(first);
    F::store_last::<S>(out, f(last));
    let aligned = F::aligned::<S>(out);
    map_into(
        s,
        rows.map(|row| &row[aligned.clone()]),
        fill,
        [&mut out[aligned]],
        #[inline(always)]
        |x| [f(x)],
    );
}

/// The same over the row itself, whose vectors `f` gets first.
///
/// What is left before and behind the aligned vectors of a long row comes as whole vectors that lie partly
/// over these: less than a vector is slow to read and to write. In a short row it was just written in other
/// pieces, and a read would have to wait for them.
#[inline(always)]
pub(crate) fn update_aligned<S: Simd, F: Element, const N: usize>(
    s: S,
    row: &mut [F],
    others: [&[F]; N],
    f: impl Fn(F::V<S>, [F::V<S>; N]) -> F::V<S>,
) {
    if !F::is_worth_aligning::<S>(row) {
        update(s, row, others, &f);
        return;
    }
    let [beside_first, beside_last] = ends(s, others);
    let first = f(F::vectors::<S>(row).0[0], beside_first);
    let last = f(F::last::<S>(row), beside_last);
    let aligned = F::aligned::<S>(row);
    update(s, &mut row[aligned.clone()], others.map(|other| &other[aligned.clone()]), &f);
    F::vectors_mut::<S>(row).0[0] = first;
    F::store_last::<S>(row, last);
}

/// The first and the last vector of each row.
#[inline(always)]
fn ends<S: Simd, F: Element, const N: usize>(s: S, rows: [&[F]; N]) -> [[F::V<S>; N]; 2] {
    let mut ends = [[F::splat(s, F::default()); N]; 2];
    for n in 0..N {
        ends[0][n] = F::vectors::<S>(rows[n]).0[0];
        ends[1][n] = F::last::<S>(rows[n]);
    }
    ends
}

/// Replaces the vectors of a row, and the rest, less than one.
#[inline(always)]
fn update<S: Simd, F: Element, const N: usize>(
    s: S,
    row: &mut [F],
    others: [&[F]; N],
    f: &impl Fn(F::V<S>, [F::V<S>; N]) -> F::V<S>,
) {
    let zero = F::splat(s, F::default());
    let (vectors, part) = F::vectors_mut::<S>(row);
    let others = others.map(F::vectors::<S>);
    let mut beside = [zero; N];
    for (i, x) in vectors.iter_mut().enumerate() {
        for n in 0..N {
            beside[n] = others[n].0[i];
        }
        *x = f(*x, beside);
    }
    if !part.is_empty() {
        for n in 0..N {
            beside[n] = F::load_part(s, others[n].1, zero);
        }
        let x = F::load_part(s, part, zero);
        F::store_part(s, part, f(x, beside));
    }
}
