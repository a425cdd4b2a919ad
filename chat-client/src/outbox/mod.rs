//! What was accepted and is not acknowledged yet, and where it is kept.

pub mod file;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use chat_core::id::{ClientMessageId, ConversationId, UserId};
use chat_core::protocol::RoomType;
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use file::FileOutbox;

/// What a user wrote and wants to have sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Draft {
    /// A message to an existing conversation (event 1).
    SendChatMessage {
        /// Where to.
        conversation_id: ConversationId,
        /// The text.
        content: Arc<str>,
    },
    /// A new conversation (event 2).
    CreateSupportConversation {
        /// What it is about.
        title: Arc<str>,
        /// The text of its message 1.
        content: Arc<str>,
        /// Where to file it; by default the role of its creator decides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room_type: Option<RoomType>,
    },
}

impl fmt::Debug for Draft {
    /// Without the text: it must reach no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SendChatMessage { conversation_id, .. } => f
                .debug_struct("SendChatMessage")
                .field("conversation_id", conversation_id)
                .finish_non_exhaustive(),
            Self::CreateSupportConversation { room_type, .. } => f
                .debug_struct("CreateSupportConversation")
                .field("room_type", room_type)
                .finish_non_exhaustive(),
        }
    }
}

/// A draft in the outbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// What makes it safe to send it again, also by the app's next life.
    pub client_message_id: ClientMessageId,
    /// What is to be sent.
    pub draft: Draft,
    /// When it is worth nothing any more: it is then handed back instead of being sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// One step of what an [`Outbox`] keeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Keep this entry, behind those that are there. If its id is there already, nothing changes.
    Put(Entry),
    /// Forget the entry of this id: it was acknowledged or handed back. An unknown one is no error.
    Remove(ClientMessageId),
}

/// Keeps what was accepted, so that it survives the app.
///
/// The client puts an entry in before it sends it for the first time, and takes it out after it was acknowledged or
/// handed back. What it finds at its start it sends again under the same `client_message_id`, which the server knows
/// if it was stored already: so nothing is sent twice.
pub trait Outbox: Send + 'static {
    /// Whether it survives the client: decides what is said of its drafts when the client is closed.
    const SURVIVES: bool;

    /// The user whose drafts it keeps, if it knows. A client never uses a token of somebody else with it, because the drafts
    /// would be sent in that user's name: it [stops](crate::StopReason::OtherUser) instead.
    fn owner(&self) -> Option<&UserId> {
        None
    }

    /// What is kept, in the order in which it was put in. Called once, first.
    ///
    /// # Errors
    ///
    /// Why it can't be read. The client then does not start.
    fn load(&mut self) -> impl Future<Output = Result<Vec<Entry>, OutboxError>> + Send;

    /// Makes the changes, in their order. An entry that is put in must be durable when this returns; a removal may be
    /// lost in a crash.
    ///
    /// # Errors
    ///
    /// Why they could not be kept. The entries among them are handed back to the app, so an implementation should make
    /// sure that they do not turn up later all the same.
    fn write(&mut self, changes: Vec<Change>) -> impl Future<Output = Result<(), OutboxError>> + Send;
}

/// Why an outbox could not be read or written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("can't read or write the outbox: {0}")]
pub struct OutboxError(Arc<str>);

impl OutboxError {
    /// With what happened, for people.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string().into())
    }
}

/// An outbox in memory: it ends with the app. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct InMemory;

impl Outbox for InMemory {
    const SURVIVES: bool = false;

    async fn load(&mut self) -> Result<Vec<Entry>, OutboxError> {
        Ok(Vec::new())
    }

    async fn write(&mut self, _: Vec<Change>) -> Result<(), OutboxError> {
        Ok(())
    }
}
