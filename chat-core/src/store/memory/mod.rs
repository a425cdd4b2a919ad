//! The store in memory: the reference that says what the port means, and the store of tests.

mod answer;
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, ready};
use std::sync::{MutexGuard, PoisonError};

use super::{Account, Change, Loaded, Original, Position, Query, Store, Unavailable, Verdict};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch, UserId};
use crate::protocol::Message;

/// A [`Store`] that keeps everything in memory and forgets it when it is dropped.
///
/// Its futures are ready at once and it is never unavailable. It has no bound: what is stored stays.
#[derive(Debug)]
pub struct MemoryStore {
    #[expect(
        clippy::disallowed_types,
        reason = "a store is shared by reference; the lock is held across no await"
    )]
    state: std::sync::Mutex<MemoryState>,
}

impl MemoryStore {
    /// An empty store with this epoch.
    pub fn new(epoch: impl Into<Epoch>) -> Self {
        MemoryState::new(epoch).into()
    }

    /// Everything that is stored, for those who check what others did with it.
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
    fn load(&self, query: Query) -> impl Future<Output = Result<Loaded, Unavailable>> + Send {
        ready(Ok(self.state().answer(query)))
    }

    fn commit(&self, changes: Vec<Change>) -> impl Future<Output = Result<Vec<Verdict>, Unavailable>> + Send {
        ready(Ok(self.state().judge(changes)))
    }
}

/// What a [`MemoryStore`] holds, as a plain value.
///
/// Clone it to keep a moment: a store that crashes and forgets is one that goes back to an earlier clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryState {
    stored: Export,
    /// The conversations of each user: derived from `stored`.
    memberships: BTreeMap<UserId, BTreeSet<ConversationId>>,
}

impl MemoryState {
    /// Nothing, under this epoch.
    pub fn new(epoch: impl Into<Epoch>) -> Self {
        let stored = Export {
            epoch: epoch.into(),
            position: Position::default(),
            accounts: BTreeMap::new(),
            conversations: BTreeMap::new(),
            originals: BTreeMap::new(),
        };
        Self { stored, memberships: BTreeMap::new() }
    }

    /// The same under another epoch: what restoring a backup gives.
    #[must_use]
    pub fn under_epoch(mut self, epoch: impl Into<Epoch>) -> Self {
        self.stored.epoch = epoch.into();
        self
    }

    /// Everything that is stored.
    pub fn export(&self) -> Export {
        self.stored.clone()
    }
}

/// All that a store holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// The epoch of the store's numbers.
    pub epoch: Epoch,
    /// How far the store's history has come.
    pub position: Position,
    /// The directory.
    pub accounts: BTreeMap<UserId, Account>,
    /// The conversations.
    pub conversations: BTreeMap<ConversationId, ExportedConversation>,
    /// What each user did under each `client_message_id`.
    pub originals: BTreeMap<(UserId, ClientMessageId), Original>,
}

/// A conversation and all that belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportedConversation {
    /// What is known of it, its participants included.
    pub conversation: Conversation,
    /// Message `seq` stands at index `seq - 1`.
    pub messages: Vec<Message>,
    /// How far each user has read; who is missing has read nothing.
    pub read_up_to: BTreeMap<UserId, u64>,
}
