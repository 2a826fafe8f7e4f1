//! Two small tasks of bsuite, the behaviour suite of Osband et al. 2020.

mod catch;
mod deep_sea;

pub use catch::{Catch, CatchState};
pub use deep_sea::{DeepSea, DeepSeaChance};
