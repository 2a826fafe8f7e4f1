#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`softmax()`], [`log_softmax()`], [`logsumexp()`] and their `_into` and `_inplace` forms: along
//!   any axis of an array of any number of dimensions, at any temperature.
//! - [`CrossEntropy`]: hard labels, with label smoothing.
//! - [`SoftCrossEntropy`]: a given distribution as the target.
//! - [`Distillation`]: hard labels and a teacher's logits at once, Hinton's objective.
//! - [`Divergence`]: four distances from a teacher; [`DivergenceKind`] names them.
//! - [`LogitMse`] and [`Entropy`]: the squared distance of logits, and a penalty on being too sure.
//! - [`Pass`] and [`Reduction`]: weights, the losses of single rows, mean or sum.
//! - [`Error`]: everything that can be wrong with an input.
//! - [`Real`]: the trait that stands for `f32` and `f64`.
// docs.rs says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(test)]
mod accuracy;
mod error;
mod kernel;
mod lanes;
mod log_sum;
mod loss;
mod real;
mod row;
mod scratch;
#[doc(hidden)]
pub mod simd;
mod softmax;
mod softmax_row;
mod summed;
mod temperature;
mod tiles;

pub use error::{Error, Result};
pub use loss::{
    CrossEntropy, Distillation, Divergence, DivergenceKind, Entropy, LogitMse, Pass, Reduction,
    SoftCrossEntropy,
};
pub use real::Real;
pub use softmax::{
    log_softmax, log_softmax_inplace, log_softmax_into, logsumexp, logsumexp_into, softmax,
    softmax_inplace, softmax_into,
};
