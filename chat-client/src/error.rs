//! Errors of requests, of drafts, and of the client as a whole.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chat_core::protocol::{CloseCode, Emergency, ErrorCode, ErrorReply, Order, Work};

use crate::outbox::{Draft, OutboxError};

/// The error of a request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with an error. Repeating the request is useless: where waiting could
    /// help, the client has waited already. [`ErrorCode`](chat_core::protocol::ErrorCode) explains
    /// each code.
    #[error("{0}")]
    Refused(Refusal),
    /// The request does not fit into a frame that the server accepts, because an id in it is too
    /// long, for example.
    #[error("the request is too long to be sent")]
    TooLong,
    /// There is no connection, and this kind of request is worthless later.
    #[error("there is no connection")]
    Offline,
    /// Too many requests wait for an answer already.
    #[error("too many requests wait for an answer")]
    Busy,
    /// The client has stopped connecting.
    #[error("{0}")]
    Stopped(StopReason),
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// The server's answer is not in the chat's protocol.
    #[error("the server's answer can't be read")]
    Unreadable,
}

/// An error as the server sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The code, for programs. `None` if this version does not know the code.
    pub code: Option<ErrorCode>,
    /// The text, for people.
    pub text: String,
    /// The pause after which the same request may succeed, if the server named one.
    pub retry_after: Option<Duration>,
    /// The work as it is, with the code `conflict`: it says who won.
    pub work: Option<Box<Work>>,
    /// The emergency as it is, with the code `conflict` to its end.
    pub emergency: Option<Box<Emergency>>,
    /// The order as it is, with the codes `already_answered` and `conflict` to its withdrawal.
    pub order: Option<Box<Order>>,
}

impl Refusal {
    /// An error that the server has not sent.
    pub(crate) fn of_client(text: String) -> Self {
        Self { code: None, text, retry_after: None, work: None, emergency: None, order: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<ErrorReply> for Refusal {
    fn from(reply: ErrorReply) -> Self {
        Self {
            code: reply.code,
            text: reply.error.into_owned(),
            retry_after: reply.retry_after_ms.map(Duration::from_millis),
            work: reply.work,
            emergency: reply.emergency,
            order: reply.order,
        }
    }
}

/// The reason why the client has stopped connecting. Each one needs a person's decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StopReason {
    /// The server closed the connection with a code that forbids to come back.
    Refused {
        /// The close code.
        code: CloseCode,
        /// The error that the server sent before the close, if any.
        error: Option<Refusal>,
    },
    /// The provider of tokens has none and will have none.
    NoToken(Arc<str>),
    /// The provider's token names another user than the owner of the outbox, or than the first
    /// token. One user's drafts must not be sent in another's name. Each user needs an outbox and
    /// a client of their own.
    OtherUser,
    /// The address can't be connected to, no matter how often the client tries.
    Unreachable(Arc<str>),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, error: None } => {
                write!(f, "the server refuses this client: {}", code.reason())
            }
            Self::Refused { code, error: Some(error) } => {
                write!(f, "the server refuses this client: {} ({error})", code.reason())
            }
            Self::NoToken(reason) => write!(f, "there is no token: {reason}"),
            Self::OtherUser => f.write_str("the token is of another user than the drafts in the outbox"),
            Self::Unreachable(reason) => write!(f, "can't connect: {reason}"),
        }
    }
}

/// A draft that was handed back, with the reason.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not sent: {reason}")]
pub struct NotSentError {
    /// The reason.
    pub reason: NotSentReason,
    /// The user's text, unchanged.
    pub draft: Draft,
    /// Whether the server may have stored the draft all the same: the draft was on the wire, and
    /// no answer came.
    pub maybe_sent: bool,
}

/// The reason why a draft was handed back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotSentReason {
    /// The server refused the draft.
    Refused(Refusal),
    /// The draft does not fit into a frame that the server accepts (64 KiB).
    TooLong,
    /// The draft waited past its deadline, [`Entry::not_after`](crate::outbox::Entry::not_after).
    TooLate,
    /// The outbox is full, because the connection has been away for very long.
    OutboxFull,
    /// The outbox could not store the draft.
    OutboxFailed(OutboxError),
    /// The server's answer is not in the chat's protocol.
    Unreadable,
    /// The client was closed, and the draft is gone with it.
    Closed,
    /// The client was closed. The draft is still in the outbox on disk, and the next client that
    /// starts on this outbox sends it.
    Kept,
}

impl fmt::Display for NotSentReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::TooLong => f.write_str("the draft is too long to be sent"),
            Self::TooLate => f.write_str("the draft waited too long"),
            Self::OutboxFull => f.write_str("the outbox is full"),
            Self::OutboxFailed(error) => error.fmt(f),
            Self::Unreadable => f.write_str("the server's answer can't be read"),
            Self::Closed => f.write_str("the client was closed"),
            Self::Kept => f.write_str("the client was closed, the outbox on disk keeps the draft"),
        }
    }
}
