//! The index that is asked at present, or why there is none.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};

use chat_core::store::UnavailableError;

use crate::store::index::Index;

/// The index that is asked at present, or why there is none.
pub(in crate::store) type Present = Result<Arc<Index>, UnavailableError>;

/// Where the present index is found.
#[derive(Debug)]
pub(in crate::store) struct IndexSlot {
    index: RwLock<Present>,
    /// Held for reading by every load, and for writing by the index thread while it changes the index.
    gate: RwLock<()>,
    /// Held while the files of an index are made or set aside.
    files: Mutex<()>,
}

impl IndexSlot {
    /// With this at first.
    pub(in crate::store) fn new(index: Present) -> Self {
        Self { index: RwLock::new(index), gate: RwLock::default(), files: Mutex::default() }
    }

    /// The index.
    ///
    /// Who takes it before the memtable misses nothing: what is no longer in the memtable is in the index, or the index
    /// has failed and says so.
    pub(in crate::store) fn get(&self) -> Present {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another index there, or the reason why there is none.
    pub(in crate::store) fn set(&self, index: Present) {
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
    }

    /// Keeps the index as it is: for who looks at more than one key.
    pub(in crate::store) fn read_gate(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody holds it, and lets nobody look.
    pub(in crate::store) fn write_gate(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves the files of the index, for building another one. Waits until retention has ended its step.
    pub(in crate::store) fn files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves the files of the index while there is none; `None` if there is one, or one is being built.
    pub(in crate::store) fn files_of_none(&self) -> Option<MutexGuard<'_, ()>> {
        let files = match self.files.try_lock() {
            Ok(files) => files,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.get().is_err().then_some(files)
    }
}
