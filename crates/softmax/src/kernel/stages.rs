//! The exponentials of a long row, and their sum, in three stages.
//!
//! An exponential is a chain of a dozen operations, each of which has to wait for the one before. A
//! processor works on other vectors meanwhile, but does not look so far ahead that it would find enough of
//! them behind all of a chain. So while two vectors are in the last part of theirs, the next two are in the
//! middle part and two more in the first.

#![allow(clippy::needless_range_loop)] // see row.rs

use pulp::Simd;

use super::exponential::{Begun, Reduced};
use super::{Element, Shift, Sum, Total};

/// So many vectors go through the stages together.
pub(super) const PAIR: usize = 2;
/// So many are added up before the sum takes them.
pub(super) const GROUP: usize = 8;

type Vectors<S, F, const N: usize> = [<F as Element>::V<S>; N];

/// A row whose first vectors are in the stages.
pub(super) struct Stages<'a, S: Simd, F: Element> {
    shift: &'a Shift<F>,
    begun: [Begun<F::V<S>>; PAIR],
    reduced: [Reduced<F::V<S>>; PAIR],
    sum: Sum<S, F>,
    largest: F::V<S>,
}

impl<'a, S: Simd, F: Element> Stages<'a, S, F> {
    /// Of a row that has two pairs or more.
    #[inline(always)]
    pub(super) fn new(s: S, shift: &'a Shift<F>, row: &[F]) -> Self {
        let pairs = F::vectors::<S>(row).0.as_chunks::<PAIR>().0;
        let mut largest = F::splat(s, F::MASKED);
        let first = begin(s, shift, &mut largest, pairs[0]);
        let reduced = reduce(s, shift, first);
        let begun = begin(s, shift, &mut largest, pairs[1]);
        Self { shift, begun, reduced, sum: Sum::new(s), largest }
    }

    /// The groups that go in while those of the row come out, two pairs behind them.
    #[inline(always)]
    pub(super) fn entering(row: &[F]) -> &[Vectors<S, F, GROUP>] {
        F::vectors::<S>(&row[2 * PAIR * F::lanes::<S>()..]).0.as_chunks().0
    }

    /// Takes a group in, and calls `f` with each pair of exponentials that comes out, and its place among
    /// those of this group.
    #[inline(always)]
    pub(super) fn group(
        &mut self,
        s: S,
        entering: &Vectors<S, F, GROUP>,
        mut f: impl FnMut(usize, Vectors<S, F, PAIR>),
    ) {
        let mut sums = [F::splat(s, F::default()); GROUP / PAIR];
        let pairs = entering.as_chunks::<PAIR>().0;
        for n in 0..GROUP / PAIR {
            let exps = self.advance(s, pairs[n]);
            f(n * PAIR, exps);
            sums[n] = sum::<S, F, _>(s, exps);
        }
        self.sum.add_rounded(s, sum::<S, F, _>(s, sums));
    }

    /// Does what is left of the row after so many groups, whose last vector may lie partly over the one
    /// before. Calls `f` with the exponentials and where in the row they begin.
    #[inline(always)]
    pub(super) fn rest(
        mut self,
        s: S,
        row: &[F],
        groups: usize,
        mut f: impl FnMut(usize, &[F::V<S>]),
    ) -> Total<F> {
        let lanes = F::lanes::<S>();
        let step = PAIR * lanes;
        let mut at = groups * GROUP * lanes;
        while at + 3 * step <= row.len() {
            let entering = F::vectors::<S>(&row[at + 2 * step..]).0.as_chunks().0[0];
            let exps = self.advance(s, entering);
            self.sum.add_rounded(s, sum::<S, F, _>(s, exps));
            f(at, &exps);
            at += step;
        }
        let left = row.len() - at - 2 * step;
        for n in 0..left.div_ceil(lanes) {
            let from = row.len() - (n + 1) * lanes;
            let x = F::vectors::<S>(&row[from..]).0[0];
            self.largest = F::max(s, self.largest, x);
            let exp = self.shift.finish(s, self.shift.reduce(s, self.shift.begin(s, x)));
            f(from, &[exp]);
            let new = (left - n * lanes).min(lanes);
            self.sum.add_rounded(s, F::keep_last(s, exp, new));
        }
        let exps = finish(s, self.shift, self.reduced);
        f(at, &exps);
        self.sum.add_rounded(s, sum::<S, F, _>(s, exps));
        let exps = finish(s, self.shift, reduce(s, self.shift, self.begun));
        f(at + step, &exps);
        self.sum.add_rounded(s, sum::<S, F, _>(s, exps));
        Total { sum: self.sum.total(s), max: F::reduce_max(s, self.largest) }
    }

    /// The exponentials of the pair that is furthest on.
    #[inline(always)]
    fn advance(&mut self, s: S, entering: Vectors<S, F, PAIR>) -> Vectors<S, F, PAIR> {
        let shift = self.shift;
        let exps = finish(s, shift, self.reduced);
        self.reduced = reduce(s, shift, self.begun);
        self.begun = begin(s, shift, &mut self.largest, entering);
        exps
    }
}

#[inline(always)]
fn begin<S: Simd, F: Element>(
    s: S,
    shift: &Shift<F>,
    largest: &mut F::V<S>,
    [a, b]: Vectors<S, F, PAIR>,
) -> [Begun<F::V<S>>; PAIR] {
    *largest = F::max(s, *largest, F::max(s, a, b));
    [shift.begin(s, a), shift.begin(s, b)]
}

#[inline(always)]
fn reduce<S: Simd, F: Element>(
    s: S,
    shift: &Shift<F>,
    [a, b]: [Begun<F::V<S>>; PAIR],
) -> [Reduced<F::V<S>>; PAIR] {
    [shift.reduce(s, a), shift.reduce(s, b)]
}

#[inline(always)]
fn finish<S: Simd, F: Element>(
    s: S,
    shift: &Shift<F>,
    [a, b]: [Reduced<F::V<S>>; PAIR],
) -> Vectors<S, F, PAIR> {
    [shift.finish(s, a), shift.finish(s, b)]
}

/// Neighbours first.
#[inline(always)]
fn sum<S: Simd, F: Element, const N: usize>(s: S, mut vectors: Vectors<S, F, N>) -> F::V<S> {
    let mut left = N;
    while left > 1 {
        left /= 2;
        for n in 0..left {
            vectors[n] = F::add(s, vectors[2 * n], vectors[2 * n + 1]);
        }
    }
    vectors[0]
}
