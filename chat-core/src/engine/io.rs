//! Everything that can happen to an engine, and everything that it can ask for.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::Headroom;
use super::event::Event;
use crate::frame::Frame;
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::protocol::{CloseCode, Error, ErrorCode, EventType, Reply, RequestId, User};
use crate::store::{Change, Loaded, Query, UnavailableError, Verdict};
use crate::time::{Monotonic, Timestamp};

/// A connection, as whoever drives the engine numbers it. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// A question to the store or the verifier, to be given back with the answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub(super) u64);

/// A command, as the embedder numbers it, to recognise its answer by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommandId(pub u64);

/// What a verified token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The user: the claims `sub`, `role`, `email`, `first_name`, `last_name`.
    pub user: User,
    /// The claim `exp`. The session ends [`token_leeway`](crate::limits::Periods::token_leeway) later.
    pub expires_at: Timestamp,
    /// The claim `iat`. A token without it can't undo what an import has said of the role.
    pub issued_at: Option<Timestamp>,
}

/// Why a token is no good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is missing, malformed, not signed by the right key, or lacks a claim.
    #[error("the token is not valid")]
    Invalid,
    /// It was good, and is expired.
    #[error("the token has expired")]
    Expired,
}

/// What an embedder asks of the engine on its own authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Sends a message as a user who takes part in the conversation. No rate applies.
    Send {
        /// The sender.
        user: UserId,
        /// Where to.
        conversation: ConversationId,
        /// The text.
        content: Arc<str>,
        /// Makes a repeat safe.
        client_message_id: Option<ClientMessageId>,
    },
    /// Makes a user a participant of a conversation.
    Enrol {
        /// The conversation.
        conversation: ConversationId,
        /// The user.
        user: UserId,
    },
    /// Ends a user's participation in a conversation.
    Withdraw {
        /// The conversation.
        conversation: ConversationId,
        /// The user.
        user: UserId,
    },
    /// Puts a user into the directory, or replaces what is known of it. A user who was deactivated stays so. Sessions with
    /// another role end with 4002.
    Import(User),
    /// The same, but not active: whoever it is may not connect, and is disconnected (4503).
    ImportInactive(User),
    /// Deactivates a user: its connections end with 4503, and its enrolment ends. An id that never connected is stored, and
    /// so kept out.
    Deactivate(UserId),
    /// Lifts a user's deactivation: it may connect with a token that is issued from now on.
    Activate(UserId),
}

/// A request of a client, and what became of it. Holds nothing that anybody wrote but the names of things.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handled {
    /// On which connection.
    pub conn: ConnectionId,
    /// Whose.
    pub user: Arc<User>,
    /// What was asked; `None` if it was no request.
    pub event: Option<EventType>,
    /// As the client named it.
    pub request_id: Option<RequestId>,
    /// Why it was refused; `None` if it was done.
    pub code: Option<ErrorCode>,
}

/// What can happen.
#[derive(Debug)]
pub enum Input {
    /// A connection was opened by a user whose token was verified.
    Connected {
        /// Its number.
        conn: ConnectionId,
        /// What the token says.
        claims: Claims,
    },
    /// A connection carried a frame.
    Frame {
        /// Which.
        conn: ConnectionId,
        /// The frame.
        frame: Frame,
    },
    /// A connection has given a sign of life that is no frame. Worth telling only before [`Connected`](Self::Connected), where
    /// the longest silent connection of the same user may have to go. Unknown ones are ignored.
    Alive {
        /// Which.
        conn: ConnectionId,
        /// When.
        at: Monotonic,
    },
    /// A connection is gone. Unknown ones are ignored: the engine may have closed it first.
    Closed {
        /// Which.
        conn: ConnectionId,
    },
    /// A connection has as many bytes of replies waiting as it may, or no longer: what leads to long replies is not
    /// decided meanwhile.
    Backlog {
        /// Which.
        conn: ConnectionId,
        /// Whether they wait.
        waits: bool,
    },
    /// The embedder asks something: answered by [`Output::Answer`].
    Command {
        /// Its number.
        id: CommandId,
        /// What is asked.
        command: Command,
    },
    /// The answer to [`Output::Verify`].
    Verified {
        /// Of the question.
        ticket: Ticket,
        /// What the token says, if it is good.
        result: Result<Claims, VerifyError>,
    },
    /// The answer to [`Output::Load`].
    Loaded {
        /// Of the question.
        ticket: Ticket,
        /// The facts.
        result: Result<Loaded, UnavailableError>,
    },
    /// The answer to [`Output::Commit`].
    Committed {
        /// Of the question.
        ticket: Ticket,
        /// One verdict per change.
        result: Result<Vec<Verdict>, UnavailableError>,
    },
    /// A connection must move to another server, or its peer is gone: what it has under way is finished and no more is taken,
    /// then it is told 1001. Unknown ones are ignored.
    Disconnect {
        /// Which.
        conn: ConnectionId,
    },
    /// How much room the storage has left: see [`Headroom`].
    Headroom(Headroom),
    /// The service stops: finish what is under way, say goodbye, then [`Output::Drained`].
    Drain,
    /// Nothing but that time has passed: the answer to [`Output::WakeAt`].
    Tick,
}

