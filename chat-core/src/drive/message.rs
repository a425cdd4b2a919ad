//! Messages from handles and sessions to the task that runs the engine.

use std::sync::Arc;

use futures::channel::oneshot;

use super::queue::QueueSender;
use super::stats::DriveStats;
use crate::conversation::Conversation;
use crate::engine::{Claims, Command, ConnectionId, Headroom, TypingHint};
use crate::frame::Frame;
use crate::id::UserId;
use crate::phrases::Phrases;
use crate::protocol::{CloseCode, Error, Reply};
use crate::store::{Loaded, Query, UnavailableError};

/// A message to the engine's task.
pub(super) enum ServiceMessage {
    Open(Box<NewConnection>),
    Frame {
        conn: ConnectionId,
        frame: Frame,
    },
    /// The connection's reply queue has drained.
    Relieved {
        conn: ConnectionId,
    },
    /// The peer is gone. Its pending requests are finished before the connection ends.
    Left {
        conn: ConnectionId,
    },
    Closed {
        conn: ConnectionId,
    },
    Stats {
        answer: oneshot::Sender<DriveStats>,
    },
    /// Asks for the participants of a conversation who have no connection, without one of them.
    Absent {
        conversation: Box<Conversation>,
        except: UserId,
        answer: oneshot::Sender<Vec<UserId>>,
    },
    /// A query of the embedder, answered by the store.
    Load {
        query: Query,
        answer: oneshot::Sender<Result<Loaded, UnavailableError>>,
    },
    Command {
        command: Command,
        answer: oneshot::Sender<Result<Reply, Error>>,
    },
    Headroom(Headroom),
    /// The word of another engine.
    Hint(TypingHint),
    /// New ready texts.
    Phrases(Arc<Phrases>),
    /// Disconnects one of every `parts` connections gracefully.
    Disconnect {
        parts: usize,
        code: CloseCode,
    },
    /// Shuts the service down, and tells when this is done.
    Drain {
        done: oneshot::Sender<()>,
    },
}

/// A connection that is being opened.
pub(super) struct NewConnection {
    pub(super) conn: ConnectionId,
    pub(super) claims: Claims,
    /// The sending end of the connection's queue.
    pub(super) queue: QueueSender,
    /// Told once the engine knows the connection.
    pub(super) opened: oneshot::Sender<()>,
}
