//! What an app hears.

use std::sync::Arc;
use std::time::Duration;

use chat_core::id::{ClientMessageId, ConversationId, Epoch};
use chat_core::protocol::{
    CloseCode, ConversationSummary, CreateSupportConversationReply, Message, MessageRead, NewMessage,
    NewSupportConversation, ReadPosition, SendChatMessageReply, TypingStatus,
};

use crate::error::Refusal;
use crate::outbox::Draft;

/// What [`ChatClient::events`](crate::ChatClient::events) tells, in the order in which it happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The connection is in another state.
    Connection(ConnectionState),
    /// All active conversations, newest activity first: after every connect, and when counts had to be asked for. Each is
    /// there once.
    ///
    /// What was missed while there was no connection is in here: new conversations, unread counts, read positions. The
    /// participants are the brief list's (protocol, brief lists): the creator, field staff, and the sender of the last
    /// message, of whose text there are at most 100 characters.
    /// [`get_active_conversations`](crate::ChatClient::get_active_conversations) gives all of them.
    Conversations(Vec<ConversationSummary>),
    /// The 20 conversations with the newest activity, if there are more: to be shown until
    /// [`Conversations`](Self::Conversations) brings them all.
    NewestConversations(Vec<ConversationSummary>),
    /// One conversation as it is in the list now: its counts had to be asked for, because it has turned up, or was read on
    /// another device.
    Conversation(ConversationSummary),
    /// A message was sent, by anyone. Of each conversation every message comes once and in rising `seq`, whatever
    /// happened to the connection in between.
    NewMessage(NewMessage),
    /// Control: somebody needs help.
    NewSupportConversation(NewSupportConversation),
    /// Somebody types, or has stopped.
    TypingStatus(TypingStatus),
    /// Another participant has read.
    MessageRead(MessageRead),
    /// This user has read on another device.
    ReadPosition(ReadPosition),
    /// Another number of messages is unread.
    Unread(Unread),
    /// A draft in the outbox has come further, also one of the app's earlier life.
    Outbox {
        /// Which.
        client_message_id: ClientMessageId,
        /// How far it has come.
        progress: Progress,
    },
    /// The server's history is another one, restored from a backup for instance: all numbers held before mean nothing.
    /// Open conversations get a new snapshot by themselves.
    EpochChanged(Epoch),
    /// The history of one conversation is another one than was held. If it is open, it gets a new snapshot.
    ConversationReset(ConversationId),
    /// The reader of the events was too slow, and this many were lost in its queue. Open conversations are not
    /// concerned, they have queues of their own; what else the app shows it should ask for again.
    Lagged(u64),
}

/// How many messages of a conversation this user has not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// The number of the last message that was read; 0 is none.
    pub read_up_to: u64,
    /// Others' messages after it, counted up to 100: show 100 as "99+". Which are one's own the token says
    /// ([`Token::user`](crate::Token::user)): of one that names nobody, one's own count too until the next list.
    pub unread_count: u32,
}

/// Where the connection stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectionState {
    /// A token is asked for, or a connection is being opened.
    Connecting,
    /// The server has answered.
    Live,
    /// There is no connection; another attempt follows by itself.
    Waiting {
        /// After this long, or when the app says that the network is back: at once, or when the pause is over that the
        /// server has asked for.
        pause: Duration,
        /// Why there is none, for people.
        reason: Arc<str>,
        /// Why there is none, for programs.
        cause: WaitCause,
    },
    /// There is no connection, and there will be none unless the app asks for it. The outbox is kept.
    Stopped(StopReason),
    /// The app has closed the client.
    Closed,
}

/// Why there is no connection for now. All of these end by themselves; an app that knows better can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitCause {
    /// The network, or something on the way.
    Network,
    /// The server: it stops, is full, or has closed the connection for another reason that passes.
    Server,
    /// The server says that the token has expired, and the provider has no other. Both are asked again after pauses of up
    /// to a minute, because the clock of the server may be wrong; if it is not, the user has to log in.
    TokenExpired,
    /// The server does not take the token, and the reason may be that its clock is behind: the token is valid from a later
    /// time on. It is tried again like one that has expired.
    TokenNotYetValid,
    /// The rights of the account are other ones than the token says, and the provider has no other token. Both are asked
    /// again after pauses that grow to a minute, or longer if the server asks for that; a user whose role has changed has
    /// to log in again.
    RightsChanged,
    /// The user has more connections than the server holds for one, and newer ones have taken this one's place. It comes
    /// back after pauses that grow to ten minutes: the newer ones may be dead ones of this device.
    Replaced,
    /// The provider has no token now.
    NoToken,
}

