//! Replays episodes recorded from the reference implementations, Gymnasium and bsuite, and asks for
//! equality, step by step. `xtask/peers/record_envs.py` writes the files in `tests/data`; its head
//! describes their format.

// clippy.toml allows this in tests, but not in their helpers.
#![allow(clippy::unwrap_used)]

mod bsuite;
mod classic;
mod grid;
mod normalize;
mod recording;
