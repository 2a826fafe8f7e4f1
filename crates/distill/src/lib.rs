#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`Teacher`], [`Ensemble`]: whatever gives logits.
//! - [`SoftTargets`]: what it says about a data set, asked once.
//! - [`Distill`]: soft targets and labels as what [`reflux_nn::Fit`] trains a student towards, with
//!   [`reflux_softmax::Distillation`] as the loss.
//! - [`Evaluation`], [`agreement`], [`Interval`]: whether it was worth it.
//! - [`Error`]: everything that can go wrong.

#[cfg(feature = "continual")]
mod continual;
mod error;
mod evaluation;
mod fingerprint;
mod interval;
mod objective;
mod procedure;
mod report;
mod schedule;
mod targets;
mod teacher;

#[cfg(feature = "continual")]
pub use continual::DarkExperienceReplay;
pub use error::{Error, Result};
pub use evaluation::{Evaluation, agreement};
pub use fingerprint::Fingerprint;
pub use interval::Interval;
pub use objective::{
    DecoupledKd, Dist, Distill, FeatureLoss, Hint, Hinton, LogitBatch, LogitLoss, Relational,
    Similarity, SoftDivergence, Standardized, WithLabels, label_smoothing,
};
pub use procedure::{Lesson, MutualEpoch, MutualLearning, Training};
pub use reflux_softmax::{Distillation, Divergence, DivergenceKind, LogitMse};
pub use report::{Contender, Cost, Report, Spread, latency};
pub use schedule::Schedule;
pub use targets::{CacheKey, Labelling, SoftTargets, TargetForm};
pub use teacher::{Ensemble, Mean, Precomputed, Teacher};
#[cfg(feature = "onnx")]
pub use teacher::{OnnxOutput, OnnxTeacher};
