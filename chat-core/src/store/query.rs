//! The queries of the engine, and the facts in a store's answers.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Account, Original, Position};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch, MessageId, UserId};
use crate::protocol::{Message, User};
use crate::time::Timestamp;

/// A query. Its answer is the variant of [`Facts`] with the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// The data that an engine needs before its first request.
    Directory,
    /// The account of a user.
    Account(UserId),
    /// A conversation.
    Conversation(ConversationId),
    /// A user's conversations with a message after `since`, newest activity first, ties by id.
    ///
    /// The page ends at `limit` rows, or before the row that would bring its rows to more than
    /// `participants` participants together, but never before the first row.
    Conversations {
        /// The user.
        user: UserId,
        /// The oldest activity to list.
        since: Timestamp,
        /// The place behind which the page begins, if any.
        after: Option<ListPlace>,
        /// The number of rows to skip.
        skip: u64,
        /// The limit of rows.
        limit: u32,
        /// The limit of participants in all rows together.
        participants: usize,
    },
    /// A conversation as a row of the user's list, with any activity.
    ConversationRow {
        /// The user.
        user: UserId,
        /// The conversation.
        conversation: ConversationId,
    },
    /// A page of messages, oldest first.
    ///
    /// The page ends at `limit` messages, or before the message that would bring the page to more
    /// than `bytes` bytes of content, but never before the first. With [`Window::After`] the page
    /// is cut at its newest end, with other windows at its oldest.
    Messages {
        /// The conversation. An unknown one has no messages and `last_seq` 0.
        conversation: ConversationId,
        /// The window of messages.
        window: Window,
        /// The limit of messages.
        limit: u32,
        /// The limit of bytes of content.
        bytes: usize,
    },
    /// The number of the message with this id in the conversation, if any.
    Message {
        /// The conversation.
        conversation: ConversationId,
        /// The message.
        id: MessageId,
    },
    /// The original request of a user under a `client_message_id`.
    Original {
        /// The user.
        user: UserId,
        /// The id.
        client_message_id: ClientMessageId,
    },
    /// All conversations with a message after `since`, by id.
    ActiveConversations {
        /// The oldest activity to return.
        since: Timestamp,
        /// The id behind which the page begins, if any.
        after: Option<ConversationId>,
        /// The limit of conversations.
        limit: u32,
    },
    /// All conversations of a user, by id.
    Memberships {
        /// The user.
        user: UserId,
        /// The id behind which the page begins, if any.
        after: Option<ConversationId>,
        /// The limit of conversations.
        limit: u32,
    },
}

impl Query {
    /// Whether these facts are an answer to this query.
    pub fn is_answered_by(&self, facts: &Facts) -> bool {
        matches!(
            (self, facts),
            (Self::Directory, Facts::Directory(_))
                | (Self::Account(_), Facts::Account(_))
                | (Self::Conversation(_), Facts::Conversation(_))
                | (Self::Conversations { .. }, Facts::Conversations(_))
                | (Self::ConversationRow { .. }, Facts::ConversationRow(_))
                | (Self::Messages { .. }, Facts::Messages(_))
                | (Self::Message { .. }, Facts::Message(_))
                | (Self::Original { .. }, Facts::Original(_))
                | (Self::ActiveConversations { .. }, Facts::ActiveConversations(_))
                | (Self::Memberships { .. }, Facts::Memberships(_))
        )
    }
}

/// A place in a user's list of conversations: behind a conversation as listed at the end of a page.
///
/// The place stays valid when the conversation has moved to the top or is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListPlace {
    /// The time of the conversation's newest message.
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

/// A window of the messages of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// The newest messages, after skipping some.
    Newest {
        /// The number of messages to skip.
        skip: u64,
    },
    /// The last messages before this number.
    Before(u64),
    /// The first messages after this number.
    After(u64),
}

/// An answer with its position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// The position. The facts contain every change committed up to here.
    pub position: Position,
    /// The answer.
    pub facts: Facts,
}

/// The answer to a [`Query`] of the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// The answer to [`Query::Directory`].
    Directory(Directory),
    /// The answer to [`Query::Account`].
    Account(Option<Account>),
    /// The answer to [`Query::Conversation`].
    Conversation(Option<Conversation>),
    /// The answer to [`Query::Conversations`].
    Conversations(ConversationPage),
    /// The answer to [`Query::ConversationRow`]: one row, or none if the conversation is unknown or
    /// the user does not take part.
    ConversationRow(ConversationPage),
    /// The answer to [`Query::Messages`].
    Messages(MessagePage),
    /// The answer to [`Query::Message`].
    Message(Option<u64>),
    /// The answer to [`Query::Original`].
    Original(Option<Original>),
    /// The answer to [`Query::ActiveConversations`], shorter than the limit only at the end.
    ActiveConversations(Vec<Conversation>),
    /// The answer to [`Query::Memberships`], shorter than the limit only at the end.
    Memberships(Vec<Conversation>),
}

/// The data that an engine needs before its first request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directory {
    /// The epoch of the store's numbers.
    pub epoch: Epoch,
    /// All active accounts with a control role, by id.
    pub control: Vec<Account>,
    /// All accounts with enrolment due, by id.
    pub due: Vec<Account>,
}

/// A page of a user's conversations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConversationPage {
    /// The rows, newest activity first.
    pub rows: Vec<ConversationRow>,
    /// The data of every participant named in `rows`.
    pub users: BTreeMap<UserId, User>,
    /// Whether more rows follow.
    pub more: bool,
}

/// A conversation in the list of one user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConversationRow {
    /// The conversation.
    pub conversation: Conversation,
    /// The newest message.
    pub last_message: Message,
    /// The user's read position, 0 if nothing is read.
    pub read_up_to: u64,
    /// The number of messages of others among the [`UNREAD_WINDOW`] after `read_up_to`, at most
    /// [`UNREAD_MOST`].
    pub unread_count: u32,
}

/// The limit up to which unread messages are counted, for an app that shows "99+".
pub const UNREAD_MOST: u32 = 100;

/// The number of messages after the read position that are searched for unread ones, so that a list
/// never walks a long history.
pub const UNREAD_WINDOW: u64 = 1_000;

/// A page of messages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessagePage {
    /// The messages, oldest first, without holes, each with its `seq`.
    pub messages: Vec<Message>,
    /// The number of the newest message of the conversation.
    pub last_seq: u64,
    /// Whether more messages exist: newer ones for [`Window::After`], older ones for other windows.
    pub more: bool,
}