/// Why the client does not connect any more: each of these needs the decision of a person.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StopReason {
    /// The server closed the connection with a code that says not to come back.
    #[error("the server refuses this client: {}{}", code.reason(), told(error.as_ref()))]
    Refused {
        /// Which.
        code: CloseCode,
        /// What the server said before it.
        error: Option<Refusal>,
    },
    /// The provider of tokens has none and will have none.
    #[error("there is no token: {0}")]
    NoToken(Arc<str>),
    /// The provider gave a token of another user than the outbox has, or than the first token named: what one user wrote
    /// must not be sent in another's name. Each user needs an outbox, and a client, of their own.
    #[error("the token is of another user than what waits to be sent")]
    OtherUser,
    /// The address can't be connected to, however often one tries.
    #[error("can't connect: {0}")]
    Unreachable(Arc<str>),
}

fn told(error: Option<&Refusal>) -> String {
    error.map(|error| format!(" ({error})")).unwrap_or_default()
}

/// How far a draft has come. After [`Acknowledged`](Self::Acknowledged) or [`NotSent`](Self::NotSent) comes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The outbox is being written.
    Keeping,
    /// It is in the outbox: from now on it survives whatever the outbox survives.
    Queued,
    /// It is on its way. It may come back to [`Queued`](Self::Queued) when the connection is lost.
    Sent,
    /// The server has it on disk.
    Acknowledged(Acknowledged),
    /// It was handed back.
    NotSent(NotSent),
}

/// What the server answered to a draft.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    /// The message's id, number and time.
    Message(SendChatMessageReply),
    /// The new conversation.
    Conversation(CreateSupportConversationReply),
}

/// A draft that was handed back, and why.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not sent: {reason}")]
pub struct NotSent {
    /// Why.
    pub reason: NotSentReason,
    /// What the user wrote.
    pub draft: Draft,
    /// Whether the server may have it all the same: it was on its way before, and no answer came.
    pub maybe_sent: bool,
}

/// Why a draft was handed back.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotSentReason {
    /// The server will not have it.
    #[error("{0}")]
    Refused(Refusal),
    /// It does not fit into a frame that the server takes (64 KiB).
    #[error("it is too long to be sent")]
    TooLong,
    /// It waited longer than its "not after" allows.
    #[error("it waited too long")]
    TooLate,
    /// The outbox holds as many drafts as it may: the connection has been away for very long.
    #[error("the outbox is full")]
    OutboxFull,
    /// The outbox could not keep it.
    #[error("{0}")]
    OutboxFailed(crate::outbox::Unkept),
    /// The server answered what can't be read.
    #[error("the server's answer can't be read")]
    Unreadable,
    /// The client was closed, and the draft is gone with it.
    #[error("the client was closed")]
    Closed,
    /// The client was closed; the draft is still in the outbox on disk, and is sent when a client is next started on it.
    #[error("the client was closed, the outbox on disk keeps it")]
    Kept,
}

/// What an open conversation tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Update {
    /// The newest messages. Comes first; when it comes again, it takes the place of all that was shown.
    Snapshot(Snapshot),
    /// The next message: its number is one more than the last one's.
    Message(Message),
    /// Somebody types, or has stopped.
    TypingStatus(TypingStatus),
    /// Another participant has read.
    MessageRead(MessageRead),
    /// This user has read on another device.
    ReadPosition(ReadPosition),
    /// The conversation can't be shown: nothing more will come.
    Refused(Refusal),
}

/// The newest messages of a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Oldest first, at most 300. Older ones are asked for by
    /// [`get_conversation_messages`](crate::ChatClient::get_conversation_messages) with `before_seq`.
    pub messages: Vec<Message>,
    /// The number of the newest message of the conversation.
    pub last_seq: u64,
    /// What these numbers belong to.
    pub epoch: Epoch,
}
