#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`MlpConfig`], [`Mlp`]: the shape of a network, and the network, with its files.
//! - [`Workspace`]: what forward and backward passes reuse; activations and gradients.
//! - [`Optimizer`], [`Sgd`], [`RmsProp`], [`Adam`], [`clip_norm`]: from gradients to a step.
//! - [`Schedule`]: how the learning rate changes while training.
//! - [`Fit`], [`Training`], [`Epoch`], [`Progress`]: the training loop, what its observer sees, and
//!   how to go on later.
//! - [`Checkpoint`], [`OptimizerState`]: a training in a file.
//! - [`Objective`], [`HardLabels`], [`Targets`]: what is trained towards; [`Regression`] for single
//!   numbers.
//! - [`accuracy`], [`argmax`], [`mean_loss`]: how good it is.
//! - [`Predictor`]: a network frozen for use, in f32 or 8 bits.
//! - [`Error`]: everything that can go wrong.
#![cfg_attr(feature = "datasets", doc = "- [`data`]: the bundled digits, and MNIST from files.")]
// docs.rs says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod activation;
mod archive;
mod checkpoint;
mod config;
#[cfg(feature = "datasets")]
pub mod data;
mod error;
mod file;
mod fit;
mod init;
mod layer;
mod matmul;
mod metrics;
mod mlp;
mod objective;
#[cfg(feature = "onnx")]
mod onnx;
mod optimizer;
mod passes;
mod predictor;
mod regression;
mod schedule;
mod sequence;
mod workspace;

pub use activation::Activation;
pub use checkpoint::Checkpoint;
pub use config::MlpConfig;
pub use error::{Error, Result};
pub use fit::{Best, Epoch, Fit, Progress, Training};
pub use init::Init;
#[doc(hidden)]
pub use matmul::{Onto, matmul};
pub use metrics::{accuracy, argmax, mean_loss};
pub use mlp::Mlp;
pub use objective::{HardLabels, Objective, Targets, gather_labels, gather_rows};
pub use optimizer::{Adam, Optimizer, OptimizerState, RmsProp, Sgd, clip_norm};
pub use predictor::Predictor;
pub use reflux_softmax::Real;
pub use regression::Regression;
pub use schedule::Schedule;
pub use workspace::Workspace;
