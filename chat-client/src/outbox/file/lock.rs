//! The lock that keeps an outbox from being opened twice, as good as the file system permits.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::disk::options;
use super::error::OpenError;

/// The reach of the lock that keeps an open outbox from being opened again.
///
/// Some file systems have no locks: FAT on a tablet's memory card, network folders, some of
/// Android's own. Outboxes work there all the same, because an app without any outbox would lose
/// more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lock {
    /// Locked by the file system, against every process of the machine.
    Everywhere,
    /// Locked within this process only, because the file system has no locks. Two processes with
    /// the same outbox damage the file, and drafts get lost. An app of several processes should put
    /// the file elsewhere.
    ThisProcess,
}

/// The outboxes open in this process. Bounded by their number.
static OPEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A lock, released on drop.
pub(super) struct LockGuard {
    path: PathBuf,
    /// The lock file, whose lock ends when it is closed. `None` on file systems without locks.
    file: Option<File>,
}

impl LockGuard {
    /// Locks the outbox at `path` by a separate file, which stays when the outbox is replaced.
    pub(super) fn take(path: &Path, file: &Path) -> Result<Self, OpenError> {
        Self::take_by(path, file, try_lock)
    }

    fn take_by(
        path: &Path,
        file: &Path,
        try_lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> Result<Self, OpenError> {
        if !OPEN.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned()) {
            return Err(OpenError::InUse { path: path.to_owned() });
        }
        // From here on, dropping the guard frees the path.
        let mut held = Self { path: path.to_owned(), file: None };
        let file = options().create(true).truncate(false).open(file);
        let file = file.map_err(OpenError::io("make the lock file of", path))?;
        match try_lock(&file) {
            Ok(()) => held.file = Some(file),
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {}
            Err(TryLockError::Error(error)) => return Err(OpenError::io("lock", path)(error)),
        }
        Ok(held)
    }

    pub(super) fn lock(&self) -> Lock {
        if self.file.is_some() { Lock::Everywhere } else { Lock::ThisProcess }
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // The file's lock goes first: as soon as the path is free, another instance may lock the
        // file.
        drop(self.file.take());
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

#[cfg(unix)]
fn try_lock(file: &File) -> Result<(), TryLockError> {
    use rustix::fs::{FlockOperation, flock};
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match io::Error::from(error) {
        error if error.kind() == io::ErrorKind::WouldBlock => TryLockError::WouldBlock,
        error => TryLockError::Error(error),
    })
}

#[cfg(not(unix))]
fn try_lock(file: &File) -> Result<(), TryLockError> {
    file.try_lock()
}

/// Whether the error is one of those by which file systems report missing locks.
#[cfg(unix)]
fn has_no_locks(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let known = [Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::INVAL, Errno::NOLCK, Errno::NOTTY];
    Errno::from_io_error(error).is_some_and(|error| known.contains(&error))
}

#[cfg(not(unix))]
fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn without_locks_of_the_file_system_it_is_opened_once_in_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("outbox"), folder.path().join("outbox.lock"));
        for error in [Errno::NOSYS, Errno::OPNOTSUPP, Errno::INVAL, Errno::NOLCK] {
            let missing = |_: &File| Err(TryLockError::Error(error.into()));
            let first = LockGuard::take_by(&path, &file, missing).unwrap();
            assert_eq!(first.lock(), Lock::ThisProcess, "{error}");
            let second = LockGuard::take_by(&path, &file, missing);
            assert!(matches!(second, Err(OpenError::InUse { .. })), "{error}");
        }
        assert_eq!(
            LockGuard::take(&path, &file).unwrap().lock(),
            Lock::Everywhere,
            "and then it is free again"
        );
    }

    #[test]
    fn any_other_error_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("outbox"), folder.path().join("outbox.lock"));
        let failed = |_: &File| Err(TryLockError::Error(Errno::IO.into()));
        assert!(matches!(
            LockGuard::take_by(&path, &file, failed),
            Err(OpenError::Io { action: "lock", .. })
        ));
        assert!(LockGuard::take(&path, &file).is_ok());
    }
}
