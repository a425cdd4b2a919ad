//! The port to storage: the queries and changes of the engine, and the rules for every store.
//!
//! A store answers [`load`](Store::load) and [`commit`](Store::commit). The engine has at most one
//! commit in flight, and any number of loads. A store that several engines share also answers
//! [`follow`](Store::follow), so that each hears of the changes of the others. The suite
//! [`testing::conformance`](crate::testing::conformance) checks a store against all rules stated
//! here. [`MemoryStore`] is the reference.
//!
//! # For the author of a store
//!
//! - *Never block.* Both futures are polled in the task that runs the engine, so a store that
//!   blocks stops everybody. The feature `system` has a thread for such a store:
//!   `system::Blocking`.
//! - *Ids are ordered by their bytes*, as `str` is. The collation of a language is another order.
//! - *Any text may have any character*, U+0000 included: names, titles, messages, and ids that come
//!   from tokens and clients. A database that refuses U+0000 needs another form, for example bytes.
//! - *Numbers.* Positions, numbers of messages and versions begin at 1, rise by few, and fit into
//!   63 bits. Bounds in a [`Query`] go up to the largest value of their type: a `skip`, a number in
//!   a [`Window`], a `limit`, `bytes`, `participants`. Times have milliseconds and reach from the
//!   year 0 to the year 9999.
//! - *A failed serialization or a deadlock is* [`UnavailableError`], unless the store repeats the
//!   whole batch itself. [`Rejected::Conflict`] means only that the decision was made on another
//!   version of the conversation, or on another account, than the stored one.
//! - *Read positions outlive memberships.* A user who is enrolled again goes on at the old
//!   position.
//! - *Retention erases texts and nothing else.* Of an erased message the number, the id, the sender
//!   and the time stay. Its `content` is loaded as the empty text with `erased`, and the `content`
//!   of an [`Original`] as `None`. A repeat of its request is still a repeat.
//! - *A commit shows itself as a whole.* A load beside it sees all of the batch or nothing, because
//!   a crash may still take back what is not durable.

mod account;
mod append;
mod before_teams;
mod change;
mod entry;
mod event;
mod follow;
mod hash;
mod judge;
mod memory;
mod order_list;
mod query;
mod work_list;

use std::future::{Future, pending};
use std::sync::Arc;

pub(crate) use account::control_team;
pub use account::{Account, CONTROL_TEAM, Said, Source, StoredAccount, TokenVerdict};
pub use before_teams::{StoreBefore, complete};
pub use change::{
    AppendEntry, AppendMessage, Change, Committed, CreateConversation, EntryChange, Escalate, ExpireOrder,
    GivenOrder, MarkRead, Membership, Original, PutAccount, Rejected, RejectedOrder, SupposedAccount,
    Verdict,
};
pub use entry::{EntryBody, show_order};
pub use event::{Content, ConversationCreated, Event, MembershipChanged, MessageAppended, ReadMarked};
pub use follow::{CommitId, Followed, Happened, Life};
pub use hash::{Hash, ParseHashError};
pub use judge::{Batch, Head, State};
pub use memory::{MemoryState, MemoryStore};
pub use order_list::{ORDERS_SEARCHED, OrderPage, OrderPlace, OrderQuery, lists_order};
pub use query::{
    AccountSelection, ConversationPage, ConversationRow, Directory, Facts, INACTIVE_MOST, Loaded,
    MessagePage, Query, UNREAD_MOST, UNREAD_WINDOW, Window,
};

pub use work_list::{WORK_COUNTED, WORK_SEARCHED, WorkPage, WorkPlace, WorkQuery, answers_for};

use serde::{Deserialize, Serialize};

/// A position in a store's history. Each committed change has a higher position than all before.
///
/// Zero is before the first change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

/// The error of a store that could not answer. A change may or may not have been made.
///
/// A change that was made all the same is sent to nobody live, unless the store is
/// [shared](Directory::shared) and shows the event to [`Store::follow`]. A repeat of its request
/// gets the original answer, and participants get the message when they catch up, at the latest
/// when the next message of the conversation shows a gap. So a store that can undo such a change,
/// or find out its fate, should.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store is unavailable: {reason}")]
pub struct UnavailableError {
    /// The reason, for the operator's log. Never sent to a client.
    pub reason: String,
    /// Whether the history of a [shared](Directory::shared) store has another epoch than the
    /// handle, so that no later call succeeds either. An engine ends then, and a new one goes on.
    pub past_epoch: bool,
}

impl UnavailableError {
    /// Creates an error with this reason.
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self { reason: format!("{reason}"), past_epoch: false }
    }

    /// Creates the error of a handle whose epoch is over.
    pub fn past_epoch() -> Self {
        let reason = "the store has another history than before: it begins anew".to_owned();
        Self { reason, past_epoch: true }
    }
}

