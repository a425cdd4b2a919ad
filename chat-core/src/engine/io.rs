//! The inputs and outputs of an engine.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{Handled, Headroom, TypingHint};
use crate::frame::Frame;
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::phrases::Phrases;
use crate::protocol::{CloseCode, Error, Reply, User};
use crate::store::{Change, CommitId, Event, Followed, Loaded, Position, Query, UnavailableError, Verdict};
use crate::time::{Monotonic, Timestamp};

/// The number of a connection, chosen by the driver of the engine. Never give one to two open
/// connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// The number of a call to the store or the verifier, returned with the answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub(super) u64);

/// The number of a command, chosen by the embedder to recognise the answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommandId(pub u64);

/// The claims of a verified token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The user: the claims `sub`, `role`, `email`, `first_name`, `last_name`.
    pub user: User,
    /// The claim `exp`. The session ends [`token_leeway`](crate::limits::Periods::token_leeway)
    /// later.
    pub expires_at: Timestamp,
    /// The claim `iat`. A token without one can't undo a role set by an import.
    pub issued_at: Option<Timestamp>,
}

/// The reason why a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerifyError {
    /// The token is missing, malformed, not signed by the right key, or lacks a claim.
    #[error("the token is not valid")]
    Invalid,
    /// The token was valid and has expired.
    #[error("the token has expired")]
    Expired,
}

/// A command of the embedder, on its own authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Sends a message as a participant of the conversation. No rate applies. The text and the id
    /// have the limits of [`FieldLimits`](crate::limits::FieldLimits).
    Send {
        /// The sender.
        user: UserId,
        /// The conversation.
        conversation: ConversationId,
        /// The text.
        content: Arc<str>,
        /// The id that makes a repeat safe.
        client_message_id: Option<ClientMessageId>,
    },
    /// Adds a user to a conversation by name, and lifts a withdrawal. A control user who takes part
    /// by team does so as before; another one takes part while in control.
    Enrol {
        /// The conversation.
        conversation: ConversationId,
        /// The user.
        user: UserId,
    },
    /// Withdraws a user from a conversation by name, also from one of the user's teams.
    Withdraw {
        /// The conversation.
        conversation: ConversationId,
        /// The user.
        user: UserId,
    },
    /// Adds a user to the directory, or replaces the user's data. A deactivated user stays
    /// deactivated. Sessions with another role end with 4002. A user that fails [`User::check`] is
    /// refused.
    Import(User),
    /// The same as `Import`, but inactive: the user may not connect and is disconnected (4503).
    ImportInactive(User),
    /// Deactivates a user, ends all sessions with 4503. An unknown id is stored too, and so kept
    /// out.
    Deactivate(UserId),
    /// Lifts a deactivation. The user may connect with a token issued from now on.
    Activate(UserId),
}

impl Command {
    /// The id under which the command may be repeated.
    pub(super) fn client_message_id(&self) -> Option<&ClientMessageId> {
        match self {
            Self::Send { client_message_id, .. } => client_message_id.as_ref(),
            Self::Enrol { .. }
            | Self::Withdraw { .. }
            | Self::Import(_)
            | Self::ImportInactive(_)
            | Self::Deactivate(_)
            | Self::Activate(_) => None,
        }
    }
}

/// An input of the engine.
#[derive(Debug)]
pub enum Input {
    /// A user with a verified token opened a connection.
    ///
    /// If the number belongs to an open connection, that one ends first, as by
    /// [`Closed`](Self::Closed). A user that fails [`User::check`] is refused with 4501.
    Connected {
        /// The new connection.
        conn: ConnectionId,
        /// The claims of the token.
        claims: Claims,
    },
    /// A frame arrived.
    Frame {
        /// The connection.
        conn: ConnectionId,
        /// The frame.
        frame: Frame,
    },
    /// A sign of life other than a frame. Needed only before [`Connected`](Self::Connected), which
    /// may replace the longest silent connection of the same user. Unknown connections are ignored.
    Alive {
        /// The connection.
        conn: ConnectionId,
        /// The time of the sign.
        at: Monotonic,
    },
    /// A connection is gone. Unknown connections are ignored, because the engine may have closed
    /// them first.
    Closed {
        /// The connection.
        conn: ConnectionId,
    },
    /// A connection's reply queue is full (`waits`), or has drained. While the queue is full,
    /// requests with long replies are not started.
    Backlog {
        /// The connection.
        conn: ConnectionId,
        /// Whether replies wait.
        waits: bool,
    },
    /// A command of the embedder, answered by [`Output::Answer`]. A command under the number of a
    /// pending one is ignored.
    Command {
        /// The number of the command.
        id: CommandId,
        /// The command.
        command: Command,
    },
    /// The answer to [`Output::Verify`].
    Verified {
        /// The ticket of the call.
        ticket: Ticket,
        /// The claims of the token, if it is valid.
        result: Result<Claims, VerifyError>,
    },
    /// The answer to [`Output::Load`].
    Loaded {
        /// The ticket of the call.
        ticket: Ticket,
        /// The loaded facts.
        result: Result<Loaded, UnavailableError>,
    },
    /// The answer to [`Output::Commit`].
    Committed {
        /// The ticket of the call.
        ticket: Ticket,
        /// One verdict for each change.
        result: Result<Vec<Verdict>, UnavailableError>,
    },
    /// The answer to [`Output::Follow`].
    Heard {
        /// The next events.
        result: Result<Followed, UnavailableError>,
    },
    /// The word of another engine about a typing user: see [`Output::HintTyping`].
    TypingHint(TypingHint),
    /// New ready texts, which replace all others. Apps get them when they ask next.
    Phrases(Arc<Phrases>),
    /// A connection must move to another server, or its peer is gone. Pending requests are finished
    /// and no more accepted, then the connection is closed. Unknown connections are ignored.
    Disconnect {
        /// The connection.
        conn: ConnectionId,
        /// The reason: 1001 usually.
        code: CloseCode,
    },
    /// A report of the room left in the storage: see [`Headroom`].
    Headroom(Headroom),
    /// A shutdown: pending work is finished, all connections are closed, then [`Output::Drained`]
    /// follows.
    Drain,
    /// Time has passed: the answer to [`Output::WakeAt`].
    Tick,
}