/// What kind of frame it is, and so what happens to it when a reader is slow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Answers a request: never dropped. While too many wait, the connection is not read.
    Reply,
    /// A live event: never dropped. Where too many wait, the connection is closed (4008).
    Message,
    /// A live event that is worth nothing later: dropped first.
    Typing,
}

/// What must be done.
pub enum Output {
    /// Put a frame into the queues of these connections, behind what is there.
    Send {
        /// Which; never empty.
        conns: Vec<ConnectionId>,
        /// What to do when one is slow.
        class: Class,
        /// One encoding for all of them.
        frame: Bytes,
    },
    /// Operation the store, then [`Input::Loaded`].
    Load {
        /// To be given back.
        ticket: Ticket,
        /// What to ask.
        query: Query,
    },
    /// Commit, then [`Input::Committed`]. There is never a second one before that.
    Commit {
        /// To be given back.
        ticket: Ticket,
        /// What to commit.
        changes: Vec<Change>,
    },
    /// Verify a token, then [`Input::Verified`].
    Verify {
        /// To be given back.
        ticket: Ticket,
        /// The token: it must reach no log.
        token: String,
    },
    /// The answer to a command.
    Answer {
        /// Its number.
        id: CommandId,
        /// How it ended.
        result: Result<Reply, Error>,
    },
    /// Something was committed: for observers in the same process.
    Publish(Event),
    /// A request was answered: for who keeps a log.
    Handled(Handled),
    /// Do not read this connection until [`Output::Resume`].
    Pause {
        /// Which.
        conn: ConnectionId,
    },
    /// Read this connection again.
    Resume {
        /// Which.
        conn: ConnectionId,
    },
    /// Close this connection behind what is in its queue. The engine has forgotten it.
    Close {
        /// Which.
        conn: ConnectionId,
        /// Why.
        code: CloseCode,
    },
    /// Give [`Input::Tick`] at this time, or never; it takes the place of the one before.
    WakeAt(Option<Monotonic>),
    /// After [`Input::Drain`]: every connection is closed and every change answered.
    Drained,
}

impl fmt::Debug for Output {
    /// Without tokens and texts: it may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { conns, class, frame } => {
                write!(f, "Send({conns:?}, {class:?}, {} bytes)", frame.len())
            }
            Self::Load { ticket, .. } => write!(f, "Load({ticket:?})"),
            Self::Commit { ticket, changes } => write!(f, "Commit({ticket:?}, {} changes)", changes.len()),
            Self::Verify { ticket, .. } => write!(f, "Verify({ticket:?})"),
            Self::Answer { id, .. } => write!(f, "Answer({id:?})"),
            Self::Publish(_) => write!(f, "Publish"),
            Self::Handled(_) => write!(f, "Handled"),
            Self::Pause { conn } => write!(f, "Pause({conn:?})"),
            Self::Resume { conn } => write!(f, "Resume({conn:?})"),
            Self::Close { conn, code } => write!(f, "Close({conn:?}, {code:?})"),
            Self::WakeAt(time) => write!(f, "WakeAt({time:?})"),
            Self::Drained => write!(f, "Drained"),
        }
    }
}