/// Storage of accounts, conversations, messages, read positions, and the originals of repeatable
/// requests.
///
/// Both futures must be `Send` and may be dropped early; a dropped commit has an unknown outcome.
/// The engine has no timeout, so a store that may hang must return [`UnavailableError`] itself.
/// Until then the request waits, and for a commit all later ones too.
pub trait Store: Send + Sync {
    /// Answers a query.
    ///
    /// The answer contains at least everything committed up to its [`Loaded::position`], which
    /// covers every commit that had returned when the load began.
    fn load(&self, query: Query) -> impl Future<Output = Result<Loaded, UnavailableError>> + Send;

    /// Judges changes in order, each seeing the earlier ones, and makes the accepted ones durable.
    ///
    /// Returns one [`Verdict`] for each change, in order. Each change is made whole or not at all.
    /// When the future completes, all accepted changes are on disk and visible to every load that
    /// begins later. [`Batch::judge`] has the rules in code, for every store to use:
    ///
    /// - A `client_message_id` already used by the user is a [`Rejected::Duplicate`] with the
    ///   original, however wrong the change is otherwise. The second use within one batch is one
    ///   too.
    /// - A change of an unknown conversation, or decided on another version than the stored one, is
    ///   a [`Rejected::Conflict`]. All later changes of this conversation in the batch are
    ///   conflicts too.
    /// - A message, a reading or a creation names its user's [rights position](StoredAccount::rights),
    ///   and a new account names the position of the one that it replaces. Another position is a
    ///   conflict. All later changes of this user in the batch are conflicts too.
    /// - The store gives each message the next `seq` of its conversation. Its `sent_at` is the
    ///   later of the change's time and the `sent_at` of the message before.
    /// - A message or reading of a user who does not take part, by the account as earlier changes
    ///   left it, is a conflict. So is a creation of an inactive user, a request
    ///   of a user in control, and a conversation that a user in the field starts with others.
    /// - An entry takes the next `seq` like a message. An entry about the work that names another
    ///   version than the stored one, or an action that does not fit the work, is
    ///   [`Rejected::Outdated`] with the work as it is. An action on the work of a colleague is
    ///   [`Rejected::Forbidden`]. Neither affects later changes.
    /// - A message changes the work by the rules of [`work`](crate::work), in the same event, and the
    ///   work changes the emergency.
    /// - An emergency of a creator with an earlier one that is not over, in a conversation in which
    ///   the creator takes part, is [`Rejected::Repeated`]. A press in an emergency that is over is
    ///   a conflict.
    /// - An end that names another version than the emergency's, or comes too late, is
    ///   [`Rejected::OutdatedEmergency`] with the emergency as it is. Only its creator withdraws an
    ///   emergency, and only control ends it otherwise.
    /// - An alert of an emergency that is not open, or has another level, is accepted and changes
    ///   nothing.
    /// - A message with an order names its people by the rules of [`order`](crate::order). An order
    ///   for nobody or for too many, one beyond the limit of open ones, and an answer or a
    ///   withdrawal that does not fit the order are [`Rejected::Order`]. Neither affects later
    ///   changes.
    /// - An expiry of an order that nothing ends at this time is accepted and changes nothing.
    /// - A read position never falls. An older reading is accepted and changes nothing.
    /// - Enrolling a participant, or withdrawing a user who does not take part, is accepted and
    ///   changes nothing, not even the version. Both count an inactive user as active.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the outcome of the whole batch is unknown.
    fn commit(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send;

    /// Commits under a name, by which [`follow`](Self::follow) tells the events of this commit from
    /// others. A store with one engine needs no name. A store that wraps a shared one passes names
    /// and [`follow`](Self::follow) on.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    fn commit_as(
        &self,
        _: CommitId,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send {
        self.commit(changes)
    }

    /// Returns the next events after this position, whoever has made them, as soon as there are
    /// any. The engine calls this only if the store is [shared](Directory::shared), and again after
    /// each answer.
    ///
    /// A handle of a shared store belongs to the epoch in which it was opened. Once the history has
    /// another epoch, the handle answers `follow` with that epoch, and everything else with
    /// [`UnavailableError::past_epoch`].
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell. The engine asks again after a pause.
    fn follow(&self, _: Position) -> impl Future<Output = Result<Followed, UnavailableError>> + Send {
        pending()
    }
}

/// A store shared with the embedder, which can query it beside the engine.
impl<S: Store> Store for Arc<S> {
    fn load(&self, query: Query) -> impl Future<Output = Result<Loaded, UnavailableError>> + Send {
        self.as_ref().load(query)
    }

    fn commit(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send {
        self.as_ref().commit(changes)
    }

    fn commit_as(
        &self,
        id: CommitId,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send {
        self.as_ref().commit_as(id, changes)
    }

    fn follow(&self, after: Position) -> impl Future<Output = Result<Followed, UnavailableError>> + Send {
        self.as_ref().follow(after)
    }
}
