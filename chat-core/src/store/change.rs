//! What a store is asked to change, and what it answers.

use std::sync::Arc;

use super::{Account, Position};
use crate::conversation::Participants;
use crate::id::{ClientMessageId, ConversationId, MessageId, Nonce, UserId};
use crate::permission::{MayCreate, MayTakePart};
use crate::protocol::RoomType;
use crate::time::Timestamp;

/// One atomic change.
#[derive(Debug)]
pub enum Change {
    /// Puts a user into the directory, or replaces what is known of it.
    PutAccount(Account),
    /// Creates a conversation with its first message.
    CreateConversation(CreateConversation),
    /// Appends a message to a conversation.
    AppendMessage(AppendMessage),
    /// Raises a user's read position in a conversation.
    MarkRead(MarkRead),
    /// Makes a user a participant of a conversation.
    Enrol(Membership),
    /// Ends a user's participation in a conversation.
    Withdraw(Membership),
}

impl Change {
    /// The conversation that it is about, and the version that it supposes: `None` for one that is to be new.
    ///
    /// Where that is not how it is, the change is a [`Rejected::Conflict`].
    pub fn supposes(&self) -> Option<(&ConversationId, Option<u64>)> {
        match self {
            Self::PutAccount(_) => None,
            Self::CreateConversation(create) => Some((&create.id, None)),
            Self::AppendMessage(AppendMessage { permit, .. }) | Self::MarkRead(MarkRead { permit, .. }) => {
                Some((permit.conversation(), Some(permit.version())))
            }
            Self::Enrol(membership) | Self::Withdraw(membership) => {
                Some((&membership.conversation, Some(membership.version)))
            }
        }
    }
}

/// See [`Change::CreateConversation`].
#[derive(Debug)]
pub struct CreateConversation {
    /// The permit of the creator.
    pub permit: MayCreate,
    /// The new id.
    pub id: ConversationId,
    /// The title with its prefix.
    pub title: Arc<str>,
    /// The room to file it in.
    pub room_type: RoomType,
    /// The creator and those that the assignment gave.
    pub participants: Participants,
    /// The unguessable part of the id of message 1.
    pub nonce: Nonce,
    /// The text of message 1, sent by the creator.
    pub content: Arc<str>,
    /// Under which id the creator may repeat this.
    pub client_message_id: Option<ClientMessageId>,
    /// When it was asked for.
    pub at: Timestamp,
}

/// See [`Change::AppendMessage`].
#[derive(Debug)]
pub struct AppendMessage {
    /// The permit of the sender.
    pub permit: MayTakePart,
    /// The unguessable part of the message's id.
    pub nonce: Nonce,
    /// The text.
    pub content: Arc<str>,
    /// Under which id the sender may repeat this.
    pub client_message_id: Option<ClientMessageId>,
    /// When it was asked for.
    pub at: Timestamp,
}

/// See [`Change::MarkRead`].
#[derive(Debug)]
pub struct MarkRead {
    /// The permit of the reader.
    pub permit: MayTakePart,
    /// The number of the newest message that was read; it exists.
    pub up_to: u64,
}

/// See [`Change::Enrol`] and [`Change::Withdraw`].
#[derive(Clone, Debug)]
pub struct Membership {
    /// The conversation.
    pub conversation: ConversationId,
    /// The version on which this was decided.
    pub version: u64,
    /// The user.
    pub user: UserId,
}

/// What a store says to one change.
pub type Verdict = Result<Receipt, Rejected>;

/// An accepted change, and what only the store could say of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// An account was put.
    Account {
        /// Where in the store's history.
        position: Position,
    },
    /// A conversation was created, with version 1 and message 1.
    Created {
        /// Where in the store's history.
        position: Position,
        /// The `sent_at` of message 1.
        sent_at: Timestamp,
    },
    /// A message was appended.
    Appended {
        /// Where in the store's history.
        position: Position,
        /// Its number.
        seq: u64,
        /// When it counts as sent.
        sent_at: Timestamp,
    },
    /// A read position was marked.
    Read {
        /// Where in the store's history, or how far that had come if nothing rose.
        position: Position,
        /// Whether the position rose.
        advanced: bool,
    },
    /// A user was enrolled or withdrawn.
    Membership {
        /// Where in the store's history, or how far that had come if nothing changed.
        position: Position,
        /// The version after it.
        version: u64,
        /// Whether anything changed.
        changed: bool,
    },
}

impl Receipt {
    /// Where in the store's history.
    pub fn position(&self) -> Position {
        match self {
            Self::Account { position }
            | Self::Created { position, .. }
            | Self::Appended { position, .. }
            | Self::Read { position, .. }
            | Self::Membership { position, .. } => *position,
        }
    }
}

/// A change that was not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// The conversation is not as the change supposed: to be decided again on new facts.
    Conflict,
    /// The `client_message_id` was used before, for this.
    Duplicate(Original),
}

/// What was stored under a `client_message_id`: enough to answer again as the first time, and to see whether the
/// repeat is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Original {
    /// A message.
    Message {
        /// The conversation that it was sent to.
        conversation: ConversationId,
        /// The message's id.
        id: MessageId,
        /// Its number.
        seq: u64,
        /// When it was sent.
        sent_at: Timestamp,
        /// Its text, or `None` once retention has erased that.
        content: Option<Arc<str>>,
    },
    /// A conversation.
    Conversation {
        /// Its id.
        id: ConversationId,
        /// The title with its prefix.
        title: Arc<str>,
        /// The room that it was filed in.
        room_type: RoomType,
        /// The creator.
        created_by: UserId,
        /// Who took part at the start.
        participants: Participants,
        /// The `sent_at` of message 1.
        sent_at: Timestamp,
        /// The text of message 1, or `None` once retention has erased that.
        content: Option<Arc<str>>,
    },
}
