//! The thread of the lane: one group of changes after another, over a connection of its own.
//!
//! While a server holds the lane, its judging must not wait behind the connections of users. So it
//! has a thread to itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_core::store::{Change, CommitId, UnavailableError, Verdict};
use futures::channel::oneshot;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::ANSWER_WITHIN;
use super::connect::{Connected, Database};
use super::error::unavailable;
use super::group::JudgedGroup;
use super::history::History;
use super::look_up::LookedUp;
use super::write::{Statements, write};
use crate::store::journal::SaltPool;

type Answer = Result<Vec<Verdict>, UnavailableError>;

/// A group of changes, with the channel for its answer.
pub(super) struct Waiting {
    by: Option<CommitId>,
    changes: Vec<Change>,
    answer: oneshot::Sender<Answer>,
}

/// The way to the thread.
#[derive(Clone, Debug)]
pub(super) struct CommitLane(mpsc::Sender<Waiting>);

impl CommitLane {
    pub(super) fn new(changes: mpsc::Sender<Waiting>) -> Self {
        Self(changes)
    }

    /// Commits a group.
    pub(super) fn commit(
        &self,
        by: Option<CommitId>,
        changes: Vec<Change>,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let put = self.0.try_send(Waiting { by, changes, answer });
        async move {
            put.map_err(|_| UnavailableError::new("too many commits are waiting, or the store is closed"))?;
            answered.await.unwrap_or_else(|_| Err(UnavailableError::new("the store is closed")))
        }
    }
}

/// Commits groups on this thread until the store is dropped. Says each to `committed`.
pub(super) fn run(
    database: Database,
    history: Arc<History>,
    waiting: mpsc::Receiver<Waiting>,
    committed: watch::Sender<u64>,
) {
    let salts = SaltPool::default();
    let writer = LaneWriter { database, history, salts, committed, connected: None };
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(writer, waiting)),
        Err(error) => tracing::error!(%error, "the thread that commits can't start"),
    }
}

async fn serve(mut writer: LaneWriter, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(Waiting { by, changes, answer }) = waiting.recv().await {
        let committed = timeout(ANSWER_WITHIN, writer.commit(by, changes)).await;
        let late = |_| Err(UnavailableError::new("the database did not answer in time"));
        let committed = committed.unwrap_or_else(late);
        if committed.is_err() {
            // A transaction may be open. It ends with its connection, one way or the other.
            writer.connected = None;
        }
        // Whoever asked may be gone.
        drop(answer.send(committed));
    }
}

/// A connection with its prepared statements.
struct Open {
    connected: Connected,
    statements: Statements,
}

struct LaneWriter {
    database: Database,
    history: Arc<History>,
    salts: SaltPool,
    /// The number of groups.
    committed: watch::Sender<u64>,
    connected: Option<Open>,
}

impl LaneWriter {
    async fn commit(&mut self, by: Option<CommitId>, changes: Vec<Change>) -> Answer {
        if self.connected.as_ref().is_none_or(|open| open.connected.client.is_closed()) {
            self.connected = Some(self.open().await.map_err(|error| unavailable(&error))?);
        }
        let Some(Open { connected, statements }) = &self.connected else {
            return Err(UnavailableError::new("the database is away"));
        };
        connected.has_warned.store(false, Ordering::Release);
        let client = &connected.client;
        let looked_up = LookedUp::begin(client, statements, &changes, &self.history).await?;
        let mut group = JudgedGroup::new(looked_up, &mut self.salts);
        let verdicts = group.judge(changes)?;
        let end = group.end();
        write(client, statements, group.effects(), by).await?;
        if connected.has_warned.load(Ordering::Acquire) {
            return Err(UnavailableError::new("the database did not wait for its standby"));
        }
        self.history.mark(end.0, end.1);
        self.committed.send_modify(|groups| *groups += 1);
        Ok(verdicts)
    }

    async fn open(&self) -> Result<Open, tokio_postgres::Error> {
        let connected = self.database.lane().await?;
        let statements = Statements::prepare(&connected.client).await?;
        Ok(Open { connected, statements })
    }
}
