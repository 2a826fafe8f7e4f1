//! `cargo xtask test`, `ci`, `miri`, `arm` and `msrv`, and what `ci` is made of: the checks, each as a command
//! that a person can type.

mod audit;
mod claims;
mod consumers;
mod dependencies;
mod links;
mod package;
mod spelling;
mod workspace;

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

pub(crate) use audit::{Args as AuditArgs, audit};
pub(crate) use claims::{Args as ClaimsArgs, claims};
pub(crate) use consumers::{Args as ConsumersArgs, consumers};
pub(crate) use dependencies::dependencies;
pub(crate) use links::links;
pub(crate) use package::{Args as PackageArgs, package};
pub(crate) use spelling::spelling;

const TEST: &str = "test --workspace --all-features";
const FORMAT: &str = "fmt --all --check";
const CLIPPY: &str = "clippy --workspace --all-targets --all-features -- -D warnings";
const DOC: &str = "doc --workspace --no-deps --all-features";
const MIRI: &str = "+nightly miri test -p reflux-replay --lib -- \
                    huge_pages prefetch memory rows cells buffer sampler::tree sampler::prioritized";
const MIRI_ENVIRONMENT: [(&str, &str); 3] = [
    // Miri takes vector code for available only where the compiler was told so.
    ("RUSTFLAGS", "-Ctarget-feature=+avx2,+popcnt"),
    // Otherwise powers are off by a random rounding error, and tests want exact ones.
    ("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-deterministic-floats"),
    ("PROPTEST_CASES", "4"),
];
/// Emulated, so that no machine of that kind is needed; the standard library is compiled, too, so that
/// none needs to be installed for it.
const ARM: &str = "+nightly test -Zbuild-std --target aarch64-unknown-linux-gnu --lib --all-features \
                   -p reflux-softmax -p reflux-nn -p reflux-replay --target-dir target/arm";
const ARM_ENVIRONMENT: [(&str, &str); 2] = [
    ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc"),
    ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64 -L /usr/aarch64-linux-gnu"),
];
/// Crates and features whose dependencies need a newer Rust than ours; their documentation says which.
const NEWER_RUST: [(&str, &str); 1] = [("reflux-distill", "onnx")];

/// Every test of the workspace, those in the documentation included.
pub(crate) fn test() -> Result<()> {
    cargo(TEST)
}

/// Everything that has to pass before a change lands: what takes seconds first.
pub(crate) fn ci() -> Result<()> {
    cargo(FORMAT)?;
    timed("links", links)?;
    timed("spelling", spelling)?;
    timed("dependencies", dependencies)?;
    timed("claims", || claims(&ClaimsArgs::default()))?;
    [CLIPPY, DOC, TEST].into_iter().try_for_each(cargo)?;
    consumers(&ConsumersArgs::default())
}

/// Runs one of our own checks as `ci` shows those of cargo.
fn timed(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n== cargo xtask {name}");
    let started = Instant::now();
    check()?;
    println!("== passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// The unsafe code of `replay` and what calls it, under Miri; needs nightly's `miri` and `rust-src`.
pub(crate) fn miri() -> Result<()> {
    run(workspace::rustup_cargo().envs(MIRI_ENVIRONMENT), MIRI)
}

/// The unit tests of the crates with vector code on an emulated ARM processor, which has NEON; needs
/// nightly's `rust-src`, a cross-compiling GCC and QEMU.
pub(crate) fn arm() -> Result<()> {
    run(workspace::rustup_cargo().envs(ARM_ENVIRONMENT), ARM)
}

/// Whether the crates and their dependencies build with the oldest Rust that the manifests promise, which
/// has to be installed, and with every feature but those that need a newer one.
pub(crate) fn msrv() -> Result<()> {
    for package in workspace::published()? {
        let (name, version) = (&package.name, &package.rust_version);
        let features: Vec<&str> = package
            .features
            .keys()
            .map(String::as_str)
            .filter(|feature| !NEWER_RUST.contains(&(name, feature)))
            .collect();
        let features = features.join(",");
        let arguments =
            format!("+{version} check -p {name} --features {features} --target-dir target/msrv");
        run(&mut workspace::rustup_cargo(), &arguments)?;
    }
    Ok(())
}

/// Runs `cargo` with these arguments and with warnings of rustdoc as errors.
fn cargo(arguments: &str) -> Result<()> {
    run(workspace::cargo().env("RUSTDOCFLAGS", "-D warnings"), arguments)
}

fn run(cargo: &mut Command, arguments: &str) -> Result<()> {
    println!("\n== cargo {arguments}");
    let started = Instant::now();
    let status = cargo
        .args(arguments.split(' '))
        .status()
        .with_context(|| format!("cargo {arguments} cannot be started"))?;
    ensure!(status.success(), "cargo {arguments} failed");
    println!("== passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
