//! Every item of the stream is equally likely to be kept.
//!
//! Vitter 1985, "Random sampling with a reservoir", ACM TOMS 11(1), algorithm R: the `n`-th item,
//! once there are `k`, is kept with probability `k/n`, in the place of a random one.

use super::Eviction;
use crate::{Result, StateReader, StateWriter};

/// Keeps a uniform sample of everything that was ever pushed: when `n` items have come to a buffer
/// of capacity `k`, each of them is in it with probability `k/n`, the first as well as the last.
///
/// The random choices are a function of the seed and of how many have been made, so that two numbers
/// are all there is to save. The probabilities hold as long as nothing else removes items: those that
/// were sampled often enough, or that leave because shared frames run short, are replaced by the next
/// that come. Items that are kept at random seldom have frames in common, so there is little to gain
/// from sharing them here.
///
/// # Example
///
/// ```
/// use reflux_replay::{Buffer, Reservoir, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// schema.column::<i64>("number", &[])?;
/// let mut buffer = Buffer::builder(schema, 10).with_eviction(Reservoir::new(7)).build(Uniform::new())?;
/// let ids: Vec<_> = (0..1000_i64).map(|n| buffer.push(&[(&n).into()])).collect::<Result<_, _>>()?;
/// let of_the_first_half = buffer.items().filter(|id| *id < ids[500]).count();
/// assert!(of_the_first_half > 0 && of_the_first_half < 10);
/// # Ok::<(), reflux_replay::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservoir {
    seed: u64,
    /// How many random numbers have been used.
    drawn: u64,
    /// How many items have come, kept or not, since the buffer was made or cleared.
    seen: u64,
}

impl Reservoir {
    /// A reservoir whose choices this seed settles.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, seen: 0 }
    }

    /// A number below `bound`, each exactly as likely as any other: Lemire 2019, "Fast random
    /// integer generation in an interval", ACM TOMACS 29(1).
    fn below(&mut self, bound: u64) -> u64 {
        loop {
            let product = u128::from(self.random()) * u128::from(bound);
            if product as u64 >= bound || product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// SplitMix64, which is a function of its counter: Steele, Lea & Flood 2014, "Fast splittable
    /// pseudorandom number generators", OOPSLA.
    fn random(&mut self) -> u64 {
        self.drawn += 1;
        let x = self.seed.wrapping_add(self.drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
}

impl Eviction for Reservoir {
    fn victim(&mut self, len: usize, _oldest: usize) -> Option<usize> {
        let slot = self.below(self.seen + 1);
        if slot < len as u64 {
            Some(slot as usize) // and it will be told that the new item was inserted
        } else {
            self.seen += 1;
            None
        }
    }

    fn another_victim(&mut self, len: usize, _oldest: usize) -> usize {
        self.below(len as u64) as usize
    }

    fn inserted(&mut self, _slot: usize) {
        self.seen += 1;
    }

    fn cleared(&mut self) {
        self.seen = 0;
    }

    fn kind(&self) -> &'static str {
        "reflux reservoir"
    }

    fn save_state(&self, _len: usize, state: &mut StateWriter) -> Result<()> {
        [self.seed, self.drawn, self.seen].into_iter().try_for_each(|n| state.write_u64(n))
    }

    /// The seed, too, is the one that was saved.
    fn load_state(&mut self, _len: usize, state: &mut StateReader) -> Result<()> {
        self.seed = state.read_u64()?;
        self.drawn = state.read_at_most(u64::MAX / 2, "the random numbers that were drawn")?;
        self.seen = state.read_at_most(u64::MAX / 2, "the items that were seen")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs for seed 1234567, as published with the reference implementation.
        let mut reservoir = Reservoir::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([(); 2].map(|()| reservoir.random()), expected);
    }

    #[test]
    fn the_nth_item_is_kept_with_probability_k_of_n() {
        let (k, n, trials) = (5, 20, 100_000);
        let mut reservoir = Reservoir::new(3);
        reservoir.seen = n - 1;
        let mut slots = vec![0.0; k];
        for _ in 0..trials {
            if let Some(slot) = reservoir.victim(k, 0) {
                slots[slot] += 1.0;
            }
            reservoir.seen = n - 1;
        }
        let expected = trials as f64 / n as f64;
        let chi_square: f64 = slots.iter().map(|x| (x - expected).powi(2) / expected).sum();
        assert!(chi_square < 20.52, "{chi_square}, the 99.9% quantile for 5 degrees of freedom");
    }
}
