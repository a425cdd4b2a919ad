//! Backups: a synced prefix of the journal, and a file that says where it ends.
//!
//! Any synced prefix is consistent, so a backup is taken while the server runs. Segments are copied and not linked: what
//! damages the disk, or erases content, in one place must not reach the other. The index is not part of it, for it can
//! be built anew, nor is anything that is not the store's, such as the secret for tokens.

mod copy;
mod restore;

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub use restore::{Restored, restore};

use crate::store::error::OpenError;
use crate::store::lifecycle::lock::Lock;
use crate::store::lifecycle::state::{BACKUP, STATE, StoreState};
use crate::store::private;
use crate::store::tools::verify::FindingError;
use crate::store::write::journal::{ChainHead, End, Inspected, JournalSize, KnownEnd, Synced, inspect};

/// Why no backup was taken, or none restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What is there is never written over.
    #[error("{} is there already: give a directory that is not", dir.display())]
    Exists {
        /// The directory.
        dir: PathBuf,
    },
    /// There is no place for it.
    #[error("{} names no directory that could be made", dir.display())]
    NoName {
        /// What was given.
        dir: PathBuf,
    },
    /// There is nothing to take or to restore.
    #[error("there is no journal in {}", dir.display())]
    Nothing {
        /// The directory.
        dir: PathBuf,
    },
    /// The data directory of a restored store must be empty.
    #[error("{} is not empty: give a data directory that is, or that is not there yet", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// Whoever asked for it does not wait any more.
    #[error("the backup was stopped, and nothing is left of it")]
    Stopped,
    /// What is damaged is not restored.
    #[error("nothing was restored, for {count} things are wrong with the backup, first of all: {first}")]
    Unsound {
        /// The first.
        first: Box<FindingError>,
        /// How many there are.
        count: u64,
    },
    /// The store, the backup or the disk.
    #[error(transparent)]
    Store(#[from] OpenError),
}

/// Takes a backup of a store that no server has open.
///
/// The directory must not exist; it appears when the backup is complete, synced and read back. `progress` is told how
/// many bytes are done, of how many.
///
/// # Errors
///
/// [`BackupError`]; then there is nothing under that name.
pub fn backup(dir: &Path, to: &Path, progress: &dyn Fn(u64, u64)) -> Result<ChainHead, BackupError> {
    let _lock = Lock::take_existing(dir)?;
    let journal = dir.join("journal");
    let state =
        StoreState::read(dir, STATE)?.map(|state| KnownEnd { name: "the file `state`", end: state.end });
    let witnesses: Vec<_> = state.into_iter().filter(|known| known.end.position.0 > 0).collect();
    // Read whole it is when it was copied.
    let Inspected { end, .. } = inspect(&journal, &witnesses, u64::MAX, &mut |_, _| Ok(()))?;
    let end =
        end.filter(|end| end.position.0 > 0).ok_or_else(|| BackupError::Nothing { dir: dir.to_owned() })?;
    take(&journal, end, to, &|done, of| {
        progress(done, of);
        true
    })
}

/// Takes a backup of a store that is open, up to what is synced when it begins. `progress` says whether to go on.
pub(in crate::store) fn backup_open(
    dir: &Path,
    synced: &Synced,
    to: &Path,
    progress: CopyProgress<'_>,
) -> Result<ChainHead, BackupError> {
    take(&dir.join("journal"), synced.end(), to, progress)
}

/// Is told how many bytes are done, of how many, and says whether to go on.
type CopyProgress<'a> = &'a dyn Fn(u64, u64) -> bool;

fn take(journal: &Path, end: End, to: &Path, progress: CopyProgress<'_>) -> Result<ChainHead, BackupError> {
    let partial = beside(to)?;
    let copied = partial.path().join("journal");
    private::make_dir(&copied).map_err(OpenError::io("create", &copied))?;
    let bytes = copy::prefix(journal, end, &copied, &|done, of| progress(done, 2 * of))?;
    let is_wanted = Cell::new(true);
    read_back(&copied, end, &|read| is_wanted.set(progress(bytes + read, 2 * bytes)))?;
    if !is_wanted.get() {
        return Err(BackupError::Stopped);
    }
    // How the store was left is of no interest: a backup is restored, not opened.
    let note = StoreState::new(false, None, end);
    note.write(partial.path(), BACKUP).map_err(OpenError::io("write the backup in", partial.path()))?;
    publish(partial, to)?;
    Ok(end.into())
}

/// A directory beside the one that is to be made, under another name; it is gone when it is dropped.
fn beside(to: &Path) -> Result<TempDir, BackupError> {
    if to.try_exists().map_err(OpenError::io("look for", to))? {
        return Err(BackupError::Exists { dir: to.to_owned() });
    }
    let name = to.file_name().ok_or_else(|| BackupError::NoName { dir: to.to_owned() })?;
    let parent = holder(to);
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".partial-");
    // What people say to each other is in it: it is for its owner alone.
    let private = Permissions::from_mode(0o700);
    let partial = tempfile::Builder::new().prefix(&prefix).permissions(private).tempdir_in(parent);
    Ok(partial.map_err(OpenError::io("make a directory in", parent))?)
}

/// Reads a copy whole: a backup that can't be read is none.
fn read_back(journal: &Path, end: End, progress: &dyn Fn(u64)) -> Result<(), OpenError> {
    let size = JournalSize::of(journal).map_err(OpenError::io("list", journal))?;
    let witness = KnownEnd { name: "the store that was copied", end };
    inspect(journal, &[witness], 0, &mut |reached, _| {
        progress(size.before(reached));
        Ok(())
    })?;
    Ok(())
}

fn publish(partial: TempDir, to: &Path) -> Result<(), OpenError> {
    let path = partial.path();
    fs::rename(path, to).map_err(OpenError::io("rename", path))?;
    // What it was is no longer there under that name.
    drop(partial.keep());
    let parent = holder(to);
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(OpenError::io("sync", parent))
}

/// The directory that holds a path.
fn holder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
