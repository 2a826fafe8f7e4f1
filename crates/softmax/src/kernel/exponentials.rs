//! The exponentials of a row, and their sum.

use pulp::Simd;

use super::{Element, Shift, Sum, map, map_into};

/// What a row's exponentials add up to, and the largest of its logits.
#[derive(Clone, Copy)]
pub(crate) struct Total<F> {
    pub(crate) sum: f64,
    pub(crate) max: F,
}

/// From so many vectors on, what is lost of some makes up for what is gained of others.
const MANY: usize = 32;

fn is_long<S: Simd, F: Element>(row: &[F]) -> bool {
    row.len() >= MANY * F::lanes::<S>()
}

/// Writes the exponentials of `row`, times [`Element::fine_scale`], to `out`. NaN, if it is in the row, is
/// in the sum.
///
/// In a long row, four or eight vectors at a time are added up before the sum takes them, which spares it
/// most of its work, and what the rounding of the exponentials took is left out. Both show unless no number
/// is much larger than the others; else [`exact_sum`] has to follow.
#[inline(always)]
pub(crate) fn exponentials<S: Simd, F: Element>(
    s: S,
    shift: &Shift<F>,
    row: &[F],
    out: &mut [F],
) -> Total<F> {
    let mut running = Running::new(s, shift);
    if is_long::<S, F>(row) {
        running.long(s, row, Some(out));
    } else {
        running.short(s, row, out);
    }
    running.total(s)
}

/// The same of a long row, without writing them.
#[inline(always)]
pub(crate) fn rough_sum<S: Simd, F: Element>(
    s: S,
    shift: &Shift<F>,
    row: &[F],
) -> Option<Total<F>> {
    if !is_long::<S, F>(row) {
        return None;
    }
    let mut running = Running::new(s, shift);
    running.long(s, row, None);
    Some(running.total(s))
}

struct Running<'a, S: Simd, F: Element> {
    shift: &'a Shift<F>,
    sum: Sum<S, F>,
    largest: F::V<S>,
}

impl<'a, S: Simd, F: Element> Running<'a, S, F> {
    #[inline(always)]
    fn new(s: S, shift: &'a Shift<F>) -> Self {
        Self { shift, sum: Sum::new(s), largest: F::splat(s, F::MASKED) }
    }

    #[inline(always)]
    fn short(&mut self, s: S, row: &[F], out: &mut [F]) {
        map_into(
            s,
            [row],
            [F::MASKED],
            [out],
            #[inline(always)]
            |[x]| {
                self.largest = F::max(s, self.largest, x);
                let [exp, lost] = self.shift.exp_and_lost(s, x);
                self.sum.add(s, exp);
                self.sum.add_lost(s, lost);
                [exp]
            },
        );
    }

    /// As many vectors at a time as registers hold: what takes no table needs more of them for each.
    #[inline(always)]
    fn long(&mut self, s: S, row: &[F], out: Option<&mut [F]>) {
        if F::sixteenths(s, self.largest).is_some() {
            self.groups::<8>(s, row, out);
        } else {
            self.groups::<4>(s, row, out);
        }
    }

    /// The last vectors lie partly over those before them.
    #[inline(always)]
    fn groups<const N: usize>(&mut self, s: S, row: &[F], mut out: Option<&mut [F]>) {
        let groups = F::vectors::<S>(row).0.as_chunks::<N>().0;
        // Two loops, as a test in one costs a thirtieth.
        match &mut out {
            Some(out) => {
                let out = F::vectors_mut::<S>(out).0.as_chunks_mut::<N>().0;
                for (&group, out) in groups.iter().zip(out) {
                    *out = self.exps(s, group);
                    self.add(s, *out);
                }
            }
            None => {
                for &group in groups {
                    let exps = self.exps(s, group);
                    self.add(s, exps);
                }
            }
        }
        let lanes = F::lanes::<S>();
        match row.len() % (N * lanes) {
            0 => {}
            left if left <= 4 * lanes => self.last::<4>(s, row, left, out),
            left => self.last::<N>(s, row, left, out),
        }
    }

    /// The last `N` vectors of a row, of which so many numbers are not in the sum yet.
    #[inline(always)]
    fn last<const N: usize>(&mut self, s: S, row: &[F], left: usize, out: Option<&mut [F]>) {
        let lanes = F::lanes::<S>();
        let at = row.len() - N * lanes;
        let mut exps = self.exps(s, F::vectors::<S>(&row[at..]).0.as_chunks::<N>().0[0]);
        if let Some(out) = out {
            F::vectors_mut::<S>(&mut out[at..]).0.copy_from_slice(&exps);
        }
        for (n, exp) in exps.iter_mut().enumerate() {
            let new = (left + (n + 1) * lanes).saturating_sub(N * lanes).min(lanes);
            *exp = F::keep_last(s, *exp, new);
        }
        self.add(s, exps);
    }

    #[inline(always)]
    fn exps<const N: usize>(&mut self, s: S, x: [F::V<S>; N]) -> [F::V<S>; N] {
        let largest = by_pairs(x, |a, b| F::max(s, a, b));
        self.largest = F::max(s, self.largest, largest);
        self.shift.exps(s, x)
    }

    #[inline(always)]
    fn add<const N: usize>(&mut self, s: S, exps: [F::V<S>; N]) {
        self.sum.add_rounded(s, by_pairs(exps, |a, b| F::add(s, a, b)));
    }

    #[inline(always)]
    fn total(&self, s: S) -> Total<F> {
        Total { sum: self.sum.total(s), max: F::reduce_max(s, self.largest) }
    }
}

/// Four or eight vectors as one, neighbours first.
#[inline(always)]
fn by_pairs<V: Copy, const N: usize>(mut vectors: [V; N], f: impl Fn(V, V) -> V) -> V {
    let mut left = N;
    while left > 1 {
        left /= 2;
        for n in 0..left {
            vectors[n] = f(vectors[2 * n], vectors[2 * n + 1]);
        }
    }
    vectors[0]
}

/// The sum of what [`exponentials`] has written of a row, without what that lost; nothing where it lost
/// nothing.
#[inline(always)]
pub(crate) fn exact_sum<S: Simd, F: Element>(s: S, row: &[F]) -> Option<f64> {
    if !is_long::<S, F>(row) {
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
