//! `cargo xtask links`: every link inside the repository leads somewhere. Links to other places are not
//! followed: whether they answer is not ours to break.
//!
//! - A relative link of a document names a file or a folder, and `#part` a heading of it.
//! - A crate's README is also shown where there are no other files, so it has no relative links.
//! - A crate's README lists each feature of the crate.

use std::path::Path;

use anyhow::Result;

use super::workspace::{Document, documents, no_problems, prose, published, root};

pub(crate) fn links() -> Result<()> {
    let documents = documents()?;
    let mut problems = Vec::new();
    let mut count = 0;
    for document in &documents {
        for (line, target) in targets(&document.text) {
            count += 1;
            if let Some(problem) = problem(document, target) {
                problems.push(format!("{}:{line}: {target}: {problem}", document.path.display()));
            }
        }
    }
    problems.extend(unlisted_features(&documents)?);
    no_problems(&problems)?;
    println!("{count} links in {} documents", documents.len());
    Ok(())
}

/// What follows `](` up to the bracket that closes it, outside of code; with the number of the line.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    for (number, line) in prose(text) {
        for (start, _) in line.match_indices("](") {
            let in_code = line[..start].matches('`').count() % 2 == 1;
            let rest = &line[start + 2..];
            if let (false, Some(end)) = (in_code, rest.find([')', ' '])) {
                targets.push((number, &rest[..end]));
            }
        }
    }
    targets
}

/// What is wrong with a link of this document.
fn problem(document: &Document, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    if !file.is_empty() && document.path.starts_with("crates") {
        return Some("docs.rs has no file beside a crate's README".to_owned());
    }
    let folder = document.path.parent().unwrap_or(Path::new(""));
    let path = if file.is_empty() { document.path.clone() } else { folder.join(file) };
    let path = root().join(path);
    if !path.exists() {
        return Some("there is no such file".to_owned());
    }
    if heading.is_empty() || path.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Some("it cannot be read".to_owned());
    };
    let found = prose(&text)
        .filter_map(|(_, line)| Some(line.strip_prefix('#')?.trim_start_matches('#')))
        .any(|title| anchor(title) == heading);
    (!found).then(|| "there is no such heading".to_owned())
}

/// The name that GitHub and mdBook give to a heading.
fn anchor(title: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let lower = title.trim().to_lowercase();
    lower.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn unlisted_features(documents: &[Document]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for package in published()? {
        let folder = package.manifest_path.parent().unwrap_or(Path::new(""));
        let readme = documents
            .iter()
            .find(|document| folder.join("README.md") == root().join(&document.path));
        let text = readme.map_or("", |document| &document.text);
        for feature in package.features.keys().filter(|feature| *feature != "default") {
            if !text.lines().any(|line| line.starts_with(&format!("- `{feature}`"))) {
                problems.push(format!("{}'s README does not list `{feature}`", package.name));
            }
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str) -> Document {
        Document { path: path.into(), text: String::new() }
    }

    #[test]
    fn links_are_found_outside_of_code() {
        let text =
            "See [a](b.md) and [c](d#e \"title\"), not `[x](y)`.\n```\n[z](z)\n```\n![p](q.svg)";
        assert_eq!(targets(text), [(1, "b.md"), (1, "d#e"), (5, "q.svg")]);
    }

    #[test]
    fn a_file_and_a_heading_have_to_be_there() {
        let page = document("docs/src/introduction.md");
        for fine in
            ["architecture.md", "architecture.md#unsafe-code", "../../README.md", "https://x.y/"]
        {
            assert_eq!(problem(&page, fine), None, "{fine}");
        }
        assert_eq!(problem(&page, "absent.md").as_deref(), Some("there is no such file"));
        let absent = problem(&page, "architecture.md#absent");
        assert_eq!(absent.as_deref(), Some("there is no such heading"));
        assert!(problem(&document("crates/nn/README.md"), "../softmax").is_some());
    }

    #[test]
    fn a_heading_is_named_as_on_github() {
        assert_eq!(anchor(" Softmax and the loss: `T = 4`"), "softmax-and-the-loss-t--4");
    }
}
