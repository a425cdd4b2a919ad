//! The queries of the engine, and the facts in a store's answers.

use std::collections::BTreeMap;

use super::{OrderPage, OrderQuery, Original, Position, StoredAccount, WorkPage, WorkQuery};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch, MessageId, UserId};
use crate::protocol::{Emergency, Message, Reading, User, Work};
use crate::time::Timestamp;

/// A query. Its answer is the variant of [`Facts`] with the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// The data that an engine needs before its first request.
    Directory,
    /// The account of a user.
    Account(UserId),
    /// Several accounts. Unknown users are left out.
    Accounts(AccountSelection),
    /// A conversation.
    Conversation(ConversationId),
    /// The active conversations in which a user takes part, newest activity first.
    ///
    /// The order is that of the positions of the newest messages: the order of arrival, which no
    /// clock can disturb. Active are those with a message after `since`. Once a store has passed
    /// [`INACTIVE_MOST`] inactive ones in a row, it may take all further ones for inactive.
    ///
    /// The page ends at `limit` rows, or before the row that would bring its rows to more than
    /// `members` members by name together, but never before the first row.
    Conversations {
        /// The user.
        user: UserId,
        /// The oldest activity to list.
        since: Timestamp,
        /// The position below which the page begins, if any.
        below: Option<Position>,
        /// The number of rows to skip.
        skip: u64,
        /// The limit of rows.
        limit: u32,
        /// The limit of members in all rows together.
        members: usize,
    },
    /// A conversation as a row of the user's list, with any activity.
    ConversationRow {
        /// The user.
        user: UserId,
        /// The conversation.
        conversation: ConversationId,
    },
    /// A page of a list by work, in the order of [`WorkPlace`](super::WorkPlace).
    ///
    /// The list has the conversations that the user [answers for](super::answers_for) and the
    /// user's own, by their work as [seen](crate::protocol::Work::seen) with the accounts of the
    /// same moment. The page is cut as that of [`Conversations`](Self::Conversations).
    Work(WorkQuery),
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
        /// Whether the page has the read positions. They cost further look-ups.
        with_positions: bool,
    },
    /// The number of the message with this id in the conversation, if any.
    Message {
        /// The conversation.
        conversation: ConversationId,
        /// The message.
        id: MessageId,
    },
    /// Conversations with an emergency that is not over, by their id: the first ones, at most this
    /// many.
    Emergencies(u32),
    /// A page of open orders, in the order of [`OrderPlace`](super::OrderPlace).
    ///
    /// With a user, the page has the orders that [`lists_order`](super::lists_order) allows, among
    /// the next [`ORDERS_SEARCHED`](super::ORDERS_SEARCHED). An unknown user has none.
    OpenOrders(OrderQuery),
    /// The original request of a user under a `client_message_id`.
    Original {
        /// The user.
        user: UserId,
        /// The id.
        client_message_id: ClientMessageId,
    },
}

impl Query {
    /// Whether these facts are an answer to this query.
    pub fn is_answered_by(&self, facts: &Facts) -> bool {
        matches!(
            (self, facts),
            (Self::Directory, Facts::Directory(_))
                | (Self::Account(_), Facts::Account(_))
                | (Self::Accounts(_), Facts::Accounts(_))
                | (Self::Conversation(_), Facts::Conversation(_))
                | (Self::Conversations { .. }, Facts::Conversations(_))
                | (Self::ConversationRow { .. }, Facts::ConversationRow(_))
                | (Self::Work(_), Facts::Work(_))
                | (Self::Messages { .. }, Facts::Messages(_))
                | (Self::Message { .. }, Facts::Message(_))
                | (Self::Emergencies(_), Facts::Emergencies(_))
                | (Self::OpenOrders(_), Facts::OpenOrders(_))
                | (Self::Original { .. }, Facts::Original(_))
        )
    }
}

