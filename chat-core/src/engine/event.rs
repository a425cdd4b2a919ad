//! What has happened: the vocabulary of changes that are committed.

use crate::conversation::Conversation;
use crate::id::{ConversationId, MessageId, UserId};
use crate::protocol::{Message, User};
use crate::store::Account;
use crate::time::Timestamp;

/// A committed change. The engine's state changes by these alone, and embedders may observe them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The directory holds this of a user from now on.
    AccountPut(Account),
    /// A conversation was created with its message 1.
    ConversationCreated {
        /// The conversation.
        conversation: Box<Conversation>,
        /// Message 1.
        message: Message,
        /// Who created it.
        creator: Box<User>,
    },
    /// A message was sent.
    MessageSent(Message),
    /// A read position rose.
    MessageRead {
        /// Where.
        conversation: ConversationId,
        /// Whose.
        user: UserId,
        /// The newest message that was read.
        message: MessageId,
        /// Its number.
        up_to: u64,
        /// When.
        at: Timestamp,
    },
    /// A user became a participant.
    Enrolled {
        /// Of which conversation.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// The conversation's version from now on.
        version: u64,
    },
    /// A user is no participant any more.
    Withdrawn {
        /// Of which conversation.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// The conversation's version from now on.
        version: u64,
    },
}
