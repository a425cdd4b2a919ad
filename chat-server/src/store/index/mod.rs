//! The index: everything that is read by key. It can always be rebuilt from the journal.
//!
//! An index that failed is never used again: it is set aside and rebuilt.

pub(super) mod apply;
pub(super) mod backend;
mod before_teams;
pub(super) mod build;
pub(super) mod files;
pub(super) mod heads;
pub(super) mod messages;
mod originals;
mod undo_cache;
pub(super) mod view;
mod work_lists;
pub(super) mod writes;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
#[cfg(test)]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chat_core::store::UnavailableError;

use super::error::OpenError;
use super::write::journal::{End, Location};
use super::{keys, private, values};
use backend::{Backend, BackendError, Batch, Bytes, Entries, KeyValue, wait_until_free};
use files::close_to_others;
use originals::Originals;
use writes::IndexBatch;

/// Longest time for the last user of an index to let go of it, and then for the database to release
/// its file. Milliseconds are usual.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);

/// The file of client message ids in the directory of the index.
const ORIGINALS: &str = "originals";

/// The index of a store.
#[derive(Debug)]
pub(super) struct Index {
    db: Backend,
    originals: Originals,
    failed: AtomicBool,
    reason: Mutex<String>,
    /// The number of calls of the database.
    #[cfg(test)]
    asked: AtomicU64,
}

/// The result of opening an index.
pub(super) enum OpenedIndex {
    /// A usable index.
    Index(Arc<Index>),
    /// No usable index, with the reason.
    Unusable(String),
}