/// A selection of accounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountSelection {
    /// Those of these users.
    These(Vec<UserId>),
    /// The first accounts with a greater id.
    After {
        /// The id, if any.
        user: Option<UserId>,
        /// The limit of accounts.
        limit: u32,
    },
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
    Account(Option<StoredAccount>),
    /// The answer to [`Query::Accounts`], by id.
    Accounts(Vec<StoredAccount>),
    /// The answer to [`Query::Conversation`].
    Conversation(Option<Conversation>),
    /// The answer to [`Query::Conversations`].
    Conversations(ConversationPage),
    /// The answer to [`Query::ConversationRow`]: one row, or none if the conversation is unknown or
    /// the user does not take part.
    ConversationRow(ConversationPage),
    /// The answer to [`Query::Work`].
    Work(Box<WorkPage>),
    /// The answer to [`Query::Messages`].
    Messages(MessagePage),
    /// The answer to [`Query::Message`].
    Message(Option<u64>),
    /// The answer to [`Query::Emergencies`].
    Emergencies(Vec<Conversation>),
    /// The answer to [`Query::OpenOrders`].
    OpenOrders(OrderPage),
    /// The answer to [`Query::Original`].
    Original(Option<Original>),
}

/// The data that an engine needs before its first request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directory {
    /// The epoch of the store's numbers.
    pub epoch: Epoch,
    /// All accounts of the [staff](super::Account::is_staff), by id.
    pub staff: Vec<StoredAccount>,
    /// Whether other engines change the same store. Then the engine [follows](super::Store::follow)
    /// its history, and takes up no answer before the events that the answer covers.
    pub shared: bool,
}

/// A page of a user's conversations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConversationPage {
    /// The rows, newest activity first.
    pub rows: Vec<ConversationRow>,
    /// The data of every member, of every sender of a newest message and of every assignee in
    /// `rows`.
    pub users: BTreeMap<UserId, User>,
    /// Whether more rows follow.
    pub more: bool,
}

/// A conversation in the list of one user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConversationRow {
    /// The conversation.
    pub conversation: Conversation,
    /// The position of the newest message of a user, the conversation's place in every list.
    pub position: Position,
    /// The newest message of a user.
    pub last_message: Message,
    /// The user's read position, 0 if nothing is read.
    pub read_up_to: u64,
    /// The read positions over 0 of [`CONTROL`](crate::protocol::CONTROL) and of the members, by id.
    pub positions: Vec<Reading>,
    /// The number of others' messages after `read_up_to` among the newest [`UNREAD_WINDOW`], at
    /// most [`UNREAD_MOST`]. Entries do not count. For a user who takes part by team, messages from
    /// before [`joined_at`](super::Account::joined_at) do not count.
    pub unread_count: u32,
}

/// The number of inactive conversations in a row after which a list may end. They are not in the
/// order of time only where a clock was wrong.
pub const INACTIVE_MOST: usize = 256;

/// The limit up to which unread messages are counted, for an app that shows "99+".
pub const UNREAD_MOST: u32 = 100;

/// The number of newest messages that are searched for unread ones, so that a list never walks a
/// long history.
pub const UNREAD_WINDOW: u64 = 1_000;

/// A page of messages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessagePage {
    /// The messages, oldest first, without holes, each with its `seq`.
    pub messages: Vec<Message>,
    /// The number of the newest message or entry of the conversation.
    pub last_seq: u64,
    /// The read positions over 0 of [`CONTROL`](crate::protocol::CONTROL) and of the members, by id.
    /// Empty unless the query asks for them.
    pub positions: Vec<Reading>,
    /// The work at `last_seq`. `None` for an unknown conversation.
    pub work: Option<Work>,
    /// The emergency at `last_seq`, if the conversation has one.
    pub emergency: Option<Box<Emergency>>,
    /// Whether more messages exist: newer ones for [`Window::After`], older ones for other windows.
    pub more: bool,
}
