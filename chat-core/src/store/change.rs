//! The changes that a store commits, and its verdicts.

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
    /// Adds a user to the directory, or replaces the user's account.
    PutAccount(Account),
    /// Creates a conversation with its first message.
    CreateConversation(CreateConversation),
    /// Appends a message to a conversation.
    AppendMessage(AppendMessage),
    /// Advances a user's read position in a conversation.
    MarkRead(MarkRead),
    /// Makes a user a participant of a conversation.
    Enrol(Membership),
    /// Ends a user's participation in a conversation.
    Withdraw(Membership),
}

impl Change {
    /// The conversation and the version on which the change was decided. The version is `None` for
    /// a new conversation. The whole is `None` for an account.
    ///
    /// If the stored version differs, the change is a [`Rejected::Conflict`].
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

/// The data of [`Change::CreateConversation`].
#[derive(Debug)]
pub struct CreateConversation {
    /// The permit of the creator.
    pub permit: MayCreate,
    /// The new id.
    pub id: ConversationId,
    /// The title with its prefix.
    pub title: Arc<str>,
    /// The room.
    pub room_type: RoomType,
    /// The creator and the assigned control users.
    pub participants: Participants,
    /// The unguessable part of the id of message 1.
    pub nonce: Nonce,
    /// The text of message 1, sent by the creator.
    pub content: Arc<str>,
    /// The id under which the creator may repeat the request.
    pub client_message_id: Option<ClientMessageId>,
    /// The time of the request.
    pub at: Timestamp,
}

/// The data of [`Change::AppendMessage`].
#[derive(Debug)]
pub struct AppendMessage {
    /// The permit of the sender.
    pub permit: MayTakePart,
    /// The unguessable part of the message's id.
    pub nonce: Nonce,
    /// The text.
    pub content: Arc<str>,
    /// The id under which the sender may repeat the request.
    pub client_message_id: Option<ClientMessageId>,
    /// The time of the request.
    pub at: Timestamp,
}

/// The data of [`Change::MarkRead`].
#[derive(Debug)]
pub struct MarkRead {
    /// The permit of the reader.
    pub permit: MayTakePart,
    /// The number of the newest message read, which exists.
    pub up_to: u64,
}

/// The data of [`Change::Enrol`] and [`Change::Withdraw`].
#[derive(Clone, Debug)]
pub struct Membership {
    /// The conversation.
    pub conversation: ConversationId,
    /// The version on which the change was decided.
    pub version: u64,
    /// The user.
    pub user: UserId,
}

/// A store's verdict on one change.
pub type Verdict = Result<Receipt, Rejected>;

/// The receipt of an accepted change, with the values chosen by the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// An account was put.
    Account {
        /// The position in the store's history.
        position: Position,
    },
    /// A conversation was created, with version 1 and message 1.
    Created {
        /// The position in the store's history.
        position: Position,
        /// The `sent_at` of message 1.
        sent_at: Timestamp,
    },
    /// A message was appended.
    Appended {
        /// The position in the store's history.
        position: Position,
        /// The number of the message.
        seq: u64,
        /// The time at which the message counts as sent.
        sent_at: Timestamp,
    },
    /// A read position was marked.
    Read {
        /// The position of the change, or of the history if nothing advanced.
        position: Position,
        /// Whether the read position advanced.
        advanced: bool,
    },
    /// A user was enrolled or withdrawn.
    Membership {
        /// The position of the change, or of the history if nothing changed.
        position: Position,
        /// The resulting version.
        version: u64,
        /// Whether anything changed.
        changed: bool,
    },
}

impl Receipt {
    /// The position in the store's history.
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

/// The reason why a change was not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// The conversation differs from the change's assumption. Decide again on new facts.
    Conflict,
    /// The `client_message_id` was used before, for this original.
    Duplicate(Original),
}

/// The original stored under a `client_message_id`: enough to give the original answer again, and
/// to recognise a true repeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Original {
    /// A message.
    Message {
        /// The conversation.
        conversation: ConversationId,
        /// The id of the message.
        id: MessageId,
        /// The number of the message.
        seq: u64,
        /// The time at which the message was sent.
        sent_at: Timestamp,
        /// The text, or `None` if erased by retention.
        content: Option<Arc<str>>,
    },
    /// A conversation.
    Conversation {
        /// The id of the conversation.
        id: ConversationId,
        /// The title with its prefix.
        title: Arc<str>,
        /// The room.
        room_type: RoomType,
        /// The creator.
        created_by: UserId,
        /// The participants at the start.
        participants: Participants,
        /// The `sent_at` of message 1.
        sent_at: Timestamp,
        /// The text of message 1, or `None` if erased by retention.
        content: Option<Arc<str>>,
    },
}
