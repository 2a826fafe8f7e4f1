//! `cargo xtask audit`: what comes in from outside, and what goes out to those who build on us.
//!
//! Both tools are programs of their own, which take minutes to install; so this is for whoever changes
//! dependencies or makes a release, and not part of `ci`.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::run;
use super::workspace::{cargo, output, root};

/// The options of `cargo xtask audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The git revision to compare our interfaces with [default: the last tag that begins with v]
    #[arg(long, value_name = "REVISION")]
    baseline: Option<String>,
}

/// Licences, sources and known flaws of dependencies; changes that would break users.
pub(crate) fn audit(args: &Args) -> Result<()> {
    need("deny")?;
    run(&mut cargo(), "deny --all-features check bans licenses sources")?;
    advisories()?;
    let baseline = args.baseline.clone().or_else(last_release);
    let Some(baseline) = baseline else {
        println!(
            "\n== nothing is released yet: there is no interface to compare with (--baseline)"
        );
        return Ok(());
    };
    need("semver-checks")?;
    run(
        &mut cargo(),
        &format!("semver-checks --workspace --exclude xtask --baseline-rev {baseline}"),
    )
}

/// Known flaws of dependencies. That the database cannot be fetched is said, and is not our flaw.
fn advisories() -> Result<()> {
    println!("\n== cargo deny --all-features check advisories");
    let arguments = ["deny", "--all-features", "check", "advisories"];
    let result = cargo().args(arguments).output().context("cargo deny cannot be started")?;
    let message = String::from_utf8_lossy(&result.stderr);
    if !result.status.success() && message.contains("failed to fetch advisory database") {
        println!("== NOT CHECKED: the database of advisories cannot be reached from here");
        return Ok(());
    }
    ensure!(result.status.success(), "{message}");
    println!("== passed");
    Ok(())
}

/// An error that says how to install it if there is no such subcommand of cargo.
fn need(tool: &str) -> Result<()> {
    let mut command = cargo();
    let command = command.args([tool, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    let there = command.status().is_ok_and(|status| status.success());
    ensure!(there, "cargo {tool} is not installed: cargo install --locked cargo-{tool}");
    Ok(())
}

fn last_release() -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["tag", "--list", "v*", "--sort=-version:refname"]);
    let tags = output(&mut git).ok()?;
    tags.lines().next().map(str::to_owned)
}
