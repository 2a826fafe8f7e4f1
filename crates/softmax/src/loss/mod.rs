//! Losses on logits, each with its gradient.
//!
//! One file a loss. They share the shape of their calls: logits `[batch, classes]` and what they are
//! compared with in; out come the loss and, into memory of the caller's, its gradient with respect to
//! the logits. A batch is in `batch.rs`, its rows are in `part.rs`, what masks and extreme logits need is in
//! `careful.rs`.

mod batch;
mod careful;
mod compiled;
mod cross_entropy;
mod distillation;
mod divergence;
mod entropy;
mod logit_mse;
mod mixed;
mod part;
mod pass;
mod settings;
mod soft_cross_entropy;
mod softened;
mod tempered;

pub(crate) use compiled::Losses;
pub use cross_entropy::CrossEntropy;
pub use distillation::Distillation;
pub use divergence::{Divergence, DivergenceKind};
pub use entropy::Entropy;
pub use logit_mse::LogitMse;
pub use pass::{Pass, Reduction};
pub use soft_cross_entropy::SoftCrossEntropy;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_support;
