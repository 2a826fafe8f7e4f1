//! `cargo xtask test` and `cargo xtask ci`: the checks, each as the command that a person would type.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

const TEST: &str = "test --workspace --all-features";
const FORMAT: &str = "fmt --all --check";
const CLIPPY: &str = "clippy --workspace --all-targets --all-features -- -D warnings";
const DOC: &str = "doc --workspace --no-deps --all-features";

/// Every test of the workspace, those in the documentation included.
pub(crate) fn test() -> Result<()> {
    cargo(TEST)
}

/// Everything that has to pass before a change lands.
pub(crate) fn ci() -> Result<()> {
    [FORMAT, CLIPPY, DOC, TEST].into_iter().try_for_each(cargo)
}

/// Runs `cargo` with these arguments and with warnings of rustdoc as errors.
fn cargo(arguments: &str) -> Result<()> {
    println!("\n== cargo {arguments}");
    let started = Instant::now();
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments.split(' '))
        .env("RUSTDOCFLAGS", "-D warnings")
        .status()
        .with_context(|| format!("cargo {arguments} cannot be started"))?;
    ensure!(status.success(), "cargo {arguments} failed");
    println!("== passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
