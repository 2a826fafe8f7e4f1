//! Whether a command that a document names is there to be run.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Parser;

use crate::checks::workspace::root;

/// `cargo xtask ...` has to parse, and an example, a benchmark or a test of a crate has to be there.
pub(super) fn check(command: &str) -> Result<()> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words[..] {
        ["cargo", "xtask", ..] => match crate::Cli::try_parse_from(&words[1..]) {
            Ok(_) => Ok(()),
            Err(error) => bail!("{command}: {}", error.to_string().lines().next().unwrap_or("")),
        },
        ["cargo", "run" | "bench" | "test", ..] => in_a_crate(command, &words),
        _ => bail!("{command}: not a command of this repository"),
    }
}

/// `-p reflux-nn --example digits` is `crates/nn/examples/digits.rs`, or a folder of that name.
fn in_a_crate(command: &str, words: &[&str]) -> Result<()> {
    let after = |option| {
        let place = words.iter().position(|word| *word == option)?;
        words.get(place + 1)
    };
    let Some(name) = after("-p").and_then(|name| name.strip_prefix("reflux-")) else {
        bail!("{command}: no crate is named by -p");
    };
    let folder = root().join("crates").join(name);
    ensure!(folder.is_dir(), "{command}: there is no crate reflux-{name}");
    for (option, kind) in [("--example", "examples"), ("--bench", "benches"), ("--test", "tests")] {
        let Some(name) = after(option) else { continue };
        let places: [PathBuf; 2] =
            [format!("{kind}/{name}.rs"), format!("{kind}/{name}/main.rs")].map(|p| folder.join(p));
        ensure!(
            places.iter().any(|place| place.exists()),
            "{command}: there is no {name} in {kind}"
        );
    }
    Ok(())
}
