//! The port to storage: what the engine asks a store for, and what any store must keep.
//!
//! A store answers [`load`](Store::load) and [`commit`](Store::commit). The engine has at most one commit under
//! way at a time, and any number of loads. [`testing::conformance`](crate::testing::conformance) holds a store
//! against all that is said here; [`MemoryStore`] is the reference.

mod account;
mod change;
mod memory;
mod query;

use std::future::Future;

pub use account::{Account, Said, Source, TokenVerdict};
pub use change::{
    AppendMessage, Change, CreateConversation, MarkRead, Membership, Original, Receipt, Rejected, Verdict,
};
pub use memory::{MemoryState, MemoryStore};
pub use query::{
    ConversationPage, ConversationRow, Directory, Facts, ListPlace, Loaded, MessagePage, Query, UNREAD_MOST,
    UNREAD_WINDOW, Window,
};

use serde::{Deserialize, Serialize};

/// How far a store's history has come: each committed change has a higher one than those before it.
///
/// Zero is before the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

/// The store could not answer. Whether a change was made is unknown.
///
/// A change that was made all the same is told to nobody live: a repeat of it is answered with the original, and those
/// who take part get it by catching up, at the latest when the next message of its conversation shows them a gap. So a
/// store that can take such a change back, or find out about it first, should.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store is unavailable: {reason}")]
pub struct UnavailableError {
    /// Why, for the operator's log: never sent to a client.
    pub reason: String,
}

impl UnavailableError {
    /// An error with this reason.
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self { reason: format!("{reason}") }
    }
}

/// Storage of accounts, conversations, messages, read positions and what is needed to recognise a repeat.
///
/// Both futures must be `Send`, and may be dropped before they end: a dropped commit has an unknown outcome.
/// The engine sets them no time: a store that may hang says [`UnavailableError`] itself, for until it does, whoever asked
/// waits, and for a commit all that come after it.
pub trait Store: Send + Sync {
    /// Looks something up.
    ///
    /// The answer holds at least all that was committed up to its [`Loaded::position`], which in turn covers every
    /// commit that had returned when the load began.
    fn load(&self, query: Query) -> impl Future<Output = Result<Loaded, UnavailableError>> + Send;

    /// Judges changes in order, each seeing the earlier ones, and makes the accepted ones durable.
    ///
    /// There is one [`Verdict`] per change, in their order. Each change is done whole or not at all. When the future
    /// is ready, all that it accepted is on disk and visible to every load that begins after it. Rules:
    ///
    /// - A `client_message_id` that the user has used is [`Rejected::Duplicate`] with the original, whatever else is
    ///   wrong with the change, and so is the second of two in one batch.
    /// - A change of a conversation that does not exist, or whose version is not the one the change names, is
    ///   [`Rejected::Conflict`], and so are all later changes of that conversation in the batch.
    /// - The store gives each message the next `seq` of its conversation, and as `sent_at` the later of the change's
    ///   time and the `sent_at` of the message before it.
    /// - A read position never falls. [`Receipt::Read`] says whether it rose.
    /// - To enrol a participant, or withdraw a user who is none, is accepted and changes nothing, the version included.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the outcome of the whole batch is unknown.
    fn commit(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send;
}