/// The class of a frame, which decides its fate when a reader is slow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// The answer to a request, never dropped. While too many wait, the connection is not read.
    Reply,
    /// A live event, never dropped. When too many wait, the connection is closed (4008).
    Message,
    /// A live event that is worthless later, and dropped first.
    Typing,
}

/// An output of the engine, to be carried out.
pub enum Output {
    /// Append a frame to the queues of these connections.
    Send {
        /// The connections; never empty.
        conns: Vec<ConnectionId>,
        /// The class of the frame.
        class: Class,
        /// The frame, encoded once for all connections.
        frame: Bytes,
    },
    /// Query the store, then give [`Input::Loaded`].
    Load {
        /// The ticket for the answer.
        ticket: Ticket,
        /// The query.
        query: Query,
    },
    /// Commit changes, then give [`Input::Committed`]. No second commit follows before.
    Commit {
        /// The ticket for the answer.
        ticket: Ticket,
        /// The name of the commit: see [`Store::commit_as`](crate::store::Store::commit_as).
        id: CommitId,
        /// The changes, in order.
        changes: Vec<Change>,
    },
    /// Ask the store for its next events, then give [`Input::Heard`]. No second one follows before.
    Follow {
        /// The position behind which they begin.
        after: Position,
    },
    /// Verify a token, then give [`Input::Verified`].
    Verify {
        /// The ticket for the answer.
        ticket: Ticket,
        /// The token. Never log it.
        token: String,
    },
    /// The answer to a command.
    Answer {
        /// The number of the command.
        id: CommandId,
        /// The reply or the error.
        result: Result<Reply, Error>,
    },
    /// A committed change, for observers in the same process. Those of other engines of a shared
    /// store are among them.
    Publish {
        /// The position of the event in the store's history.
        position: Position,
        /// The event.
        event: Event,
        /// Whether this engine has committed the change. An event whose answer was lost counts as
        /// one of others.
        here: bool,
    },
    /// Tell the other engines of a shared store that a user types, or no longer types. A word that
    /// is lost costs little, so give it up where it would have to wait.
    HintTyping(TypingHint),
    /// A handled request, for logs.
    Handled(Handled),
    /// Stop reading this connection until [`Output::Resume`].
    Pause {
        /// The connection.
        conn: ConnectionId,
    },
    /// Read this connection again.
    Resume {
        /// The connection.
        conn: ConnectionId,
    },
    /// Close this connection behind the frames in its queue. The engine has forgotten the
    /// connection.
    Close {
        /// The connection.
        conn: ConnectionId,
        /// The close code.
        code: CloseCode,
    },
    /// Give [`Input::Tick`] at this time, or never. Replaces the previous wake-up.
    WakeAt(Option<Monotonic>),
    /// The end of a drain: every connection is closed and every change answered.
    Drained,
}

impl fmt::Debug for Output {
    /// Formats without tokens and texts, so that an output may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { conns, class, frame } => {
                write!(f, "Send({conns:?}, {class:?}, {} bytes)", frame.len())
            }
            Self::Load { ticket, .. } => write!(f, "Load({ticket:?})"),
            Self::Commit { ticket, changes, .. } => {
                write!(f, "Commit({ticket:?}, {} changes)", changes.len())
            }
            Self::Follow { after } => write!(f, "Follow({after:?})"),
            Self::Verify { ticket, .. } => write!(f, "Verify({ticket:?})"),
            Self::Answer { id, .. } => write!(f, "Answer({id:?})"),
            Self::Publish { position, .. } => write!(f, "Publish({position:?})"),
            Self::HintTyping(_) => write!(f, "HintTyping"),
            Self::Handled(_) => write!(f, "Handled"),
            Self::Pause { conn } => write!(f, "Pause({conn:?})"),
            Self::Resume { conn } => write!(f, "Resume({conn:?})"),
            Self::Close { conn, code } => write!(f, "Close({conn:?}, {code:?})"),
            Self::WakeAt(time) => write!(f, "WakeAt({time:?})"),
            Self::Drained => write!(f, "Drained"),
        }
    }
}
