//! How the world reaches a running engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::SinkExt;
use futures::channel::{mpsc, oneshot};

use super::budget::Budget;
use super::message::{NewConnection, ServiceMessage};
use super::queue;
use super::session::Session;
use super::stats::DriveStats;
use crate::engine::{Claims, Command, ConnectionId, Headroom};
use crate::id::UserId;
use crate::limits::{Limits, OutboundLimits};
use crate::protocol::{Error, ErrorCode, Reply};

/// The engine does not run any more: it was drained, or its future was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the chat has stopped")]
pub struct StoppedError;

/// Opens connections, gives commands, ends the service. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    messages: mpsc::Sender<ServiceMessage>,
    limits: OutboundLimits,
    /// Requests of one connection that may be under way.
    requests_under_way: usize,
    next: Arc<AtomicU64>,
    /// Bytes that wait on all connections.
    budget: Arc<Budget>,
}

impl Handle {
    pub(super) fn new(messages: mpsc::Sender<ServiceMessage>, limits: &Limits, budget: Arc<Budget>) -> Self {
        let requests_under_way = limits.engine.requests_under_way;
        Self { messages, limits: limits.outbound.clone(), requests_under_way, next: Arc::default(), budget }
    }

    /// Opens a connection for a user whose token was verified.
    ///
    /// When this is ready, live events have begun: they wait in the session until it [runs](Session::run).
    ///
    /// # Errors
    ///
    /// [`StoppedError`].
    pub async fn open(&self, claims: Claims) -> Result<Session, StoppedError> {
        let conn = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) =
            queue::queue(self.limits.clone(), self.requests_under_way, self.budget.clone());
        let (opened, is_open) = oneshot::channel();
        let session = Session::new(conn, self.messages.clone(), receiver);
        self.send(ServiceMessage::Open(Box::new(NewConnection { conn, claims, queue: sender, opened })))
            .await?;
        is_open.await.map_err(|_| StoppedError)?;
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
        self.send(ServiceMessage::Command { command, answer }).await.map_err(stopped)?;
        is_answered.await.map_err(|_| Error::from(ErrorCode::Unavailable))?
    }

    /// How much there is in the engine and its queues, and what it has done.
    ///
    /// # Errors
    ///
    /// [`StoppedError`].
    pub async fn stats(&self) -> Result<DriveStats, StoppedError> {
        let (answer, is_answered) = oneshot::channel();
        self.send(ServiceMessage::Stats { answer }).await?;
        is_answered.await.map_err(|_| StoppedError)
    }

    /// Those of these users who have no connection at this moment.
    ///
    /// # Errors
    ///
    /// [`StoppedError`].
    pub async fn not_connected(&self, users: Vec<UserId>) -> Result<Vec<UserId>, StoppedError> {
        let (answer, is_answered) = oneshot::channel();
        self.send(ServiceMessage::NotConnected { users, answer }).await?;
        is_answered.await.map_err(|_| StoppedError)
    }

    /// Tells the engine how much room the storage has left: what may be written depends on it.
    pub async fn set_headroom(&self, headroom: Headroom) {
        let _stopped = self.send(ServiceMessage::Headroom(headroom)).await;
    }

    /// Tells one connection in so many to go to another server (1001), the longest open first, and at least one. What it
    /// has under way is finished and durable before; all others go on.
    pub async fn disconnect_gracefully(&self, parts: usize) {
        let _stopped = self.send(ServiceMessage::Disconnect { parts }).await;
    }

    /// Ends the service: no connection is admitted any more, what is under way is finished and durable, each
    /// connection is told 1001. The engine's future ends when that is done.
    pub async fn drain(&self) {
        let _stopped = self.send(ServiceMessage::Drain).await;
    }

    async fn send(&self, message: ServiceMessage) -> Result<(), StoppedError> {
        self.messages.clone().send(message).await.map_err(|_| StoppedError)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
