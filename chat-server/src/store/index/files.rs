//! The files of the index: their durability, their permissions, and setting an index aside.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::backend::wait_until_free;
use crate::store::error::OpenError;
use crate::store::lifecycle::space::is_full;
use crate::store::private;

/// Makes flushed data durable after the index was closed. Sled's own flush does not sync.
///
/// Syncs the directory's name too, because after a rebuild the disk may still have a failed index
/// under it.
pub(in crate::store) fn sync_closed(dir: &Path) -> Result<(), OpenError> {
    wait_until_free(dir)?;
    match dir.try_exists() {
        Ok(true) => sync_files(dir).map_err(OpenError::io("sync", dir))?,
        // The index failed and was set aside.
        Ok(false) => (),
        Err(error) => return Err(OpenError::io("look for", dir)(error)),
    }
    let parent = dir.parent().unwrap_or(Path::new("."));
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(OpenError::io("sync", parent))
}

fn sync_files(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_files(&path)?;
        } else {
            File::open(&path)?.sync_all()?;
        }
    }
    File::open(dir)?.sync_all()
}

/// Removes the permissions of others from sled's files, which the umask leaves.
pub(super) fn close_to_others(dir: &Path) {
    if let Err(error) = private::tighten_tree(dir) {
        tracing::warn!(%error, "can't look at the permissions in {}", dir.display());
    }
}

/// Renames an unusable index to `index.bad-N`, and removes the previous one. On a full disk the
/// index is removed, because the next one needs its room.
pub(in crate::store) fn set_aside(dir: &Path) -> io::Result<()> {
    if !dir.try_exists()? {
        return Ok(());
    }
    let parent = dir.parent().unwrap_or(Path::new("."));
    let last = remove_set_aside(parent)?;
    if is_full(parent) {
        tracing::warn!("the disk is full: removing an unusable index instead of setting it aside");
        return fs::remove_dir_all(dir);
    }
    fs::rename(dir, parent.join(format!("index.bad-{}", last + 1)))
}

/// Removes all indexes set aside, and returns their greatest number.
pub(in crate::store) fn remove_set_aside(parent: &Path) -> io::Result<u64> {
    let mut last = 0;
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("index.bad-")?.parse::<u64>().ok());
        if let Some(number) = number {
            last = last.max(number);
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(last)
}
