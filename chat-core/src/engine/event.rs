//! The vocabulary of committed changes.

use crate::conversation::Conversation;
use crate::id::{ConversationId, MessageId, UserId};
use crate::protocol::{Message, User};
use crate::store::Account;
use crate::time::Timestamp;

/// A committed change. Only events change the engine's state, and embedders may observe them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The directory holds this account from now on.
    AccountPut(Account),
    /// A conversation was created together with its message 1.
    ConversationCreated {
        /// The conversation.
        conversation: Box<Conversation>,
        /// Message 1.
        message: Message,
        /// The user who created the conversation.
        creator: Box<User>,
    },
    /// A message was sent.
    MessageSent(Message),
    /// A read position advanced.
    MessageRead {
        /// The conversation.
        conversation: ConversationId,
        /// The user who has read.
        user: UserId,
        /// The newest message read.
        message: MessageId,
        /// The number of this message.
        up_to: u64,
        /// The time of the request.
        at: Timestamp,
    },
    /// A user became a participant.
    Enrolled {
        /// The conversation.
        conversation: ConversationId,
        /// The new participant.
        user: UserId,
        /// The conversation's new version.
        version: u64,
    },
    /// A user stopped being a participant.
    Withdrawn {
        /// The conversation.
        conversation: ConversationId,
        /// The former participant.
        user: UserId,
        /// The conversation's new version.
        version: u64,
    },
}
