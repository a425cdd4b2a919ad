//! The thread of the lane: one group of changes after another, over a connection of its own.
//!
//! While a server holds the lane, its judging must not wait behind the connections of users. So it
//! has a thread to itself.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_core::store::{Change, CommitId, UnavailableError, Verdict};
use futures::channel::oneshot;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::ANSWER_WITHIN;
use super::connect::{Connected, Database};
use super::error::{unavailable, words};
use super::group::JudgedGroup;
use super::history::History;
use super::look_up::LookedUp;
use super::meter::LaneMetrics;
use super::write::{Statements, write};
use crate::store::journal::SaltPool;

/// Time of waiting for the lane after which its holder is looked at. A server that freezes between
/// two statements holds up all others, and no time limit of PostgreSQL ends that in every state.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// Time limit for looking at the holder.
const LOOK_WITHIN: Duration = Duration::from_secs(1);

/// Ends the transactions that this one waits for, if each waits for its client. A commit that waits
/// for the standby must never be ended: it would show what a failover may take away.
const FREE: &str = "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a \
    WHERE a.pid = ANY(pg_blocking_pids($1)) AND a.wait_event = 'ClientRead'";

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
    metrics: Arc<LaneMetrics>,
) {
    let salts = SaltPool::default();
    let writer = LaneWriter { database, history, salts, committed, metrics, failing: false, connected: None };
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
        writer.tell(committed.as_ref().err());
        // Whoever asked may be gone.
        drop(answer.send(committed));
    }
}

/// A connection with its prepared statements.
struct Open {
    connected: Connected,
    statements: Statements,
    /// The process of the database behind the connection.
    process: i32,
}

struct LaneWriter {
    database: Database,
    history: Arc<History>,
    salts: SaltPool,
    /// The number of groups.
    committed: watch::Sender<u64>,
    metrics: Arc<LaneMetrics>,
    /// Whether the last group failed, and the log says why.
    failing: bool,
    connected: Option<Open>,
}

impl LaneWriter {
    async fn commit(&mut self, by: Option<CommitId>, changes: Vec<Change>) -> Answer {
        if self.connected.as_ref().is_none_or(|open| open.connected.client.is_closed()) {
            self.connected = Some(self.open().await.map_err(|error| unavailable(&error))?);
        }
        let Some(open) = &self.connected else {
            return Err(UnavailableError::new("the database is away"));
        };
        let Open { connected, statements, .. } = open;
        connected.has_warned.store(false, Ordering::Release);
        let client = &connected.client;
        let looked_up = self.look_up(open, &changes).await?;
        let began = Instant::now();
        let mut group = JudgedGroup::new(looked_up, &mut self.salts);
        let verdicts = group.judge(changes)?;
        let end = group.end();
        write(client, statements, group.effects(), by).await?;
        if connected.has_warned.load(Ordering::Acquire) {
            return Err(UnavailableError::new("the database did not wait for its standby"));
        }
        self.metrics.held.observe_time(0, began.elapsed());
        self.history.mark(end.0, end.1);
        self.committed.send_modify(|groups| *groups += 1);
        Ok(verdicts)
    }

    /// Locks the lane, and looks up the state for a group.
    async fn look_up(&self, open: &Open, changes: &[Change]) -> Result<LookedUp, UnavailableError> {
        let began = Instant::now();
        let mut looking =
            pin!(LookedUp::begin(&open.connected.client, &open.statements, changes, &self.history));
        let looked_up = tokio::select! {
            looked_up = &mut looking => looked_up?,
            () = sleep(LOOK_AFTER) => {
                self.free(open.process).await;
                looking.await?
            }
        };
        self.metrics.wait.observe_time(0, began.elapsed());
        Ok(looked_up)
    }

    async fn open(&self) -> Result<Open, tokio_postgres::Error> {
        let connected = self.database.lane().await?;
        let statements = Statements::prepare(&connected.client).await?;
        let process = connected.client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        Ok(Open { connected, statements, process })
    }

    /// Frees the lane from a server that holds it and sends nothing.
    async fn free(&self, process: i32) {
        let freeing = async {
            let beside = self.database.plain_connection().await?;
            beside.client.query_one(FREE, &[&process]).await.map(|row| row.get::<_, i64>(0))
        };
        match timeout(LOOK_WITHIN, freeing).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(ended)) => {
                tracing::warn!(ended, "ended transactions of a frozen server, which held up all others");
            }
            Ok(Err(error)) => tracing::warn!(error = words(&error), "can't see who holds up all changes"),
        }
    }

    /// Logs the first failure of several, and their end.
    fn tell(&mut self, failed: Option<&UnavailableError>) {
        if let Some(UnavailableError { reason, .. }) = failed {
            self.metrics.fail();
            if !std::mem::replace(&mut self.failing, true) {
                tracing::error!(
                    reason,
                    "the database takes no changes: nothing is acknowledged until it does"
                );
            }
        } else if std::mem::take(&mut self.failing) {
            tracing::info!("the database takes changes again: they are acknowledged");
        }
    }
}
