//! The folder of a checkpoint: what its files are called, and how they come and go.

use std::fs;
use std::path::{Path, PathBuf};

use super::chunks::Kind;
use crate::{Error, Result};

/// More checkpoints than there will ever be.
const LAST: u64 = u64::MAX / 2;

/// A file in the folder. Of all files, each has a number of its own, larger than those that were
/// there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) kind: Kind,
    pub(super) number: u64,
}

impl Name {
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}-{:020}", prefix(self.kind), self.number))
    }

    fn parse(name: &str) -> Option<Self> {
        let (start, number) = name.split_once('-')?;
        let kinds = [Kind::Manifest, Kind::Rows, Kind::State];
        let kind = kinds.into_iter().find(|&kind| prefix(kind) == start)?;
        let number = number.parse().ok().filter(|&n| name.len() == start.len() + 21 && n < LAST)?;
        Some(Self { kind, number })
    }
}

fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Manifest => "manifest",
        Kind::Rows => "rows",
        Kind::State => "state",
    }
}

/// Where a manifest is until it is complete.
pub(super) fn unfinished(folder: &Path) -> PathBuf {
    folder.join("manifest.part")
}

/// The files in the folder that are a checkpoint's; none where there is no folder.
pub(super) fn list(folder: &Path) -> Result<Vec<Name>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(folder, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| io(folder, error))?.file_name();
        names.extend(name.to_str().and_then(Name::parse));
    }
    Ok(names)
}

/// The manifests, the newest first.
pub(super) fn manifests(folder: &Path) -> Result<Vec<Name>> {
    let mut names = list(folder)?;
    names.retain(|name| name.kind == Kind::Manifest);
    names.sort_unstable_by_key(|name| std::cmp::Reverse(name.number));
    Ok(names)
}

/// Makes the folder where it is not there.
pub(super) fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| io(folder, error))
}

/// Gives the manifest that is complete its name, in one step.
pub(super) fn publish(folder: &Path, name: Name) -> Result<()> {
    sync(folder)?; // the files that the manifest names are there before it is
    let path = name.path(folder);
    fs::rename(unfinished(folder), &path).map_err(|error| io(&path, error))?;
    sync(folder)
}

/// Removes all files of checkpoints but these. One that cannot be removed is left for the next time:
/// it takes space and does no harm.
pub(super) fn keep_only(folder: &Path, keep: &[Name]) -> Result<()> {
    let mut names = list(folder)?;
    names.retain(|name| !keep.contains(name));
    // Manifests first: what they name is there as long as they are.
    names.sort_by_key(|name| name.kind != Kind::Manifest);
    names.iter().for_each(|name| _ = fs::remove_file(name.path(folder)));
    Ok(())
}

/// Waits until the names of the files are on the disk.
fn sync(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        let opened = fs::File::open(folder).map_err(|error| io(folder, error))?;
        opened.sync_all().map_err(|error| io(folder, error))?;
    }
    let _ = folder; // elsewhere folders cannot be opened, and names need not be waited for
    Ok(())
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { what: path.display().to_string(), source }
}
