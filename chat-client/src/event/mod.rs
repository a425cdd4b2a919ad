//! Events, updates and states that the client reports to the app.

mod debug;

use std::sync::Arc;
use std::time::Duration;

use chat_core::id::{ClientMessageId, ConversationId, Epoch};
use chat_core::protocol::{
    ConversationSummary, CreateSupportConversationReply, Emergency, Message, MessageRead, NewMessage,
    NewSupportConversation, OrderOverdue, ReadPosition, Reading, SendChatMessageReply, TypingStatus, Work,
};

use crate::error::{NotSentError, Refusal, StopReason};

/// An item of [`ChatClient::events`](crate::ChatClient::events), in the order of their happening.
///
/// `Debug` shows ids and numbers, and no text of a user.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A change of the connection's state.
    Connection(ConnectionState),
    /// All active conversations, each once, newest activity first. Comes after every connect, and
    /// when the client had to ask for counts.
    ///
    /// The list covers everything missed while there was no connection: new conversations, unread
    /// counts, read positions. The participants are those of the brief list (protocol, brief
    /// lists): the creator, field staff, and the sender of the last message. The last message is
    /// cut to 100 characters.
    /// [`get_active_conversations`](crate::ChatClient::get_active_conversations) lists all
    /// participants.
    Conversations(Vec<ConversationSummary>),
    /// The 20 conversations with the newest activity, if there are more than 20: to be shown until
    /// [`Conversations`](Self::Conversations) brings them all.
    NewestConversations(Vec<ConversationSummary>),
    /// The current row of one conversation. The client asked for its counts because the
    /// conversation is new here, or was read on another device.
    Conversation(ConversationSummary),
    /// A message was sent, by anyone. Every message of a conversation comes once and in rising
    /// `seq`, regardless of lost connections.
    NewMessage(NewMessage),
    /// Control only: a user asks for help.
    NewSupportConversation(NewSupportConversation),
    /// A user types, or has stopped.
    TypingStatus(TypingStatus),
    /// Another participant has read.
    MessageRead(MessageRead),
    /// This user has read on another device.
    ReadPosition(ReadPosition),
    /// An order of the user's side was not answered in time.
    OrderOverdue(OrderOverdue),
    /// The number of unread messages has changed.
    Unread(Unread),
    /// A draft in the outbox has made progress. Drafts from an earlier run of the app count too.
    Outbox {
        /// The id of the draft.
        client_message_id: ClientMessageId,
        /// Its progress.
        progress: Progress,
    },
    /// The server has another history than before, restored from a backup for example. All numbers
    /// held before are void. Open conversations get a new snapshot automatically.
    EpochChanged(Epoch),
    /// One conversation has another history than before. If it is open, it gets a new snapshot.
    ConversationReset(ConversationId),
    /// The reader of the events was too slow, and this many were lost in its queue. Open
    /// conversations are not affected, since each has a queue of its own. The app should ask again
    /// for everything else on its screen.
    Lagged(u64),
}

/// The number of messages of a conversation that this user has not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The number of the last message that was read, or 0.
    pub read_up_to: u64,
    /// The messages of others after `read_up_to`, counted up to 100: show 100 as "99+". The token
    /// tells own messages from others' ([`Token::user`](crate::Token::user)). With a token that
    /// names no user, own messages count until the next list.
    pub unread_count: u32,
}

/// The state of the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectionState {
    /// The client asks for a token, or opens a connection.
    Connecting,
    /// The server has answered.
    Live,
    /// There is no connection, and the client will try again.
    Waiting {
        /// The pause until the next attempt. A report by the app that the network is back ends the
        /// pause at once, except for the part that the server has demanded.
        pause: Duration,
        /// The cause, for people.
        reason: Arc<str>,
        /// The cause, for programs.
        cause: WaitCause,
    },
    /// There is no connection, and the client makes none unless the app asks for it. The outbox is
    /// kept.
    Stopped(StopReason),
    /// The app has closed the client.
    Closed,
}

