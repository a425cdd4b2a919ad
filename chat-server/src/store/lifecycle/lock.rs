//! The lock that admits one server per data directory.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::store::error::OpenError;
use crate::store::private;

/// Holds the data directory until dropped, or until the process ends in any way.
#[derive(Debug)]
pub(in crate::store) struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Lock {
    /// Takes the lock, and creates its file if missing.
    pub(in crate::store) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("lock");
        let file = private::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(OpenError::io("open", &path))?;
        Self::hold(file, &path, dir)
    }

    /// Takes the lock if its file exists, for callers that change nothing. A backup has no such
    /// file.
    pub(in crate::store) fn take_existing(dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = dir.join("lock");
        match File::open(&path) {
            Ok(file) => Self::hold(file, &path, dir).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(OpenError::io("open", &path)(error)),
        }
    }

    fn hold(file: File, path: &Path, dir: &Path) -> Result<Self, OpenError> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(OpenError::io("lock", path)(error)),
        }
    }
}
