//! The book's summary is whole: a page that is not in it is not in the book.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every Markdown file below a folder, as paths from `root`.
fn pages(root: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            pages(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}

#[test]
fn every_page_is_in_the_summary_and_every_entry_has_a_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src");
    let mut there = BTreeSet::new();
    pages(&root, &root, &mut there);
    there.remove(Path::new("SUMMARY.md"));
    let summary = std::fs::read_to_string(root.join("SUMMARY.md")).unwrap();
    let targets = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let listed: BTreeSet<PathBuf> = targets.map(PathBuf::from).collect();
    assert_eq!(listed, there);
}
