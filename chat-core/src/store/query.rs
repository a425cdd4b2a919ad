//! What a store is asked for, and the facts that it answers with.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Account, Original, Position};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch, MessageId, UserId};
use crate::protocol::{Message, User};
use crate::time::Timestamp;

/// A question. The answer is the variant of [`Facts`] of the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// What an engine needs before its first request.
    Directory,
    /// A user of the directory.
    Account(UserId),
    /// A conversation.
    Conversation(ConversationId),
    /// The conversations of a user with a message after `since`, newest activity first.
    ///
    /// Equally new ones are ordered by id. The page ends at `limit` rows, or before the row with which its rows
    /// would hold more than `participants` participants together, but never before the first.
    Conversations {
        /// The user.
        user: UserId,
        /// Only conversations with a message after this.
        since: Timestamp,
        /// Only conversations behind this place.
        after: Option<ListPlace>,
        /// Rows to leave out.
        skip: u64,
        /// Most rows.
        limit: u32,
        /// Most participants in all rows together.
        participants: usize,
    },
    /// A conversation as a row of the user's list, whatever its activity.
    ConversationRow {
        /// The user.
        user: UserId,
        /// The conversation.
        conversation: ConversationId,
    },
    /// A page of messages, oldest first.
    ///
    /// The page ends at `limit` messages, or before the message with which it would hold more than `bytes` bytes of
    /// content, but never before the first. With [`Window::After`] it is cut at its newest end, with the others at
    /// its oldest.
    Messages {
        /// The conversation. One that does not exist has no messages and `last_seq` 0.
        conversation: ConversationId,
        /// Where.
        window: Window,
        /// Most messages.
        limit: u32,
        /// Most bytes of content.
        bytes: usize,
    },
    /// The number of a message of a conversation, if the conversation has one with this id.
    Message {
        /// The conversation.
        conversation: ConversationId,
        /// The message.
        id: MessageId,
    },
    /// What a user did under a `client_message_id`.
    Original {
        /// The user.
        user: UserId,
        /// The id.
        client_message_id: ClientMessageId,
    },
    /// All conversations with a message after `since`, by id.
    ActiveConversations {
        /// Only those with a message after this.
        since: Timestamp,
        /// Only those with a greater id.
        after: Option<ConversationId>,
        /// Most conversations.
        limit: u32,
    },
    /// All conversations that a user takes part in, by id.
    Memberships {
        /// The user.
        user: UserId,
        /// Only those with a greater id.
        after: Option<ConversationId>,
        /// Most conversations.
        limit: u32,
    },
}

/// A place in a user's list of conversations: that of a conversation as it was when a page ended with it.
///
/// It stays a place when the conversation has moved to the top or is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListPlace {
    /// When its newest message was sent.
    pub last_message_at: Timestamp,
    /// The conversation.
    pub conversation: ConversationId,
}

impl ListPlace {
    /// Whether a conversation with its newest message at this time comes behind this place.
    pub fn is_before(&self, last_message_at: Timestamp, conversation: &ConversationId) -> bool {
        (Reverse(self.last_message_at), &self.conversation) < (Reverse(last_message_at), conversation)
    }
}

/// Which messages of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// The newest, after leaving out this many.
    Newest {
        /// How many to leave out.
        skip: u64,
    },
    /// The last ones before this number.
    Before(u64),
    /// The first ones after this number.
    After(u64),
}

/// An answer, and how far the store's history had come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// All that was committed up to here is in the facts.
    pub position: Position,
    /// The answer.
    pub facts: Facts,
}

/// The answer to a [`Query`] of the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// To [`Query::Directory`].
    Directory(Directory),
    /// To [`Query::Account`].
    Account(Option<Account>),
    /// To [`Query::Conversation`].
    Conversation(Option<Conversation>),
    /// To [`Query::Conversations`].
    Conversations(ConversationPage),
    /// To [`Query::ConversationRow`]: one row, or none if there is no such conversation or the user takes no part in it.
    ConversationRow(ConversationPage),
    /// To [`Query::Messages`].
    Messages(MessagePage),
    /// To [`Query::Message`].
    Message(Option<u64>),
    /// To [`Query::Original`].
    Original(Option<Original>),
    /// To [`Query::ActiveConversations`]; shorter than the limit only at the end.
    ActiveConversations(Vec<Conversation>),
    /// To [`Query::Memberships`]; shorter than the limit only at the end.
    Memberships(Vec<Conversation>),
}

/// What an engine needs before its first request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directory {
    /// The epoch of the store's numbers.
    pub epoch: Epoch,
    /// All active accounts with a control role, by id.
    pub control: Vec<Account>,
    /// All accounts whose enrolment is due, by id.
    pub due: Vec<Account>,
}

/// A page of a user's conversations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConversationPage {
    /// Newest activity first.
    pub rows: Vec<ConversationRow>,
    /// What is known of every participant named in `rows`.
    pub users: BTreeMap<UserId, User>,
    /// Whether there are more after the last row.
    pub more: bool,
}

/// A conversation in the list of one user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConversationRow {
    /// The conversation.
    pub conversation: Conversation,
    /// Its newest message.
    pub last_message: Message,
    /// The user's read position in it; 0 is nothing.
    pub read_up_to: u64,
    /// Messages of others among the [`UNREAD_WINDOW`] after `read_up_to`, counted up to [`UNREAD_MOST`].
    pub unread_count: u32,
}

/// Unread messages are counted up to this number: an app shows "99+".
pub const UNREAD_MOST: u32 = 100;

/// Messages after the read position among which the unread ones are counted, so that a list never costs a walk
/// through a long history.
pub const UNREAD_WINDOW: u64 = 1_000;

/// A page of messages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessagePage {
    /// Oldest first, without holes, each with its `seq`.
    pub messages: Vec<Message>,
    /// The number of the newest message of the conversation.
    pub last_seq: u64,
    /// Whether there are more: newer ones with [`Window::After`], older ones with the others.
    pub more: bool,
}
