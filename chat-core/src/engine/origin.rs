//! The origin of a load or a change: whom its answer goes to.

use super::io::{CommandId, ConnectionId};

/// The request, command or job on whose behalf something is loaded or changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A request, by its number on its connection.
    Request(ConnectionId, u64),
    /// A connection that is being admitted.
    Entry(Admission),
    /// A command of the embedder.
    Command(CommandId),
    /// The engine itself. Nobody waits for an answer.
    Engine,
}

/// The admission of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Admission {
    pub(super) conn: ConnectionId,
    /// The number of the connection's first slot. No other connection has this number, even if an
    /// embedder uses a [`ConnectionId`] twice.
    pub(super) number: u64,
}

impl Origin {
    /// Whether this is a request of the connection.
    pub(super) fn is_of(&self, conn: ConnectionId) -> bool {
        matches!(self, Self::Request(own, _) if *own == conn)
    }
}
