#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`DqnConfig`], [`Values`], [`Schedule`], [`Optimism`]: the settings, with the source of each default.
//! - [`Dqn`], [`Transition`], [`Update`]: the agent; [`Dqn::learn`] is the algorithm.
//! - [`Run`], [`train()`], [`Event`]: the loop around it.
//! - [`EventSink`], [`JsonLines`], [`Csv`]: what becomes of the events.
//! - [`QNetwork`], [`Policy`], [`Greedy`], [`EpsilonGreedy`], [`evaluate`]: what an agent has learned,
//!   and how good it is.
//! - [`PolicyMemory`], [`PolicyDistillation`], [`PolicyLoss`]: a large policy made small, through a
//!   replay buffer that holds what the teacher said.
//! - [`OnlineDistillation`]: the same while the teacher is still learning.
//! - [`Dqn::remember_all`], [`Dqn::learn_offline`], [`fitted_q_evaluation`], [`ImportanceSampling`]:
//!   learning from recorded data, and judging what was learned without an environment.
//! - [`Error`]: everything that can go wrong.
// docs.rs says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod act;
mod actors;
mod agent;
mod config;
mod error;
mod event;
mod fitted_q;
mod learn;
mod memory;
mod off_policy;
mod offline;
mod online_distillation;
mod optimism;
mod policy;
mod policy_distillation;
mod policy_loss;
mod policy_memory;
mod q_network;
mod run;
#[cfg(feature = "serde")]
mod saved;
mod schedule;
mod sinks;
#[cfg(feature = "tensorboard")]
mod tensorboard;
mod terms;
mod train;
mod values;

pub use agent::Dqn;
pub use config::DqnConfig;
pub use error::{Error, Result};
pub use event::Event;
pub use fitted_q::fitted_q_evaluation;
pub use learn::Update;
pub use memory::Transition;
pub use off_policy::{ImportanceSampling, Recorded};
pub use online_distillation::OnlineDistillation;
pub use optimism::Optimism;
pub use policy::{EpsilonGreedy, Greedy, Policy, evaluate};
pub use policy_distillation::{Distilled, PolicyDistillation};
pub use policy_loss::PolicyLoss;
pub use policy_memory::PolicyMemory;
pub use q_network::QNetwork;
pub use run::{Evaluation, Run};
pub use schedule::Schedule;
pub use sinks::{Csv, EventSink, JsonLines};
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
pub use train::train;
pub use values::Values;
