//! How the world reaches a running engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::SinkExt;
use futures::channel::{mpsc, oneshot};

use super::budget::Budget;
use super::queue::{self, Tail};
use super::service::Stats;
use super::session::Session;
use crate::engine::{Claims, Command, ConnectionId, Headroom};
use crate::frame::Frame;
use crate::id::UserId;
use crate::limits::{Limits, OutboundLimits};
use crate::protocol::{Error, ErrorCode, Reply};

/// The engine does not run any more: it was drained, or its future was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the chat has stopped")]
pub struct Stopped;

/// What is said to the engine's task.
pub(super) enum Message {
    Open(Box<Opening>),
    Frame {
        conn: ConnectionId,
        frame: Frame,
    },
    Relieved {
        conn: ConnectionId,
    },
    /// The peer is gone, and what it had asked for is to be finished.
    Left {
        conn: ConnectionId,
    },
    Closed {
        conn: ConnectionId,
    },
    Stats {
        answer: oneshot::Sender<Stats>,
    },
    NotConnected {
        users: Vec<UserId>,
        answer: oneshot::Sender<Vec<UserId>>,
    },
    Command {
        command: Command,
        answer: oneshot::Sender<Result<Reply, Error>>,
    },
    Headroom(Headroom),
    SeeOff {
        parts: usize,
    },
    Drain,
}

/// A connection that opens.
pub(super) struct Opening {
    pub(super) conn: ConnectionId,
    pub(super) claims: Claims,
    pub(super) queue: Tail,
    pub(super) opened: oneshot::Sender<()>,
}

/// Opens connections, gives commands, ends the service. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    messages: mpsc::Sender<Message>,
    limits: OutboundLimits,
    /// Requests of one connection that may be under way.
    requests_under_way: usize,
    next: Arc<AtomicU64>,
    /// Bytes that wait on all connections.
    budget: Arc<Budget>,
}

impl Handle {
    pub(super) fn new(messages: mpsc::Sender<Message>, limits: &Limits, budget: Arc<Budget>) -> Self {
        let requests_under_way = limits.engine.requests_under_way;
        Self { messages, limits: limits.outbound.clone(), requests_under_way, next: Arc::default(), budget }
    }

    /// Opens a connection for a user whose token was verified.
    ///
    /// When this is ready, live events have begun: they wait in the session until it [runs](Session::run).
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub async fn open(&self, claims: Claims) -> Result<Session, Stopped> {
        let conn = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let (tail, head) = queue::queue(self.limits.clone(), self.requests_under_way, self.budget.clone());
        let (opened, is_open) = oneshot::channel();
        let session = Session::new(conn, self.messages.clone(), head);
        self.say(Message::Open(Box::new(Opening { conn, claims, queue: tail, opened }))).await?;
        is_open.await.map_err(|_| Stopped)?;
        Ok(session)
    }

    /// Asks something of the engine on the embedder's own authority.
    ///
    /// # Errors
    ///
    /// What a client would be told; `unavailable` if the engine stops before it has answered.
    pub async fn command(&self, command: Command) -> Result<Reply, Error> {
        let (answer, is_answered) = oneshot::channel();
        let stopped = |_| Error::from(ErrorCode::Unavailable);
        self.say(Message::Command { command, answer }).await.map_err(stopped)?;
        is_answered.await.map_err(|_| Error::from(ErrorCode::Unavailable))?
    }

    /// How much there is in the engine and its queues, and what it has done.
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub async fn stats(&self) -> Result<Stats, Stopped> {
        let (answer, is_answered) = oneshot::channel();
        self.say(Message::Stats { answer }).await?;
        is_answered.await.map_err(|_| Stopped)
    }

    /// Those of these users who have no connection at this moment.
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub async fn not_connected(&self, users: Vec<UserId>) -> Result<Vec<UserId>, Stopped> {
        let (answer, is_answered) = oneshot::channel();
        self.say(Message::NotConnected { users, answer }).await?;
        is_answered.await.map_err(|_| Stopped)
    }

    /// Tells the engine how much room the storage has left: what may be written depends on it.
    pub async fn set_headroom(&self, headroom: Headroom) {
        let _stopped = self.say(Message::Headroom(headroom)).await;
    }

    /// Tells one connection in so many to go to another server (1001), the longest open first, and at least one. What it
    /// has under way is finished and durable before; all others go on.
    pub async fn see_off(&self, parts: usize) {
        let _stopped = self.say(Message::SeeOff { parts }).await;
    }

    /// Ends the service: no connection is admitted any more, what is under way is finished and durable, each
    /// connection is told 1001. The engine's future ends when that is done.
    pub async fn drain(&self) {
        let _stopped = self.say(Message::Drain).await;
    }

    async fn say(&self, message: Message) -> Result<(), Stopped> {
        self.messages.clone().send(message).await.map_err(|_| Stopped)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
