//! Ranks whose probabilities fall as a power: `P(r) = r^-α / H(n)`, with `H(n) = Σ_{r ≤ n} r^-α`.
//!
//! A table of sums would take eight bytes an item and grow with the buffer. But the sums are known in
//! closed form: the first are added up, and from there on they are, by Euler and Maclaurin,
//!
//! ```text
//! H(n) = C + (n^(1-α) - 1)/(1-α) + n^-α/2 - α n^(-α-1)/12 + α(α+1)(α+2) n^(-α-3)/720 - ...
//! ```
//!
//! where the logarithm stands for the second term when α is 1. From 32 on, what is left out is less
//! than 10⁻¹³.

use std::fmt;

/// The ranks whose sums are added up.
const EXACT: usize = 32;

/// The sums of `r^-α`, for an α from 0 to 1.
#[derive(Clone, PartialEq)]
pub(super) struct PowerLaw {
    alpha: f64,
    /// The sums up to each of the first ranks.
    sums: [f64; EXACT + 1],
    /// The difference between the sum and the formula, the same from there on.
    constant: f64,
}

impl PowerLaw {
    pub(super) fn new(alpha: f64) -> Self {
        let mut law = Self { alpha, sums: [0.0; EXACT + 1], constant: 0.0 };
        for rank in 1..=EXACT {
            law.sums[rank] = law.sums[rank - 1] + (rank as f64).powf(-alpha);
        }
        law.constant = law.sums[EXACT] - law.formula(EXACT as f64);
        law
    }

    /// `H(n)`
    pub(super) fn sum(&self, n: usize) -> f64 {
        match self.sums.get(n) {
            Some(&sum) => sum,
            None => self.constant + self.formula(n as f64),
        }
    }

    /// The rank from 1 to `n` that a point in `[0, H(n))` falls on when the `r^-α` are laid end to
    /// end.
    pub(super) fn rank_at(&self, point: f64, n: usize) -> usize {
        if point < self.sums[EXACT] {
            return (self.sums.partition_point(|&sum| sum <= point)).clamp(1, n);
        }
        // The middle of rank r is near where the integral up to r is the point.
        let power = 1.0 - self.alpha;
        let integral = point - self.constant;
        let ln = if power == 0.0 { integral } else { (power * integral).ln_1p() / power };
        let mut rank = (ln.exp().round() as usize).clamp(1, n);
        while rank > 1 && point < self.sum(rank - 1) {
            rank -= 1;
        }
        while rank < n && point >= self.sum(rank) {
            rank += 1;
        }
        rank
    }

    fn formula(&self, n: f64) -> f64 {
        let (a, ln) = (self.alpha, n.ln());
        let power = 1.0 - a;
        // Not n^(1-α) - 1, which would lose all digits as α comes near 1.
        let integral = if power == 0.0 { ln } else { (power * ln).exp_m1() / power };
        let term = (-a * ln).exp();
        let x = 1.0 / (n * n);
        let odd = a / n;
        let third = odd * (a + 1.0) * (a + 2.0) * x;
        let fifth = third * (a + 3.0) * (a + 4.0) * x;
        integral + term * (0.5 - odd / 12.0 + third / 720.0 - fifth / 30_240.0)
    }
}

/// Without the sums.
impl fmt::Debug for PowerLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PowerLaw").field("alpha", &self.alpha).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    const ALPHAS: [f64; 7] = [0.0, 0.1, 0.5, 0.7, 0.999_999, 1.0 - f64::EPSILON, 1.0];

    #[test]
    fn the_formula_is_the_sum() {
        for alpha in ALPHAS {
            let law = PowerLaw::new(alpha);
            let mut sum = 0.0;
            for rank in 1..=100_000 {
                sum += (rank as f64).powf(-alpha);
                if rank < 100 || rank % 9_999 == 0 {
                    assert_relative_eq!(law.sum(rank), sum, max_relative = 1e-11);
                }
            }
        }
    }

    #[test]
    fn both_ends_of_a_rank_are_found() {
        for alpha in ALPHAS {
            let law = PowerLaw::new(alpha);
            let n = 1_000_000;
            for rank in (1..200).chain([1_000, 9_999, 123_456, n - 1, n]) {
                let (start, end) = (law.sum(rank - 1), law.sum(rank));
                let width = end - start;
                for fraction in [0.001, 0.5, 0.999] {
                    let found = law.rank_at(start + fraction * width, n);
                    assert_eq!(found, rank, "α {alpha}");
                }
            }
            assert_eq!(law.rank_at(law.sum(n), n), n, "rounding may take a point to the end");
            assert_eq!(law.rank_at(law.sum(3), 3), 3);
            assert_eq!(law.rank_at(0.0, 1), 1);
        }
    }
}
