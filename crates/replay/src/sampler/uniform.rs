//! Every item is as likely as any other. Mnih et al. 2015, "Human-level control through deep
//! reinforcement learning", Nature 518.

use rand::RngCore;

use super::{Sampler, random};
use crate::Result;

/// Draws uniformly and with replacement: an item may be in a batch twice. All weights are 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Uniform {}

impl Uniform {
    /// A uniform sampler. It has no settings.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Sampler for Uniform {
    fn draw(
        &mut self,
        len: usize,
        rng: &mut dyn RngCore,
        slots: &mut [usize],
        weights: &mut [f32],
    ) -> Result<()> {
        random::fill_below(rng, len, slots);
        weights.fill(1.0);
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "reflux uniform"
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_slots() {
        let draw = |seed| {
            let mut slots = [0; 6];
            let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
            Uniform::new().draw(1000, rng, &mut slots, &mut [0.0; 6]).unwrap();
            slots
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn it_is_written_as_a_map_that_can_grow() {
        assert_eq!(serde_json::to_string(&Uniform::new()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Uniform>("{}").unwrap(), Uniform::new());
        assert!(serde_json::from_str::<Uniform>(r#"{"alpha": 1}"#).is_err());
    }
}
