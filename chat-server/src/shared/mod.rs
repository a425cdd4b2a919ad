//! The shared store: the history in PostgreSQL, which keeps one order for all servers.
//!
//! ```text
//! commit ──> lane's thread: lock the lane ─> look up ─> judge ─> write ─> COMMIT ─> acknowledged
//! load ────> thread of loads, up to 8 connections: one snapshot for a position and the facts
//! ```
//!
//! The table `chat.record` is the history: one row for each change, with the JSON and the hash
//! chain of a journal's records. All other tables follow from it. A group of changes is one
//! transaction that begins with a lock on the one row of `chat.lane`. So there is one order of all
//! changes, without holes, and no transaction meets a deadlock or a failed serialization.
//!
//! The rules are those of [`Batch`](chat_core::store::Batch), as for every store.
//!
//! | file | |
//! |---|---|
//! | `schema` | the tables, and their layout |
//! | `connect` | addresses, TLS, and the settings of connections |
//! | `lane`, `meter` | the thread that commits, and its measurements |
//! | `look_up`, `group` | the state that a group of changes is judged on, and its effects |
//! | `write`, `columns` | the statements of a group's effects |
//! | `loads` | answers to queries |
//! | `list` | the conversations of a user |
//! | `history`, `epoch` | following the history, and the begin of another one |
//! | `hint` | hints between servers: that they need not look all the time, and who types |
//! | `node`, `online` | the servers, and the users who are connected to each |
//! | `lease` | jobs that one server does for all |
//! | `erase`, `retain` | retention |
//! | `keeping`, `erase_user`, `erasing` | holds, and erasing on request |
//! | `reader` | the records, for the webhook and for tools |
//! | `moving` | a history from a data directory |
//! | `rows` | rows to values |

mod columns;
mod connect;
mod epoch;
mod erase;
mod erase_user;
mod erasing;
mod error;
mod group;
mod hint;
mod history;
mod keeping;
mod lane;
mod lease;
mod list;
mod loads;
mod look_up;
mod meter;
mod moving;
mod node;
mod online;
mod open_orders;
mod reader;
mod readings;
mod retain;
mod rows;
mod schema;
mod work_list;
mod write;

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chat_core::engine::TypingHint;
use chat_core::id::UserId;
use chat_core::store::{
    Account, Change, CommitId, Followed, Loaded, Position, Query, Store, UnavailableError, Verdict,
};
use deadpool_postgres::Pool;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use connect::Database;
pub use error::DatabaseError;
use hint::TypingHints;
use history::History;
use lane::CommitLane;
pub(crate) use lease::{Job, Lease, Term};
use meter::LaneMetrics;
pub(crate) use moving::MoveIn;
pub(crate) use node::{Node, NodeIdentity, named};
pub(crate) use online::{OnlineUser, OnlineUsers};
use reader::StoredRecord;
pub(crate) use retain::{SharedRetention, retain};
pub use schema::{LAYOUT, Upgraded};

use crate::store::journal::ChainHead;
use crate::store::{HistoryWalk, JournalHistory, Period};

/// Time limit of a load and of a commit. After it the store is unavailable.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Most commits that wait for the lane. The engine has one in flight; the rest is for others.
const WAITING_MOST: usize = 64;

/// A store in PostgreSQL, for any number of servers.
#[derive(Debug)]
pub struct SharedStore {
    /// This server among those that share the database.
    life: [u8; 16],
    database: Database,
    lane: CommitLane,
    pool: Pool,
    history: Arc<History>,
    metrics: Arc<LaneMetrics>,
    typing: Arc<TypingHints>,
    loads: Handle,
    /// Ends the thread of loads when dropped.
    _open: watch::Sender<()>,
}

impl SharedStore {
    /// Creates the tables in an empty database, or brings older ones to the present layout.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the database can't be reached, refuses, or has a newer layout.
    pub async fn upgrade(url: &str) -> Result<Upgraded, DatabaseError> {
        schema::upgrade(&Database::parse(url)?).await
    }

    /// Opens the store at an address like `postgres://user:password@host/database`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the database can't be reached, has no tables, or has another layout.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        let database = Database::parse(url)?;
        let mut life = [0; 16];
        getrandom::fill(&mut life).map_err(|error| DatabaseError::Thread(error.into()))?;
        let history = Arc::new(History::new(schema::check(&database).await?));
        let pool = database.pool()?;
        let (changes, waiting) = mpsc::channel(WAITING_MOST);
        let (open, closed) = watch::channel(());
        let (committed, news) = watch::channel(0);
        let (typing, own_typing) = TypingHints::new();
        let typing = Arc::new(typing);
        let loads = thread_of_loads(closed).map_err(DatabaseError::Thread)?;
        loads.spawn(hint::hear(database.clone(), history.clone(), typing.clone()));
        loads.spawn(hint::say(database.clone(), news, own_typing));
        let metrics = Arc::new(LaneMetrics::new());
        let (known, lanes, meter) = (history.clone(), database.clone(), metrics.clone());
        thread::Builder::new()
            .name("store-lane".to_owned())
            .spawn(move || lane::run(lanes, known, waiting, committed, meter))
            .map_err(DatabaseError::Thread)?;
        Ok(Self {
            life,
            database,
            lane: CommitLane::new(changes),
            pool,
            history,
            metrics,
            typing,
            loads,
            _open: open,
        })
    }
}

impl SharedStore {
    /// Whether the database has answered lately.
    pub fn is_reachable(&self) -> bool {
        self.history.is_fresh()
    }

