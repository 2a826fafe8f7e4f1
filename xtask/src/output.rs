//! Files that are either whole or not there.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Makes `folder` and sees to it that files can be made there: asked before hours of work, not after.
pub(crate) fn prepare_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    beside(folder).map(drop)
}

/// The same for the folder that a file is to be written to.
pub(crate) fn prepare_parent(file: &Path) -> Result<()> {
    prepare_folder(parent(file))
}

/// Writes a file to the side and renames it.
pub(crate) fn write(path: &Path, contents: &str) -> Result<()> {
    let mut file = beside(parent(path))?;
    let written = file.write_all(contents.as_bytes()).and_then(|()| file.as_file().sync_all());
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    make_readable(&file)?;
    file.persist(path).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(())
}

fn beside(folder: &Path) -> Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
        .with_context(|| format!("the folder {} cannot be written to", folder.display()))
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A temporary file is its owner's alone; what comes of it should be readable like any other file.
#[cfg(unix)]
fn make_readable(file: &NamedTempFile) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(0o644);
    Ok(file.as_file().set_permissions(permissions)?)
}

#[cfg(not(unix))]
fn make_readable(_file: &NamedTempFile) -> Result<()> {
    Ok(())
}
