//! What the checks know of the workspace: where it is, its documents, its published crates.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The folder that the workspace's `Cargo.toml` is in.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Rustup's cargo, which takes `+toolchain`: the one that runs this program is of one toolchain.
pub(crate) fn rustup_cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root());
    cargo
}

/// Runs a command and gives what it printed; its errors go to the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    ensure!(output.status.success(), "{} failed", command.get_program().display());
    Ok(String::from_utf8(output.stdout)?)
}

/// Shows each problem on a line of its own; an error if there is any.
pub(crate) fn no_problems(problems: &[String]) -> Result<()> {
    for problem in problems {
        eprintln!("{problem}");
    }
    ensure!(problems.is_empty(), "{} of these", problems.len());
    Ok(())
}

/// A Markdown file that people read: its path from the root, and its text.
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Folders that hold documents, directly in them.
const FOLDERS: [&str; 2] = ["", "docs/src"];

/// The documents of the root, of each crate and of the book, in order of their paths.
pub(crate) fn documents() -> Result<Vec<Document>> {
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    folders.extend(entries(Path::new("crates"))?);
    let mut documents = Vec::new();
    for folder in folders {
        for path in entries(&folder)? {
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(root().join(&path))
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                documents.push(Document { path, text });
            }
        }
    }
    Ok(documents)
}

/// What is in a folder, sorted, as paths from the root.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = std::fs::read_dir(root().join(folder))
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths =
        read.map(|entry| Ok(folder.join(entry?.file_name()))).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Lines of Markdown with their numbers (from 1), without those in fenced code.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// A crate as `cargo metadata` describes it.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: std::collections::BTreeMap<String, Vec<String>>,
    pub(crate) manifest_path: PathBuf,
    /// An empty list means that it is not published.
    publish: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None`, `"dev"` or `"build"`.
    pub(crate) kind: Option<String>,
    pub(crate) optional: bool,
    pub(crate) target: Option<String>,
}

/// The crates that are published, in order of their names.
pub(crate) fn published() -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let text = output(cargo().args(arguments))?;
    let Metadata { mut packages } = serde_json::from_str(&text)?;
    packages.retain(|package| package.publish.as_ref().is_none_or(|list| !list.is_empty()));
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}
