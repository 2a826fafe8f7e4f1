//! `cargo xtask package`: whether each crate can be published, and how large it is.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::run;
use super::workspace::{cargo, output, published};

/// The options of `cargo xtask package`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Do not build what is in each package
    #[arg(long)]
    no_verify: bool,
    /// Package files that are not committed, too
    #[arg(long)]
    allow_dirty: bool,
}

/// Packages all crates, in the order in which they need each other, builds each from its package, and
/// prints what it weighs.
pub(crate) fn package(args: &Args) -> Result<()> {
    let mut arguments = vec!["package --workspace --exclude xtask"];
    arguments.extend(args.no_verify.then_some("--no-verify"));
    arguments.extend(args.allow_dirty.then_some("--allow-dirty"));
    run(&mut cargo(), &arguments.join(" "))?;

    let folder = target_folder()?.join("package");
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["crate", "kB to download"]);
    for package in published()? {
        let file = folder.join(format!("{}-{}.crate", package.name, package.version));
        let bytes = std::fs::metadata(&file)
            .with_context(|| format!("{} cannot be read", file.display()))?
            .len();
        table.add_row([package.name, format!("{:.1}", bytes as f64 / 1000.0)]);
    }
    println!("\n{table}");
    Ok(())
}

/// Where cargo builds.
fn target_folder() -> Result<PathBuf> {
    let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str().context("cargo has no target folder")?;
    Ok(folder.into())
}
