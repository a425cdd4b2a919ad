//! A store that blocks, on a thread of its own.

use std::io;
use std::thread::{Builder, JoinHandle};

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use futures::executor::block_on;

use crate::store::{Change, Loaded, Query, Store, UnavailableError, Verdict};

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
}

/// A [`BlockingStore`] as a [`Store`]. All calls are carried out one by one on one thread.
///
/// A load waits behind a commit, and for its sync. A store that can load meanwhile should implement
/// [`Store`] itself. If the store panics, it is unavailable from then on.
#[derive(Debug)]
pub struct Blocking<S> {
    /// The waiting calls. Bounded by the caller: an engine has one load for each request under way,
    /// and one commit.
    calls: mpsc::UnboundedSender<StoreCall>,
    thread: JoinHandle<S>,
}

type CallAnswer<T> = oneshot::Sender<Result<T, UnavailableError>>;

enum StoreCall {
    Load(Query, CallAnswer<Loaded>),
    Commit(Vec<Change>, CallAnswer<Vec<Verdict>>),
}

impl<S: BlockingStore> Blocking<S> {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The operating system gives no thread.
    pub fn start(mut store: S) -> io::Result<Self> {
        let (calls, mut called) = mpsc::unbounded();
        let thread = Builder::new().name("chat-store".to_owned()).spawn(move || {
            while let Some(call) = block_on(called.next()) {
                answer(&mut store, call);
            }
            store
        })?;
        Ok(Self { calls, thread })
    }

    /// Carries out the waiting calls, ends the thread, and returns the store, or `None` if the
    /// store has panicked. Blocks, so call this once the engine has ended.
    ///
    /// A `Blocking` that is dropped instead carries out the waiting calls in the background.
    pub fn close(self) -> Option<S> {
        drop(self.calls);
        self.thread.join().ok()
    }

    async fn call<T>(&self, call: impl FnOnce(CallAnswer<T>) -> StoreCall) -> Result<T, UnavailableError> {
        let (answer, is_answered) = oneshot::channel();
        // A call that can't be sent comes back, and its drop ends the wait for the answer.
        drop(self.calls.unbounded_send(call(answer)));
        is_answered.await.unwrap_or_else(|_| Err(UnavailableError::new("the store has panicked")))
    }
}

/// Carries out a call. A caller that is gone needs no answer.
fn answer(store: &mut impl BlockingStore, call: StoreCall) {
    match call {
        StoreCall::Load(query, answer) => drop(answer.send(store.load(query))),
        StoreCall::Commit(changes, answer) => drop(answer.send(store.commit(changes))),
    }
}

impl<S: BlockingStore> Store for Blocking<S> {
    async fn load(&self, query: Query) -> Result<Loaded, UnavailableError> {
        self.call(|answer| StoreCall::Load(query, answer)).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        self.call(|answer| StoreCall::Commit(changes, answer)).await
    }
}
