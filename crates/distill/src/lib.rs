#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`Teacher`]: whatever gives logits; [`Ensemble`] of several, [`Precomputed`] answers.
//! - [`SoftTargets`]: what it says about a data set; [`Labelling`] asks, into a [`TargetForm`] and into
//!   files; [`CacheKey`] and [`Fingerprint`] tell what a file is of.
//! - [`Distill`]: soft targets and labels as what [`reflux_nn::Fit`] trains a student towards.
//! - [`LogitLoss`]: a loss against the teacher's logits: [`Hinton`], [`Distillation`],
//!   [`SoftDivergence`], [`Divergence`], [`LogitMse`], [`DecoupledKd`], [`Dist`]; around others
//!   [`Standardized`] and [`WithLabels`]; [`LogitBatch`] is what it is given. [`label_smoothing`] is the
//!   control.
//! - [`FeatureLoss`]: a loss against its hidden activations: [`Hint`], [`Similarity`], [`Relational`];
//!   [`WithFeatures`] joins one to an objective, [`hidden_features`] asks the teacher.
//! - [`Schedule`]: temperatures and weights that change while a student learns.
//! - [`Offline`], [`Lesson`], [`MutualLearning`]: ways of bringing students up.
//! - [`Report`], [`Contender`], [`Cost`], [`Spread`], [`latency`]: whether it was worth it, from
//!   [`Evaluation`], [`agreement`] and [`Interval`].
//! - [`Error`]: everything that can go wrong.
#![cfg_attr(
    feature = "onnx",
    doc = "- [`OnnxTeacher`], [`OnnxOutput`]: a model of another framework."
)]
#![cfg_attr(
    feature = "continual",
    doc = "- [`DarkExperienceReplay`]: one task after another, without forgetting the first."
)]
// docs.rs says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "continual")]
mod continual;
mod error;
mod evaluation;
mod fingerprint;
mod interval;
mod labels;
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
    Similarity, SoftDivergence, Standardized, WithFeatures, WithLabels, hidden_features,
    label_smoothing,
};
pub use procedure::{Lesson, MutualEpoch, MutualLearning, Offline};
pub use reflux_softmax::{Distillation, Divergence, DivergenceKind, LogitMse};
pub use report::{Contender, Cost, Report, Spread, latency};
pub use schedule::Schedule;
pub use targets::{CacheKey, Labelling, SoftTargets, TargetForm};
pub use teacher::{Ensemble, Mean, Precomputed, Teacher};
#[cfg(feature = "onnx")]
pub use teacher::{OnnxOutput, OnnxTeacher};