    /// A page of the directory: up to `most` users with a greater id than `after`, by id.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`], as for every load.
    pub async fn accounts(
        &self,
        after: Option<UserId>,
        most: usize,
    ) -> Result<Vec<Account>, UnavailableError> {
        let (pool, history) = (self.pool.clone(), self.history.clone());
        self.load_within(async move { loads::accounts(&pool, &history, after, most).await }).await
    }

    /// Joins the servers that share the database, until the node leaves.
    pub(crate) fn join(&self, identity: NodeIdentity) -> Node {
        Node::start(self.database.clone(), self.history.clone(), identity, self.life)
    }

    /// Tells the other servers who types. Drops the hint if too many wait.
    pub(crate) fn hint(&self, hint: TypingHint) {
        self.typing.say(hint);
    }

    /// The typing hints of all servers, this one among them, from now on.
    pub(crate) fn hints(&self) -> broadcast::Receiver<TypingHint> {
        self.typing.heard()
    }

    /// The measurements of the lane.
    pub(crate) fn metrics(&self) -> &LaneMetrics {
        &self.metrics
    }

    /// The last position that this server has told its users.
    pub(crate) fn told(&self) -> Position {
        self.history.told()
    }

    /// The last position that this server has seen.
    pub(crate) fn seen(&self) -> Position {
        self.history.seen()
    }

    /// The head of the hash chain.
    pub(crate) async fn end(&self) -> Result<ChainHead, UnavailableError> {
        let pool = self.pool.clone();
        let (position, hash) = self.load_within(async move { reader::end(&pool).await }).await?;
        Ok(ChainHead { position, hash })
    }

    /// The next records after a position, in order; none at the end.
    pub(crate) async fn records(&self, after: Position) -> Result<Vec<StoredRecord>, UnavailableError> {
        let pool = self.pool.clone();
        self.load_within(async move { reader::records(&pool, after).await }).await
    }

    /// The events of a period, and who has read its messages until now.
    pub(crate) async fn events_of(&self, period: &Period) -> Result<JournalHistory, UnavailableError> {
        let (pool, from) = (self.pool.clone(), period.from);
        let mut after = self.load_within(async move { reader::before(&pool, from).await }).await?;
        let mut walk = HistoryWalk::new(period);
        loop {
            let records = self.records(after).await?;
            let Some(last) = records.last() else { return Ok(walk.finish()) };
            after = last.position;
            records.iter().for_each(|record| walk.event(&record.event));
        }
    }

    /// The addresses of the servers that live.
    pub(crate) async fn servers(&self) -> Result<Vec<String>, UnavailableError> {
        let pool = self.pool.clone();
        self.load_within(async move { node::addresses(&pool).await }).await
    }

    /// Those of these users who were connected to no server when the record at this position came.
    pub(crate) async fn absent(
        &self,
        position: Position,
        users: Vec<UserId>,
    ) -> Result<Vec<UserId>, UnavailableError> {
        let pool = self.pool.clone();
        self.load_within(async move { online::absent(&pool, position, users).await }).await
    }

    /// How far a job has come.
    pub(crate) async fn job_state(&self, job: Job) -> Result<Option<Vec<u8>>, UnavailableError> {
        let pool = self.pool.clone();
        self.load_within(async move { lease::state(&pool, job).await }).await
    }

    /// Notes how far a job has come. Refused if another server has begun a term since.
    pub(crate) async fn save_job_state(&self, term: Term, state: Vec<u8>) -> Result<(), UnavailableError> {
        let pool = self.pool.clone();
        let saving = async move {
            let client = pool.get().await.map_err(UnavailableError::new)?;
            lease::save(&**client, term, &state).await
        };
        self.load_within(saving).await
    }

    /// Loads on the thread of loads, within a time limit.
    async fn load_within<T: Send + 'static>(
        &self,
        load: impl Future<Output = Result<T, UnavailableError>> + Send + 'static,
    ) -> Result<T, UnavailableError> {
        let loading =
            AbortOnDropHandle::new(self.loads.spawn(async move { timeout(ANSWER_WITHIN, load).await }));
        match loading.await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(_)) => Err(UnavailableError::new("the database did not answer in time")),
            Err(_) => closed(),
        }
    }
}

/// The answer of a task that is gone.
fn closed<T>() -> Result<T, UnavailableError> {
    Err(UnavailableError::new("the store is closed"))
}

/// Starts the thread whose runtime serves the connections of the loads.
fn thread_of_loads(mut closed: watch::Receiver<()>) -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let until_closed = async move { while closed.changed().await.is_ok() {} };
    thread::Builder::new().name("store-load".to_owned()).spawn(move || runtime.block_on(until_closed))?;
    Ok(handle)
}

impl Store for SharedStore {
    fn load(&self, query: Query) -> impl Future<Output = Result<Loaded, UnavailableError>> + Send {
        let (pool, history) = (self.pool.clone(), self.history.clone());
        self.load_within(async move { loads::load(&pool, &history, query).await })
    }

    fn commit(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send {
        self.lane.commit(None, changes)
    }

    fn commit_as(
        &self,
        id: CommitId,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Verdict>, UnavailableError>> + Send {
        self.lane.commit(Some(id), changes)
    }

    fn follow(&self, after: Position) -> impl Future<Output = Result<Followed, UnavailableError>> + Send {
        let (pool, history) = (self.pool.clone(), self.history.clone());
        let following = self.loads.spawn(async move { history.follow(&pool, after).await });
        let following = AbortOnDropHandle::new(following);
        async move { following.await.unwrap_or_else(|_| closed()) }
    }
}
