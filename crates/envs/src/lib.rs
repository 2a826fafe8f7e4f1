#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`Env`], [`Step`]: the trait of an environment, and what one step gives back.
//! - [`Space`]: which observations and actions an environment has.
//! - Environments: [`CartPole`], [`MountainCar`], [`Acrobot`]; [`FrozenLake`] with [`LakeMap`], and
//!   [`CliffWalking`]; [`Catch`] and [`DeepSea`].
//! - [`VectorEnv`], [`Autoreset`], [`VectorStep`]: several environments that are stepped together.
//! - Wrappers, which are environments themselves: [`TimeLimit`], [`EpisodeStatistics`],
//!   [`FrameStack`], [`ClipReward`], [`NormalizeObservation`] (with [`RunningMeanStd`]),
//!   [`OneHot`].
//! - [`check_env`]: whether an environment of your own keeps the rules.
//! - [`Error`]: everything that can go wrong.
// docs.rs says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bsuite;
mod check;
mod classic;
mod env;
mod error;
mod grid;
mod lifecycle;
mod saved;
mod space;
mod vector;
mod wrappers;

pub use bsuite::{Catch, CatchState, DeepSea, DeepSeaChance};
pub use check::check_env;
pub use classic::{Acrobot, CartPole, MountainCar};
pub use env::{Env, Step};
pub use error::{Error, Result};
pub use grid::{CliffWalking, FrozenLake, LakeMap, LakeRewards, MapError, Tile, Transition};
pub use space::Space;
pub use vector::{Autoreset, VectorEnv, VectorStep};
pub use wrappers::{
    ClipReward, Episode, EpisodeStatistics, FrameStack, NormalizeObservation, OneHot,
    RunningMeanStd, TimeLimit,
};
