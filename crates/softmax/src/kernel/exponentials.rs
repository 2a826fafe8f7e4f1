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
/// In a long row, four vectors at a time are added up before the sum takes them, which spares it most of
/// its work, and what the rounding of the exponentials took is left out. Both show unless no number is
/// much larger than the others; else [`exact_sum`] has to follow.
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

    /// The last four vectors lie partly over those before them.
    #[inline(always)]
    fn long(&mut self, s: S, row: &[F], mut out: Option<&mut [F]>) {
        let fours = F::vectors::<S>(row).0.as_chunks::<4>().0;
        // Two loops, as a test in one costs a fiftieth.
        match &mut out {
            Some(out) => {
                let out = F::vectors_mut::<S>(out).0.as_chunks_mut::<4>().0;
                for (&four, out) in fours.iter().zip(out) {
                    *out = self.exps(s, four);
                    self.add(s, *out);
                }
            }
            None => {
                for &four in fours {
                    let exps = self.exps(s, four);
                    self.add(s, exps);
                }
            }
        }
        let lanes = F::lanes::<S>();
        let left = row.len() % (4 * lanes);
        if left > 0 {
            let at = row.len() - 4 * lanes;
            let last = F::vectors::<S>(&row[at..]).0;
            let mut exps = self.exps(s, [last[0], last[1], last[2], last[3]]);
            if let Some(out) = out {
                F::vectors_mut::<S>(&mut out[at..]).0.copy_from_slice(&exps);
            }
            for (n, exp) in exps.iter_mut().enumerate() {
                let new = (left + n * lanes).saturating_sub(3 * lanes).min(lanes);
                *exp = F::keep_last(s, *exp, new);
            }
            self.add(s, exps);
        }
    }

    #[inline(always)]
    fn exps(&mut self, s: S, x: [F::V<S>; 4]) -> [F::V<S>; 4] {
        let [a, b, c, d] = x;
        let largest = F::max(s, F::max(s, a, b), F::max(s, c, d));
        self.largest = F::max(s, self.largest, largest);
        self.shift.exps(s, x)
    }

    #[inline(always)]
    fn add(&mut self, s: S, [a, b, c, d]: [F::V<S>; 4]) {
        self.sum.add_rounded(s, F::add(s, F::add(s, a, b), F::add(s, c, d)));
    }

    #[inline(always)]
    fn total(&self, s: S) -> Total<F> {
        Total { sum: self.sum.total(s), max: F::reduce_max(s, self.largest) }
    }
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
