//! `cargo xtask consumers`: the programs in `consumers`, each of which uses one crate as a stranger
//! would, by its default features, and asserts what comes out.
//!
//! They are a workspace of their own and are built one by one, so that none gets a feature that another
//! asked for.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::run;
use super::workspace::{Package, cargo, output, published, root};

/// The options of `cargo xtask consumers`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Build each from nothing, optimised, and print how long that takes and how large the program is
    #[arg(long)]
    measure: bool,
}

/// Builds and runs all of them, or measures what they cost.
pub(crate) fn consumers(args: &Args) -> Result<()> {
    if args.measure { measure() } else { published()?.iter().try_for_each(check) }
}

/// `reflux-nn` is used by `consumers/nn`, a package of the name `uses-nn`.
fn consumer(package: &Package) -> String {
    package.name.replace("reflux-", "uses-")
}

fn check(package: &Package) -> Result<()> {
    let mut cargo = cargo();
    cargo.current_dir(folder()).env("CARGO_TARGET_DIR", root().join("target/consumers"));
    run(&mut cargo, &format!("run --quiet --locked -p {}", consumer(package)))
}

fn folder() -> std::path::PathBuf {
    root().join("consumers")
}

fn measure() -> Result<()> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["crate", "crates compiled", "seconds to build", "kB of program"]);
    for package in published()? {
        let name = consumer(&package);
        let target = tempfile::tempdir()?;
        let started = Instant::now();
        let (compiled, seconds) = (build(&name, target.path())?, started.elapsed().as_secs_f64());
        let program = target.path().join("release").join(&name);
        let bytes = std::fs::metadata(&program)
            .with_context(|| format!("{} cannot be read", program.display()))?
            .len();
        let kilobytes = (bytes as f64 / 1000.0).round();
        table.add_row([
            package.name,
            compiled.to_string(),
            format!("{seconds:.0}"),
            kilobytes.to_string(),
        ]);
    }
    println!("{table}");
    Ok(())
}

/// Builds one, optimised, and gives the number of crates that were compiled for it.
fn build(name: &str, target: &Path) -> Result<usize> {
    let arguments = ["build", "--release", "--locked", "--message-format", "json", "-p", name];
    let mut cargo = cargo();
    let cargo = cargo.current_dir(folder()).env("CARGO_TARGET_DIR", target).args(arguments);
    let messages = output(cargo)?;
    let is_library = |line: &&str| {
        line.contains(r#""reason":"compiler-artifact""#)
            && !line.contains(r#""kind":["custom-build"]"#)
    };
    Ok(messages.lines().filter(is_library).count() - 1)
}
