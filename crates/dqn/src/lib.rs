#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`DqnConfig`], [`LinearSchedule`]: the settings, with the source of each default.
//! - [`Dqn`], [`Transition`], [`Update`]: the agent; [`Dqn::learn`] is the algorithm.
//! - [`train()`], [`Event`]: the loop around it.
//! - [`Policy`], [`Greedy`], [`EpsilonGreedy`], [`evaluate`]: what an agent has learned, and how good
//!   it is.
//! - [`PolicyMemory`], [`PolicyDistillation`], [`PolicyLoss`]: a large policy made small, through a
//!   replay buffer that holds what the teacher said.
//! - [`Error`]: everything that can go wrong.

mod agent;
mod config;
mod error;
mod memory;
mod policy;
mod policy_distillation;
mod policy_loss;
mod policy_memory;
mod schedule;
mod train;

pub use agent::{Dqn, Update};
pub use config::DqnConfig;
pub use error::{Error, Result};
pub use memory::Transition;
pub use policy::{EpsilonGreedy, Greedy, Policy, evaluate};
pub use policy_distillation::{Distilled, PolicyDistillation};
pub use policy_loss::PolicyLoss;
pub use policy_memory::PolicyMemory;
pub use schedule::LinearSchedule;
pub use train::{Event, train};

/// The programs in the workspace's README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct WorkspaceReadme;
