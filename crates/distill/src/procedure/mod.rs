//! Ways of bringing a student up.

mod chain;
mod mutual;
mod offline;

pub use mutual::{MutualEpoch, MutualLearning};
pub use offline::{Lesson, Offline};
