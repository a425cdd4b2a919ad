//! Backups: a synced prefix of the journal, and a file with its end.
//!
//! Any synced prefix is consistent, therefore the server can run during a backup. Segments are
//! copied, not linked: damage or erasing in one place must not reach the other. The index is not
//! included, because it can be rebuilt. Files of others, such as the secret for tokens, are not
//! included either.

mod copy;
mod restore;

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use chat_core::store::Position;
use tempfile::TempDir;

pub use restore::{Restored, restore};

use crate::store::error::OpenError;
use crate::store::lifecycle::lock::Lock;
use crate::store::lifecycle::state::{BACKUP, STATE, StoreState};
use crate::store::private;
use crate::store::tools::verify::FindingError;
use crate::store::write::journal::{ChainHead, End, Inspected, JournalSize, KnownEnd, Synced, inspect};

/// Error of a backup or a restore.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target exists, and is never overwritten.
    #[error("{} exists already: give a directory that does not exist", dir.display())]
    Exists {
        /// The directory.
        dir: PathBuf,
    },
    /// The path has no name to create.
    #[error("{} is not a name for a new directory", dir.display())]
    NoName {
        /// The path.
        dir: PathBuf,
    },
    /// The source has no data.
    #[error("there is no journal in {}", dir.display())]
    Nothing {
        /// The directory.
        dir: PathBuf,
    },
    /// The target of a restore must be empty.
    #[error("{} is not empty: give an empty data directory, or one that does not exist yet. {}", dir.display(), emptying(dir))]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// The caller stopped waiting.
    #[error("the backup was stopped, and nothing is left of it")]
    Stopped,
    /// A damaged backup is not restored.
    #[error("nothing was restored: the backup has {count} flaws, the first one: {first}")]
    Unsound {
        /// The first finding.
        first: Box<FindingError>,
        /// The number of findings.
        count: u64,
    },
    /// A record of a database does not have the hash that stands beside it.
    #[error(
        "position {} of the database was changed: its content has another hash than the one beside it. \
         Nothing was written",
        position.0
    )]
    Changed {
        /// The record.
        position: Position,
    },
    /// The store, the backup or the disk failed.
    #[error(transparent)]
    Store(#[from] OpenError),
}

/// The way to an empty directory.
fn emptying(dir: &Path) -> &'static str {
    if dir.join("journal.partial").exists() {
        "`journal.partial` is left by a restore that was cut off, and can be removed"
    } else {
        "To restore there, stop the server, and move everything in it to another place first"
    }
}

/// Takes a backup of a store that no server has open.
///
/// The target must not exist. It appears when the backup is complete, synced and read back.
/// `progress` receives the bytes done, and their total.
///
/// # Errors
///
/// [`BackupError`]. Then nothing exists under that name.
pub fn backup(dir: &Path, to: &Path, progress: &dyn Fn(u64, u64)) -> Result<ChainHead, BackupError> {
    let _lock = Lock::take_existing(dir)?;
    let journal = dir.join("journal");
    let state =
        StoreState::read(dir, STATE)?.map(|state| KnownEnd { name: "the file `state`", end: state.end });
    let witnesses: Vec<_> = state.into_iter().filter(|known| known.end.position.0 > 0).collect();
    // The copy is read completely later.
    let Inspected { end, .. } = inspect(&journal, &witnesses, u64::MAX, &mut |_, _| Ok(()))?;
    let end =
        end.filter(|end| end.position.0 > 0).ok_or_else(|| BackupError::Nothing { dir: dir.to_owned() })?;
    take(&journal, end, to, &|done, of| {
        progress(done, of);
        true
    })
}

/// Takes a backup of an open store, up to the end synced at the begin. `progress` says whether to
/// continue.
pub(in crate::store) fn backup_open(
    dir: &Path,
    synced: &Synced,
    to: &Path,
    progress: CopyProgress<'_>,
) -> Result<ChainHead, BackupError> {
    take(&dir.join("journal"), synced.end(), to, progress)
}

/// Receives the bytes done and their total, and returns whether to continue.
type CopyProgress<'a> = &'a dyn Fn(u64, u64) -> bool;

fn take(journal: &Path, end: End, to: &Path, progress: CopyProgress<'_>) -> Result<ChainHead, BackupError> {
    let partial = beside(to)?;
    let copied = partial.dir.path().join("journal");
    private::make_dir(&copied).map_err(OpenError::io("create", &copied))?;
    let bytes = copy::prefix(journal, end, &copied, &|done, of| progress(done, 2 * of))?;
    let is_wanted = Cell::new(true);
    read_back(&copied, end, &|read| is_wanted.set(progress(bytes + read, 2 * bytes)))?;
    if !is_wanted.get() {
        return Err(BackupError::Stopped);
    }
    // The clean mark does not matter: a backup is restored, never opened.
    let note = StoreState::new(false, None, end);
    note.write(partial.dir.path(), BACKUP)
        .map_err(OpenError::io("write the backup in", partial.dir.path()))?;
    let owner = journal.parent().unwrap_or(journal);
    private::give_tree_to_owner_of(owner, partial.dir.path())
        .map_err(OpenError::io("give to the owner of the data", partial.dir.path()))?;
    publish(partial, to)?;
    Ok(end.into())
}

/// A draft of a backup, locked by the open directory until dropped.
pub(in crate::store::tools) struct Draft {
    dir: TempDir,
    _lock: File,
}

#[cfg(feature = "postgres")]
impl Draft {
    /// The draft's directory.
    pub(in crate::store::tools) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// A temporary directory beside the target; removed on drop. Drafts of the same name that no
/// process works on are removed first.
pub(in crate::store::tools) fn beside(to: &Path) -> Result<Draft, BackupError> {
    if to.try_exists().map_err(OpenError::io("look for", to))? {
        return Err(BackupError::Exists { dir: to.to_owned() });
    }
    let name = to.file_name().ok_or_else(|| BackupError::NoName { dir: to.to_owned() })?;
    let parent = holder(to);
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".partial-");
    remove_left(parent, &prefix).map_err(OpenError::io("look for left drafts in", parent))?;
    // The backup contains private messages.
    let private = Permissions::from_mode(0o700);
    let draft =
        tempfile::Builder::new().prefix(&prefix).permissions(private).tempdir_in(parent).and_then(|dir| {
            let lock = File::open(dir.path())?;
            lock.lock()?;
            Ok(Draft { dir, _lock: lock })
        });
    Ok(draft.map_err(OpenError::io("make a directory in", parent))?)
}

/// Removes the drafts of backups that were killed.
fn remove_left(parent: &Path, prefix: &OsStr) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let is_draft = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if is_draft && File::open(entry.path())?.try_lock().is_ok() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Reads a copy completely, because a backup must be readable.
pub(in crate::store::tools) fn read_back(
    journal: &Path,
    end: End,
    progress: &dyn Fn(u64),
) -> Result<(), OpenError> {
    let size = JournalSize::of(journal).map_err(OpenError::io("list", journal))?;
    let witness = KnownEnd { name: "the store that was copied", end };
    inspect(journal, &[witness], 0, &mut |reached, _| {
        progress(size.before(reached));
        Ok(())
    })?;
    Ok(())
}

pub(in crate::store::tools) fn publish(
    Draft { dir: partial, _lock: lock }: Draft,
    to: &Path,
) -> Result<(), OpenError> {
    let path = partial.path();
    fs::rename(path, to).map_err(OpenError::io("rename", path))?;
    // The directory has its final name by now.
    drop((partial.keep(), lock));
    let parent = holder(to);
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(OpenError::io("sync", parent))
}

/// The directory that holds a path.
fn holder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