/// The cause of a missing connection. Every cause passes without help, and an app that knows more
/// can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitCause {
    /// The network, or something between client and server.
    Network,
    /// The server: it is stopping or full, or has closed the connection for another passing
    /// reason.
    Server,
    /// The server calls the token expired, and the provider has no other. Both are asked again
    /// after pauses of at most a minute, because the server's clock may be wrong. If that clock is
    /// right, the user has to log in.
    TokenExpired,
    /// The server rejects a token that becomes valid later, perhaps because the server's clock is
    /// behind. The token is tried again like an expired one.
    TokenNotYetValid,
    /// The account's rights differ from the token's, and the provider has no other token. Both are
    /// asked again after pauses that grow to a minute, or longer if the server demands. A user
    /// whose role has changed has to log in again.
    RightsChanged,
    /// The user has more connections than the server allows, and newer ones have replaced this
    /// one. The client comes back after pauses that grow to ten minutes, because the newer
    /// connections may be dead ones of this device.
    Replaced,
    /// The provider has no token now.
    NoToken,
}

/// The progress of a draft. [`Acknowledged`](Self::Acknowledged) and [`NotSent`](Self::NotSent) are
/// final.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The outbox is being written.
    Keeping,
    /// The draft is in the outbox, and survives all that the outbox survives.
    Queued,
    /// The draft is on the wire. A lost connection puts it back to [`Queued`](Self::Queued).
    Sent,
    /// The server has the draft on disk.
    Acknowledged(Acknowledged),
    /// The draft was handed back.
    NotSent(NotSentError),
}

/// The server's answer to a draft. `Debug` shows no title.
#[derive(Clone, PartialEq, Eq)]
pub enum Acknowledged {
    /// The message's id, number and time.
    Message(SendChatMessageReply),
    /// The new conversation.
    Conversation(CreateSupportConversationReply),
}

/// An item of an open [`Conversation`](crate::Conversation).
///
/// `Debug` shows ids and numbers, and no text of a user.
#[derive(Clone, PartialEq, Eq)]
pub enum Update {
    /// The newest messages. Comes first. A later snapshot replaces everything shown before.
    Snapshot(Snapshot),
    /// The next message. Its number is one more than that of the message before.
    Message(Message),
    /// A user types, or has stopped.
    TypingStatus(TypingStatus),
    /// Another participant has read.
    MessageRead(MessageRead),
    /// How far the others have read, after a gap. A position never falls: a smaller one than shown
    /// is older.
    Positions(Vec<Reading>),
    /// This user has read on another device.
    ReadPosition(ReadPosition),
    /// The conversation can't be shown. No update follows.
    Refused(Refusal),
}

/// The newest messages of a conversation. `Debug` shows their numbers only.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Oldest first, at most 300.
    /// [`get_conversation_messages`](crate::ChatClient::get_conversation_messages) with
    /// `before_seq` gets older ones.
    pub messages: Vec<Message>,
    /// The number of the newest message of the conversation.
    pub last_seq: u64,
    /// The epoch of these numbers.
    pub epoch: Epoch,
    /// How far participants from the field have read, and control, as
    /// [`CatchUp::positions`](chat_core::protocol::CatchUp::positions). Each
    /// [`Update::MessageRead`] and [`Update::Positions`] takes them on.
    pub positions: Vec<Reading>,
    /// The work on the conversation at `last_seq`. A later [`Message`] with work replaces it.
    /// `None` from a server that knows no work.
    pub work: Option<Work>,
    /// The emergency at `last_seq`, if the conversation has one. A later [`Message`] with an
    /// emergency replaces it.
    pub emergency: Option<Emergency>,
    /// The conversation of control's notes, if there are any. `None` for field staff.
    pub notes_conversation_id: Option<ConversationId>,
}
