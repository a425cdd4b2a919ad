//! The handle to a running engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::SinkExt;
use futures::channel::{mpsc, oneshot};

use super::budget::Budget;
use super::message::{NewConnection, ServiceMessage};
use super::queue;
use super::session::Session;
use super::stats::DriveStats;
use crate::conversation::Conversation;
use crate::engine::{Claims, Command, ConnectionId, Headroom, TypingHint};
use crate::id::UserId;
use crate::limits::{Limits, OutboundLimits};
use crate::phrases::Phrases;
use crate::protocol::{CloseCode, Error, ErrorCode, Reply};
use crate::store::UnavailableError;

/// The error of a handle whose engine was drained, or its future dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the chat has stopped")]
pub struct StoppedError;

/// The error of a query of the embedder.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueryError {
    /// The engine has stopped.
    #[error(transparent)]
    Stopped(#[from] StoppedError),
    /// The store could not answer.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
}

/// A handle that opens connections, runs commands and ends the service. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    messages: mpsc::Sender<ServiceMessage>,
    limits: OutboundLimits,
    /// The limit of unanswered requests of one connection.
    requests_under_way: usize,
    /// The limit of messages on one page.
    pub(super) messages_most: u32,
    next: Arc<AtomicU64>,
    /// Bytes that wait on all connections.
    budget: Arc<Budget>,
}

impl Handle {
    pub(super) fn new(messages: mpsc::Sender<ServiceMessage>, limits: &Limits, budget: Arc<Budget>) -> Self {
        Self {
            messages,
            limits: limits.outbound.clone(),
            requests_under_way: limits.engine.requests_under_way,
            messages_most: limits.pages.messages_most,
            next: Arc::default(),
            budget,
        }
    }

    /// Opens a connection for a user with a verified token.
    ///
    /// Live events begin before this returns, and wait in the session until [run](Session::run).
    ///
    /// # Errors
    ///
    /// [`StoppedError`] if the engine has stopped.
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

    /// Runs a command on the embedder's own authority.
    ///
    /// # Errors
    ///
    /// The error that a client would get, or `unavailable` if the engine stops before the answer.
    pub async fn command(&self, command: Command) -> Result<Reply, Error> {
        let (answer, is_answered) = oneshot::channel();
        let stopped = |_| Error::from(ErrorCode::Unavailable);
        self.send(ServiceMessage::Command { command, answer }).await.map_err(stopped)?;
        is_answered.await.map_err(|_| Error::from(ErrorCode::Unavailable))?
    }

    /// Returns the figures of the engine and its queues.
    ///
    /// # Errors
    ///
    /// [`StoppedError`] if the engine has stopped.
    pub async fn stats(&self) -> Result<DriveStats, StoppedError> {
        let (answer, is_answered) = oneshot::channel();
        self.send(ServiceMessage::Stats { answer }).await?;
        is_answered.await.map_err(|_| StoppedError)
    }

    /// Returns the participants of a conversation who have no connection at this moment, those who
    /// take part by team included, without one user: the sender of a message, say.
    ///
    /// # Errors
    ///
    /// [`StoppedError`] if the engine has stopped.
    pub async fn absent(
        &self,
        conversation: Conversation,
        except: UserId,
    ) -> Result<Vec<UserId>, StoppedError> {
        let (answer, is_answered) = oneshot::channel();
        let conversation = Box::new(conversation);
        self.send(ServiceMessage::Absent { conversation, except, answer }).await?;
        is_answered.await.map_err(|_| StoppedError)
    }

    /// Reports the room left in the storage, which decides the writes that are allowed.
    pub async fn set_headroom(&self, headroom: Headroom) {
        let _stopped = self.send(ServiceMessage::Headroom(headroom)).await;
    }

    /// Gives the engine a hint of another one over the same store: see [`Drive::hint_by`].
    ///
    /// [`Drive::hint_by`]: super::Drive::hint_by
    pub async fn hint(&self, hint: TypingHint) {
        let _stopped = self.send(ServiceMessage::Hint(hint)).await;
    }

    /// Replaces the ready texts: see [`Settings::phrases`](crate::engine::Settings::phrases).
    pub async fn set_phrases(&self, phrases: Arc<Phrases>) {
        let _stopped = self.send(ServiceMessage::Phrases(phrases)).await;
    }

    /// Sends one of every `parts` connections to another server (1001), the longest open first, and
    /// at least one. Their pending requests are finished and durable before. All other connections
    /// go on.
    pub async fn disconnect_gracefully(&self, parts: usize) {
        let code = CloseCode::GoingAway;
        let _stopped = self.send(ServiceMessage::Disconnect { parts, code }).await;
    }

    /// The same with 1013, because this server has lost its store: clients go to another server, or
    /// come back after a pause.
    pub async fn turn_away(&self, parts: usize) {
        let code = CloseCode::TryAgainLater;
        let _stopped = self.send(ServiceMessage::Disconnect { parts, code }).await;
    }

    /// Shuts the service down, and returns when this is done.
    ///
    /// No connection is admitted any more, pending requests are finished and durable, and each
    /// connection is closed with 1001. Then the engine's future ends. Without that future being
    /// polled, this waits for ever. Sessions still write what waits in their queues: await them
    /// afterwards.
    pub async fn drain(&self) {
        let (done, is_done) = oneshot::channel();
        if self.send(ServiceMessage::Drain { done }).await.is_ok() {
            let _stopped = is_done.await;
        }
    }

    pub(super) async fn send(&self, message: ServiceMessage) -> Result<(), StoppedError> {
        self.messages.clone().send(message).await.map_err(|_| StoppedError)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
