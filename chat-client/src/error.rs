//! What can go wrong with a request, by whose fault it is.

use std::fmt;
use std::time::Duration;

use chat_core::protocol::{ErrorCode, ErrorReply};

use crate::event::StopReason;

/// Why a request was not answered as hoped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with an error. Asking the same again is useless: what waiting could help, the client has
    /// waited for already. What each code means, [`ErrorCode`](chat_core::protocol::ErrorCode) says.
    #[error("{0}")]
    Refused(Refusal),
    /// The request does not fit into a frame that the server takes: an id in it is too long, say.
    #[error("it is too long to be sent")]
    TooLong,
    /// The connection does not stand, and this request is worth nothing later.
    #[error("there is no connection")]
    Offline,
    /// Too many requests wait for an answer already.
    #[error("too many requests wait for an answer")]
    Busy,
    /// The client does not connect any more.
    #[error("{0}")]
    Stopped(StopReason),
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// The server answered what can't be read: it speaks another protocol.
    #[error("the server's answer can't be read")]
    Unreadable,
}

/// An error as the server said it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What went wrong, for programs. `None` is a code that this version does not know.
    pub code: Option<ErrorCode>,
    /// What went wrong, for people.
    pub text: String,
    /// After how long the same may succeed, if the server named a time.
    pub retry_after: Option<Duration>,
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
        }
    }
}
