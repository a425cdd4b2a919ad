//! A store that blocks, on a thread of its own.

use std::future::pending;
use std::io;
use std::thread::{Builder, JoinHandle};

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use futures::executor::block_on;

use crate::store::{Change, CommitId, Followed, Loaded, Position, Query, Store, UnavailableError, Verdict};

/// A store whose functions block, for example over a synchronous database driver. The rules are
/// those of [`Store`].
pub trait BlockingStore: Send + 'static {
    /// Answers a query: see [`Store::load`].
    ///
    /// # Errors
    ///
    /// The store could not answer.
    fn load(&mut self, query: Query) -> Result<Loaded, UnavailableError>;

    /// Judges changes and makes the accepted ones durable: see [`Store::commit`].
    ///
    /// # Errors
    ///
    /// The outcome of the whole batch is unknown.
    fn commit(&mut self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError>;

    /// Commits under a name: see [`Store::commit_as`]. Only a shared store needs the name.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    fn commit_as(&mut self, _: CommitId, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        self.commit(changes)
    }

    /// Returns the function that follows the history of a shared store, for example over a
    /// connection of its own. Asked once, at the start. A store with one engine has none.
    fn history(&mut self) -> Option<BlockingHistory> {
        None
    }
}

/// A function that blocks until there are events after a position, and returns them: see
/// [`Store::follow`]. Called on a thread beside the store's.
pub type BlockingHistory = Box<dyn FnMut(Position) -> Result<Followed, UnavailableError> + Send>;

/// A [`BlockingStore`] as a [`Store`]. All loads and commits are carried out one by one on one
/// thread. A [history](BlockingStore::history) is followed on a second one.
///
/// A load waits behind a commit, and for its sync. A store that can load meanwhile should implement
/// [`Store`] itself. If the store panics, it is unavailable from then on.
#[derive(Debug)]
pub struct Blocking<S> {
    /// The waiting calls. Bounded by the caller: an engine has one load for each request under way,
    /// and one commit.
    calls: mpsc::UnboundedSender<StoreCall>,
    /// The waiting calls of the history, if the store is shared. An engine has one.
    history: Option<mpsc::UnboundedSender<HistoryCall>>,
    thread: JoinHandle<S>,
}

type CallAnswer<T> = oneshot::Sender<Result<T, UnavailableError>>;

enum StoreCall {
    Load(Query, CallAnswer<Loaded>),
    Commit(Vec<Change>, CallAnswer<Vec<Verdict>>),
    CommitAs(CommitId, Vec<Change>, CallAnswer<Vec<Verdict>>),
}

type HistoryCall = (Position, CallAnswer<Followed>);

impl<S: BlockingStore> Blocking<S> {
    /// Starts the thread, and one for the history if there is any.
    ///
    /// # Errors
    ///
    /// The operating system gives no thread.
    pub fn start(mut store: S) -> io::Result<Self> {
        let history = store.history().map(start_history).transpose()?;
        let (calls, mut called) = mpsc::unbounded();
        let thread = Builder::new().name("chat-store".to_owned()).spawn(move || {
            while let Some(call) = block_on(called.next()) {
                answer(&mut store, call);
            }
            store
        })?;
        Ok(Self { calls, history, thread })
    }

    /// Carries out the waiting calls, ends the thread, and returns the store, or `None` if the
    /// store has panicked. Blocks, so call this once the engine has ended.
    ///
    /// The thread of the history ends by itself once its call returns.
    ///
    /// A `Blocking` that is dropped instead carries out the waiting calls in the background.
    pub fn close(self) -> Option<S> {
        drop(self.calls);
        self.thread.join().ok()
    }
}

/// Makes a call on another thread, and waits for the answer.
async fn call<C, T>(
    calls: &mpsc::UnboundedSender<C>,
    call: impl FnOnce(CallAnswer<T>) -> C,
) -> Result<T, UnavailableError> {
    let (answer, is_answered) = oneshot::channel();
    // A call that can't be sent comes back, and its drop ends the wait for the answer.
    drop(calls.unbounded_send(call(answer)));
    is_answered.await.unwrap_or_else(|_| Err(UnavailableError::new("the store has panicked")))
}

/// Starts the thread of the history. A caller that is gone needs no answer.
fn start_history(mut history: BlockingHistory) -> io::Result<mpsc::UnboundedSender<HistoryCall>> {
    let (calls, mut called) = mpsc::unbounded::<HistoryCall>();
    Builder::new().name("chat-history".to_owned()).spawn(move || {
        while let Some((after, answer)) = block_on(called.next()) {
            drop(answer.send(history(after)));
        }
    })?;
    Ok(calls)
}

/// Carries out a call. A caller that is gone needs no answer.
fn answer(store: &mut impl BlockingStore, call: StoreCall) {
    match call {
        StoreCall::Load(query, answer) => drop(answer.send(store.load(query))),
        StoreCall::Commit(changes, answer) => drop(answer.send(store.commit(changes))),
        StoreCall::CommitAs(id, changes, answer) => drop(answer.send(store.commit_as(id, changes))),
    }
}

impl<S: BlockingStore> Store for Blocking<S> {
    async fn load(&self, query: Query) -> Result<Loaded, UnavailableError> {
        call(&self.calls, |answer| StoreCall::Load(query, answer)).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        call(&self.calls, |answer| StoreCall::Commit(changes, answer)).await
    }

    async fn commit_as(&self, id: CommitId, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        call(&self.calls, |answer| StoreCall::CommitAs(id, changes, answer)).await
    }

    async fn follow(&self, after: Position) -> Result<Followed, UnavailableError> {
        match &self.history {
            Some(history) => call(history, |answer| (after, answer)).await,
            None => pending().await,
        }
    }
}
