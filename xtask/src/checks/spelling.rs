//! `cargo xtask spelling`: no well-known misspelling in code or text, after
//! [typos](https://github.com/crate-ci/typos), whose exceptions stand in `_typos.toml`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::workspace::root;

/// The release that `ci` installs where there is none.
const TYPOS: &str = "typos==1.52.0";

pub(crate) fn spelling() -> Result<()> {
    let Some(typos) = find() else {
        println!(
            "NOT CHECKED: typos is not installed (pip install typos, cargo install typos-cli)"
        );
        return Ok(());
    };
    let status = Command::new(&typos)
        .current_dir(root())
        .args(["--format", "brief"])
        .status()
        .with_context(|| format!("{} cannot be started", typos.display()))?;
    ensure!(status.success(), "misspelled: mend it, or say in _typos.toml why it is right");
    Ok(())
}

/// The program, if it is there; continuous integration gets it from PyPI, which takes two seconds.
fn find() -> Option<PathBuf> {
    let folder = root().join("target/typos");
    let known = [PathBuf::from("typos"), folder.join("bin/typos")];
    let installed = known.iter().find(|program| answers(program));
    if installed.is_some() || std::env::var_os("CI").is_none() {
        return installed.cloned();
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", TYPOS, "--target"];
    let installing = Command::new("python3").args(pip).arg(folder).stderr(Stdio::null()).status();
    let there = installing.is_ok_and(|status| status.success()) && answers(&known[1]);
    there.then(|| known[1].clone())
}

fn answers(program: &Path) -> bool {
    let mut command = Command::new(program);
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
