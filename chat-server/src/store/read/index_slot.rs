//! The slot of the present index.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};

use chat_core::store::UnavailableError;

use super::recent::RecentLists;
use crate::store::index::Index;

/// The present index, or the reason for having none.
pub(in crate::store) type Present = Result<Arc<Index>, UnavailableError>;

/// Holds the present index.
#[derive(Debug)]
pub(in crate::store) struct IndexSlot {
    index: RwLock<Present>,
    /// Held for reading by every load, and for writing by the index thread while it changes the
    /// index.
    gate: RwLock<()>,
    /// Held while the files of an index are made or set aside.
    files: Mutex<()>,
    recent: RecentLists,
}

impl IndexSlot {
    /// A slot with this index.
    pub(in crate::store) fn new(index: Present) -> Self {
        Self {
            index: RwLock::new(index),
            gate: RwLock::default(),
            files: Mutex::default(),
            recent: RecentLists::default(),
        }
    }

    /// The present index.
    ///
    /// Take the index before the memtable's snapshot. Every acknowledged write is then in one of
    /// the two, or the index reports its failure.
    pub(in crate::store) fn get(&self) -> Present {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest conversations of teams, as read from the present index.
    pub(in crate::store) fn recent(&self) -> &RecentLists {
        &self.recent
    }

    /// Replaces the index, or sets the reason for having none.
    pub(in crate::store) fn set(&self, index: Present) {
        self.recent.forget();
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
    }

    /// Keeps the index unchanged, for reading more than one key.
    pub(in crate::store) fn read_gate(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all readers are done, and excludes new ones.
    pub(in crate::store) fn write_gate(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a change of the index waits for a load. On Linux a waiting writer lets no new reader
    /// in.
    #[cfg(test)]
    pub(in crate::store) fn holds_a_change_back(&self) -> bool {
        matches!(self.gate.try_read(), Err(TryLockError::WouldBlock))
    }

    /// Reserves the files of the index, to build one. Waits for a step of retention.
    pub(in crate::store) fn files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves the files of the index while none exists. `None` if one exists or is being built.
    pub(in crate::store) fn files_of_none(&self) -> Option<MutexGuard<'_, ()>> {
        let files = match self.files.try_lock() {
            Ok(files) => files,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.get().is_err().then_some(files)
    }
}