impl Index {
    /// Opens an existing index, or creates an empty one.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if another store of this process has not released the files.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<OpenedIndex, OpenError> {
        wait_until_free(dir)?;
        let db = match Backend::open(dir, cache_bytes) {
            Ok(db) => db,
            Err(error) => return Ok(OpenedIndex::Unusable(format!("it does not open: {error}"))),
        };
        match version(&db) {
            Ok(keys::VERSION) => {}
            Ok(0) => return Ok(OpenedIndex::Unusable("it is incomplete".to_owned())),
            Ok(found) => {
                return Ok(OpenedIndex::Unusable(format!(
                    "it has version {found}, and this program's is {}",
                    keys::VERSION
                )));
            }
            Err(error) => return Ok(OpenedIndex::Unusable(error.to_string())),
        }
        close_to_others(dir);
        match Originals::open(&dir.join(ORIGINALS)) {
            Ok(originals) => Ok(OpenedIndex::Index(Arc::new(Self::new(db, originals)))),
            Err(error) => Ok(OpenedIndex::Unusable(format!("its client message ids do not open: {error}"))),
        }
    }

    /// Creates an empty index.
    pub(super) fn create(dir: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        private::make_dir(dir).map_err(OpenError::io("create", dir))?;
        let db = empty(dir, cache_bytes)
            .map_err(|error| OpenError::Index { dir: dir.to_owned(), what: error.to_string() })?;
        close_to_others(dir);
        let path = dir.join(ORIGINALS);
        let originals = Originals::create(&path).map_err(OpenError::io("create", &path))?;
        Ok(Self::new(db, originals))
    }

    fn new(db: Backend, originals: Originals) -> Self {
        Self {
            db,
            originals,
            failed: AtomicBool::new(false),
            reason: Mutex::default(),
            #[cfg(test)]
            asked: AtomicU64::default(),
        }
    }

    /// The journal's end that the index has reached.
    pub(super) fn end(&self) -> Result<End, UnavailableError> {
        match self.get(keys::END)? {
            None => Ok(End::default()),
            Some(bytes) => values::decode_json(&bytes).ok_or_else(|| self.fail("its end is unreadable")),
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, UnavailableError> {
        self.ask(|db| db.get(key))
    }

    /// The location of the record with the client message id of a [key](keys::client_id).
    pub(super) fn client_id(&self, key: &[u8]) -> Result<Option<Location>, UnavailableError> {
        self.check()?;
        self.originals.get(key).map_err(|error| self.fail(&error.to_string()))
    }

    /// The keys from `start` to before `end`.
    pub(super) fn range(&self, start: &[u8], end: &[u8]) -> Result<Entries, UnavailableError> {
        self.ask(|db| db.range(start, end))
    }

    /// All entries by key.
    pub(super) fn entries(&self) -> Result<Entries, UnavailableError> {
        self.ask(Backend::entries)
    }

    /// The next entry of a range, from its front or its back.
    pub(super) fn next(&self, range: &mut Entries, back: bool) -> Result<Option<KeyValue>, UnavailableError> {
        self.ask(|_| range.next(back))
    }

    /// Applies all writes of the groups up to `end`, the end last. After an interruption the index
    /// still has its old end, and the groups are applied again.
    ///
    /// `gate` returns a guard, held while the database changes. Loads wait for the guard, and it is
    /// dropped early.
    pub(super) fn apply<A>(
        &self,
        writes: impl Into<IndexBatch>,
        end: End,
        gate: impl FnOnce() -> A,
    ) -> Result<(), UnavailableError> {
        let (mut entries, client_ids) = writes.into().split();
        self.check()?;
        self.originals.put(&client_ids).map_err(|error| self.fail(&error.to_string()))?;
        entries.insert(keys::END, values::encode_json(&end));
        let _guard = gate();
        self.ask(|db| db.apply(entries))
    }

    /// Replaces values of existing keys.
    pub(super) fn replace(&self, entries: BTreeMap<Bytes, Bytes>) -> Result<(), UnavailableError> {
        let mut batch = Batch::default();
        entries.into_iter().for_each(|(key, value)| batch.insert(key, value));
        self.ask(|db| db.apply(batch))
    }

    /// Flushes applied writes. They are not synced, but the journal is.
    pub(super) fn flush(&self) -> Result<(), UnavailableError> {
        self.ask(Backend::flush)
    }

    /// Whether the index can still be used.
    pub(super) fn check(&self) -> Result<(), UnavailableError> {
        if self.failed.load(Ordering::Acquire) {
            Err(UnavailableError::new(self.reason.lock().unwrap_or_else(PoisonError::into_inner)))
        } else {
            Ok(())
        }
    }

    /// Marks the index as failed. It answers nothing more, and the index thread replaces it.
    pub(super) fn fail(&self, what: &str) -> UnavailableError {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.failed.load(Ordering::Acquire) {
            *reason = format!("the index failed ({what}) and is built anew");
            self.failed.store(true, Ordering::Release);
            tracing::error!(what, "the index failed: loads are unavailable until it is built anew");
        }
        UnavailableError::new(&*reason)
    }

    /// The number of calls of the database so far.
    #[cfg(test)]
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Drops the index after its last user.
    ///
    /// # Errors
    ///
    /// If the database does not close cleanly, or a user keeps the index too long.
    pub(super) fn end_of(mut index: Arc<Self>) -> Result<(), String> {
        let patience = Instant::now() + LET_GO_WITHIN;
        loop {
            match Arc::try_unwrap(index) {
                Ok(index) => return index.db.close().map_err(|error| error.to_string()),
                Err(_) if Instant::now() >= patience => return Err("the index is still in use".to_owned()),
                Err(shared) => index = shared,
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn ask<T>(
        &self,
        question: impl FnOnce(&Backend) -> Result<T, BackendError>,
    ) -> Result<T, UnavailableError> {
        self.check()?;
        #[cfg(test)]
        self.asked.fetch_add(1, Ordering::Relaxed);
        question(&self.db).map_err(|error| self.fail(&error.to_string()))
    }
}

/// The catalogue's version of an index; 0 if missing.
fn version(db: &Backend) -> Result<u32, BackendError> {
    let version = db.get(keys::INDEX_VERSION)?;
    Ok(version.and_then(|bytes| bytes[..].try_into().ok()).map_or(0, u32::from_be_bytes))
}

/// A database with this catalogue's version and nothing else.
fn empty(dir: &Path, cache_bytes: u64) -> Result<Backend, BackendError> {
    let db = Backend::open(dir, cache_bytes)?;
    let mut batch = Batch::default();
    batch.insert(keys::INDEX_VERSION, &keys::VERSION.to_be_bytes());
    db.apply(batch)?;
    Ok(db)
}

/// Turns a panic into a message.
pub(super) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    // A panic may leave the index in a broken state, but the index is not used again.
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("a panic: {}", text.unwrap_or("without a message"))
    })
}
