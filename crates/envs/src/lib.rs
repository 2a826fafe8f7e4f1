#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! - [`Env`], [`Step`]: the trait of an environment, and what one step gives back.
//! - [`Space`]: which observations and actions an environment has.
//! - [`CartPole`]: the cart-pole task, bare or as CartPole-v1.
//! - [`TimeLimit`], [`EpisodeStatistics`]: wrappers, which are environments themselves; [`Episode`]
//!   is what the second one counts.
//! - [`Error`]: everything that can go wrong.

mod cart_pole;
mod env;
mod error;
mod space;
mod wrappers;

pub use cart_pole::CartPole;
pub use env::{Env, Step};
pub use error::{Error, Result};
pub use space::Space;
pub use wrappers::{Episode, EpisodeStatistics, TimeLimit};
