//! The store in memory: the reference for the rules of the port, and the store of tests.

mod answer;
mod judge;

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::sync::{MutexGuard, PoisonError};

use super::{Change, Loaded, Position, Query, Store, UnavailableError, Verdict};
use crate::export::Export;
use crate::id::Epoch;

/// A [`Store`] that keeps everything in memory until dropped.
///
/// Its futures complete at once, and the store is never unavailable. Unbounded: stored data stays.
#[derive(Debug)]
pub struct MemoryStore {
    #[expect(
        clippy::disallowed_types,
        reason = "a store is shared by reference; the lock is held across no await"
    )]
    state: std::sync::Mutex<MemoryState>,
}

impl MemoryStore {
    /// Creates an empty store with this epoch.
    pub fn new(epoch: impl Into<Epoch>) -> Self {
        MemoryState::new(epoch).into()
    }

    /// A copy of the whole content, for checks from outside.
    pub fn export(&self) -> Export {
        self.state().export()
    }

    fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<MemoryState> for MemoryStore {
    fn from(state: MemoryState) -> Self {
        Self { state: state.into() }
    }
}

impl Store for MemoryStore {
    fn load(&self, query: Query) -> impl Future<Output = Result<Loaded, UnavailableError>> + Send {
        ready(Ok(self.state().answer(query)))
    }

    fn commit(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send {
        ready(Ok(self.state().judge(changes)))
    }
}

/// The content of a [`MemoryStore`] as a plain value.
///
/// A clone keeps a moment. To simulate a crash that loses data, a store goes back to an earlier
/// clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryState {
    stored: Export,
}

impl MemoryState {
    /// Creates an empty state with this epoch.
    pub fn new(epoch: impl Into<Epoch>) -> Self {
        let stored = Export {
            epoch: epoch.into(),
            position: Position::default(),
            accounts: BTreeMap::new(),
            conversations: BTreeMap::new(),
            originals: BTreeMap::new(),
        };
        Self { stored }
    }

    /// The same content under another epoch, as after restoring a backup.
    #[must_use]
    pub fn under_epoch(mut self, epoch: impl Into<Epoch>) -> Self {
        self.stored.epoch = epoch.into();
        self
    }

    /// A copy of the whole content.
    pub fn export(&self) -> Export {
        self.stored.clone()
    }

    /// A view of the whole content.
    pub fn exported(&self) -> &Export {
        &self.stored
    }
}
