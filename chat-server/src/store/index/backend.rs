//! The ordered key-value store under the index: sled, which no other source file uses.
//!
//! Sled may panic on a damaged database, at any time. A panic becomes a [`BackendError`]. After an
//! error the database must not be used any more.

use std::borrow::Borrow;
use std::fs::{File, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use sled::IVec;

use super::{LET_GO_WITHIN, caught};
use crate::store::error::OpenError;

/// A key or a value. Clones share its memory, or copy at most 22 bytes.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::store) struct Bytes(IVec);

/// A key with its value.
pub(in crate::store) type KeyValue = (Bytes, Bytes);

/// Failure of the database, by an error or a panic.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BackendError(String);

/// An open database.
#[derive(Debug)]
pub(super) struct Backend(sled::Db);

/// Writes that take effect together.
#[derive(Default)]
pub(super) struct Batch {
    writes: sled::Batch,
    keys: usize,
}

/// The rest of a range.
pub(in crate::store) struct Entries(sled::Iter);

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl<const N: usize> From<&[u8; N]> for Bytes {
    fn from(bytes: &[u8; N]) -> Self {
        Self(bytes[..].into())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl Batch {
    pub(super) fn insert(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.writes.insert(key.into().0, value.into().0);
        self.keys += 1;
    }

    pub(super) fn remove(&mut self, key: Bytes) {
        self.writes.remove(key.0);
        self.keys += 1;
    }
}

impl Entries {
    /// The next entry, from the front or the back.
    pub(super) fn next(&mut self, back: bool) -> Result<Option<KeyValue>, BackendError> {
        let next = guarded(|| if back { self.0.next_back() } else { self.0.next() }.transpose())?;
        Ok(next.map(|(key, value)| (Bytes(key), Bytes(value))))
    }
}

impl Backend {
    /// Opens a database, or creates an empty one.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, BackendError> {
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
        guarded(|| config.open()).map(Self)
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        Ok(guarded(|| self.0.get(key))?.map(Bytes))
    }

    /// The entries from `start` up to `end`, exclusive, by key.
    pub(super) fn range(&self, start: &[u8], end: &[u8]) -> Result<Entries, BackendError> {
        guarded(|| Ok(self.0.range(start..end))).map(Entries)
    }

    /// All entries by key.
    pub(super) fn entries(&self) -> Result<Entries, BackendError> {
        guarded(|| Ok(self.0.iter())).map(Entries)
    }

    /// Applies a batch.
    ///
    /// Sled collects replaced pages incrementally, a few per call, and a batch is one call. Two
    /// dummy reads per written key keep up with it; without them memory grows by gigabytes.
    pub(super) fn apply(&self, Batch { writes, keys }: Batch) -> Result<(), BackendError> {
        guarded(|| self.0.apply_batch(writes))?;
        (0..2 * keys).try_for_each(|_| self.get(&[]).map(drop))
    }

    /// Flushes applied batches to the files, without a sync.
    pub(super) fn flush(&self) -> Result<(), BackendError> {
        guarded(|| self.0.flush().map(drop))
    }

    /// Closes the database.
    pub(super) fn close(self) -> Result<(), BackendError> {
        caught(|| drop(self)).map_err(BackendError)
    }
}

/// Calls sled, and turns an error or a panic into a [`BackendError`].
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, BackendError> {
    caught(call).map_err(BackendError)?.map_err(|error| BackendError(error.to_string()))
}

/// Waits until sled has released its file.
///
/// After a store of this process has ended, sled's own threads may hold the file a moment longer,
/// and a good index would not open. The store's lock keeps other processes out.
pub(in crate::store) fn wait_until_free(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join("db");
    let patience = Instant::now() + LET_GO_WITHIN;
    loop {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(OpenError::io("open", &path)(error)),
        };
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(OpenError::io("lock", &path)(error.into())),
        }
    }
}
