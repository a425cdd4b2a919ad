//! The outbox: storage of accepted drafts until the server has acknowledged them.

pub mod file;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use chat_core::id::{ClientMessageId, ConversationId, UserId};
use chat_core::protocol::RoomType;
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use file::FileOutbox;

/// A message or conversation to be sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Draft {
    /// A message in an existing conversation (event 1).
    SendChatMessage {
        /// The conversation.
        conversation_id: ConversationId,
        /// The text.
        content: Arc<str>,
    },
    /// A new conversation (event 2).
    CreateSupportConversation {
        /// The title.
        title: Arc<str>,
        /// The text of message 1.
        content: Arc<str>,
        /// The room. By default the role of the creator decides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room_type: Option<RoomType>,
    },
}

impl fmt::Debug for Draft {
    /// Leaves the text out, which must reach no log.
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
    /// The idempotency key: the draft can be sent again safely, even after a restart of the app.
    pub client_message_id: ClientMessageId,
    /// The draft.
    pub draft: Draft,
    /// The deadline. After this time the draft is handed back instead of being sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// A change to an [`Outbox`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Add this entry at the end. If its id is there already, nothing changes.
    Put(Entry),
    /// Remove the entry with this id, which was acknowledged or handed back. An unknown id is no
    /// error.
    Remove(ClientMessageId),
}

/// Storage of accepted drafts across restarts of the app.
///
/// The client adds a draft before first sending it, and removes it when the draft was acknowledged
/// or handed back. On start, the client sends the drafts it finds under the same
/// `client_message_id`. The server recognises ids it has stored, and no draft is sent twice.
pub trait Outbox: Send + 'static {
    /// Whether the outbox survives the client. Decides how drafts are reported when the client is
    /// closed.
    const SURVIVES: bool;

    /// The owner of the drafts, if known. A client never uses another user's token with this
    /// outbox, because the drafts would be sent in that user's name. The client
    /// [stops](crate::StopReason::OtherUser) instead.
    fn owner(&self) -> Option<&UserId> {
        None
    }

    /// Returns the entries in the order of their insertion. Called once, first.
    ///
    /// # Errors
    ///
    /// The outbox can't be read. The client then does not start.
    fn load(&mut self) -> impl Future<Output = Result<Vec<Entry>, OutboxError>> + Send;

    /// Applies the changes in order. An added entry must be durable when this returns. A removal
    /// may be lost in a crash.
    ///
    /// # Errors
    ///
    /// The changes could not be stored. The client hands the added entries back to the app, and the
    /// outbox should make sure that they do not reappear later.
    fn write(&mut self, changes: Vec<Change>) -> impl Future<Output = Result<(), OutboxError>> + Send;
}

/// The error of an outbox that could not be read or written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("can't read or write the outbox: {0}")]
pub struct OutboxError(Arc<str>);

impl OutboxError {
    /// Creates an error with this reason, for people.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string().into())
    }
}

/// An outbox in memory, which ends with the app. The default.
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
