//! The store in memory: the reference for the rules of the port, and the store of tests.

mod answer;
mod judge;
mod orders;
mod shared;
mod work;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn, ready};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use shared::History;

use super::{Change, CommitId, Followed, Loaded, Position, Query, Store, UnavailableError, Verdict};
use crate::export::Export;
use crate::id::Epoch;

/// A [`Store`] that keeps everything in memory until its last handle is dropped.
///
/// Its loads and commits complete at once, and the store is never unavailable. Unbounded: stored
/// data stays.
#[derive(Debug)]
pub struct MemoryStore {
    #[expect(
        clippy::disallowed_types,
        reason = "a store is shared by reference; the lock is held across no await"
    )]
    content: Arc<std::sync::Mutex<MemoryContent>>,
    /// The epoch to which the handle belongs.
    epoch: Epoch,
}

/// The content of all handles.
#[derive(Debug)]
struct MemoryContent {
    state: MemoryState,
    /// Followers to wake at the next change, each once.
    followers: Vec<Waker>,
}

impl MemoryStore {
    /// Creates an empty store with this epoch.
    pub fn new(epoch: impl Into<Epoch>) -> Self {
        MemoryState::new(epoch).into()
    }

    /// Opens another handle, for another engine. The store must be [shared](MemoryState::shared).
    #[must_use]
    pub fn another(&self) -> Self {
        let epoch = self.content().state.stored.epoch.clone();
        Self { content: Arc::clone(&self.content), epoch }
    }

    /// A copy of the whole content, for checks from outside.
    pub fn export(&self) -> Export {
        self.content().state.export()
    }

    /// Changes the content by hand.
    pub fn alter<T>(&self, change: impl FnOnce(&mut MemoryState) -> T) -> T {
        let mut content = self.content();
        content.followers.drain(..).for_each(Waker::wake);
        change(&mut content.state)
    }

    fn content(&self) -> MutexGuard<'_, MemoryContent> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails once the history has another epoch than the handle.
    fn belongs(&self) -> Result<(), UnavailableError> {
        if self.content().state.stored.epoch == self.epoch {
            Ok(())
        } else {
            Err(UnavailableError::new("the store has another epoch"))
        }
    }
}

impl From<MemoryState> for MemoryStore {
    fn from(state: MemoryState) -> Self {
        let epoch = state.stored.epoch.clone();
        Self { content: Arc::new(MemoryContent { state, followers: Vec::new() }.into()), epoch }
    }
}

impl Store for MemoryStore {
    fn load(&self, query: Query) -> impl Future<Output = Result<Loaded, UnavailableError>> + Send {
        ready(self.belongs().map(|()| self.content().state.answer(query)))
    }

    fn commit(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send {
        ready(self.belongs().map(|()| self.alter(|state| state.judge(changes))))
    }

    fn commit_as(
        &self,
        id: CommitId,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send {
        ready(self.belongs().map(|()| self.alter(|state| state.judge_as(Some(id), changes))))
    }

    fn follow(&self, after: Position) -> impl Future<Output = Result<Followed, UnavailableError>> + Send {
        poll_fn(move |cx| {
            let mut content = self.content();
            let followed = content.state.follow(after);
            if followed.happened.is_empty() && followed.epoch == self.epoch {
                if !content.followers.iter().any(|follower| follower.will_wake(cx.waker())) {
                    content.followers.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            Poll::Ready(Ok(followed))
        })
    }
}

/// The content of a [`MemoryStore`] as a plain value.
///
/// A clone keeps a moment. To simulate a crash that loses data, a store goes back to an earlier
/// clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryState {
    stored: Export,
    /// The events, if several engines share the store.
    history: Option<History>,
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
        Self { stored, history: None }
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
