//! `cargo xtask dependencies`: every dependency of a published crate has a reason, which stands in
//! the book.
//!
//! `docs/src/dependencies.md` has a heading for each crate, `## reflux-x`, and below it a table with a
//! row for each direct dependency: its name, when it is needed, what for. Names and times are compared
//! with the manifests, so that a new dependency without a reason fails, and so does a reason for one
//! that has gone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::workspace::{Dependency, Package, cargo, no_problems, output, prose, published, root};

const DOCUMENT: &str = "docs/src/dependencies.md";

/// By the names of crate and dependency: when it is needed.
type Needs = BTreeMap<(String, String), String>;

/// Workspaces of their own that use the crates by path.
const BESIDE: [&str; 2] = ["consumers", "fuzz"];

/// Compares the document, and the lock files of what uses the crates by path, with the manifests, and
/// prints how many crates each of ours pulls in.
pub(crate) fn dependencies() -> Result<()> {
    BESIDE.into_iter().try_for_each(locked)?;
    let packages = published()?;
    let documented = documented(&std::fs::read_to_string(root().join(DOCUMENT))?);
    let problems = differences(&needed(&packages), &documented);
    no_problems(&problems)?;
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["crate", "direct", "in all", "with all features"]);
    for package in &packages {
        let name = package.name.clone();
        let direct =
            package.dependencies.iter().filter(|d| d.kind.is_none() && !d.optional).count();
        let (default, all) = (tree(&name, &[])?, tree(&name, &["--all-features"])?);
        table.add_row([name, direct.to_string(), default.to_string(), all.to_string()]);
    }
    println!("{table}");
    Ok(())
}

/// That a lock file knows every dependency of the crates: takes no time, while building finds it out last
/// of all, and nothing builds the fuzz targets.
fn locked(folder: &str) -> Result<()> {
    let arguments = ["metadata", "--locked", "--format-version", "1"];
    let read = output(cargo().current_dir(root().join(folder)).args(arguments));
    read.with_context(|| format!("run `cargo update --workspace` in the folder {folder}")).map(drop)
}

/// How many crates are compiled beside this one, those that expand macros included.
fn tree(package: &str, options: &[&str]) -> Result<usize> {
    let arguments = ["tree", "--edges", "normal,build", "--prefix", "none", "-p", package];
    let text = output(cargo().args(arguments).args(options))?;
    let names = text.lines().map(|line| line.trim_end_matches(" (*)"));
    Ok(names.filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len() - 1)
}

fn needed(packages: &[Package]) -> Needs {
    let mut needs = Needs::new();
    for package in packages {
        for dependency in package.dependencies.iter().filter(|d| d.kind.is_none()) {
            let key = (package.name.clone(), dependency.name.clone());
            needs.insert(key, when(package, dependency));
        }
    }
    needs
}

/// "always", the features that turn it on, or the platforms.
fn when(package: &Package, dependency: &Dependency) -> String {
    let switch = format!("dep:{}", dependency.name);
    let default = package.features.get("default").map_or(&[][..], Vec::as_slice);
    let mark = |feature: &String| {
        let mark = if default.contains(feature) { " (default)" } else { "" };
        format!("`{feature}`{mark}")
    };
    let turned_on = package.features.iter().filter(|(_, what)| what.contains(&switch));
    let mut parts: Vec<String> = turned_on.map(|(feature, _)| mark(feature)).collect();
    parts.extend(dependency.target.as_ref().map(|target| format!("`{target}`")));
    if parts.is_empty() { "always".to_owned() } else { parts.join(", ") }
}

/// The rows of the document that have a reason.
fn documented(text: &str) -> Needs {
    let (mut needs, mut package) = (Needs::new(), String::new());
    for (_, line) in prose(text) {
        if let Some(heading) = line.strip_prefix("## ") {
            package = heading.to_owned();
        } else if let (true, Some((name, when))) = (package.starts_with("reflux-"), row(line)) {
            needs.insert((package.clone(), name), when);
        }
    }
    needs
}

/// Of a line such as "| `libm` | always | powers |": name and time.
fn row(line: &str) -> Option<(String, String)> {
    let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
    let (name, when, why) = (cells.next()?, cells.next()?, cells.next()?);
    let name = name.strip_prefix('`')?.strip_suffix('`')?;
    (!why.is_empty()).then(|| (name.to_owned(), when.to_owned()))
}

/// One line for each difference.
fn differences(needed: &Needs, documented: &Needs) -> Vec<String> {
    let mut problems = Vec::new();
    for (key @ (package, name), when) in needed {
        match documented.get(key) {
            Some(there) if there == when => {}
            Some(there) => {
                problems.push(format!("{package}, {name}: it says {there:?}, and should {when:?}"));
            }
            None => problems.push(format!(
                "{package} depends on {name} without a reason in {DOCUMENT}: add `| `{name}` | {when} | WHY |`"
            )),
        }
    }
    for (package, name) in documented.keys().filter(|key| !needed.contains_key(*key)) {
        problems.push(format!("{package} does not depend on {name} any more"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(rows: &[(&str, &str, &str)]) -> Needs {
        let own = |&(package, name, when): &(&str, &str, &str)| {
            ((package.to_owned(), name.to_owned()), when.to_owned())
        };
        rows.iter().map(own).collect()
    }

    #[test]
    fn a_row_counts_below_its_heading_and_with_a_reason() {
        let text = "## reflux-a\n| dependency | when | for |\n| --- | --- | --- |\n\
                    | `x` | always | powers |\n| `y` | always | |\n\
                    ## reflux-b\n| `x` | `f` | sums |\n## Counts\n| `x` | 1 | 2 |\n";
        let rows = [("reflux-a", "x", "always"), ("reflux-b", "x", "`f`")];
        assert_eq!(documented(text), needs(&rows));
    }

    #[test]
    fn a_missing_a_changed_and_a_left_over_row_are_each_a_problem() {
        let needed = needs(&[("a", "x", "always"), ("a", "y", "always")]);
        let documented = needs(&[("a", "x", "`f`"), ("a", "z", "always")]);
        let problems = differences(&needed, &documented);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[1].contains("| `y` | always | WHY |"), "{problems:?}");
        assert_eq!(differences(&needed, &needed), [""; 0]);
    }
}
