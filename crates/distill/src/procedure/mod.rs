//! Ways of bringing a student up.

mod chain;
mod mutual;
mod training;

pub use mutual::{MutualEpoch, MutualLearning};
pub use training::{Lesson, Training};
