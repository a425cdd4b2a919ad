//! The load threads.
//!
//! A load may read from disk, therefore it does not run on the polling thread, which serves
//! connections. Own threads need no particular runtime.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use chat_core::id::UserId;
use chat_core::store::{Account, Loaded, Query, UnavailableError};
use futures::channel::oneshot;

use crate::store::meter::StoreMetrics;
use crate::store::read::query::QueryEngine;

/// Most loads in the queue. Further ones are unavailable, and their clients retry. Each costs some
/// 200 bytes, and the whole queue is ten seconds of work.
const WAITING_MOST: usize = 16_384;

type LoadAnswer = Result<Loaded, UnavailableError>;

type AccountsAnswer = Result<Vec<Account>, UnavailableError>;

/// A load, with the channel for its answer.
enum Load {
    Facts(Query, oneshot::Sender<LoadAnswer>),
    Accounts { after: Option<UserId>, most: usize, answer: oneshot::Sender<AccountsAnswer> },
}

/// The queue of loads.
#[derive(Debug)]
pub(in crate::store) struct Loads {
    queue: Mutex<Option<SyncSender<Load>>>,
    meter: Arc<StoreMetrics>,
}

impl Loads {
    /// Starts the threads.
    pub(in crate::store) fn start(
        answers: QueryEngine,
        threads: usize,
        meter: Arc<StoreMetrics>,
    ) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (queue, waiting) = sync_channel(WAITING_MOST);
        let shared = Arc::new((answers, Mutex::new(waiting), meter.clone()));
        let threads = (0..threads.max(1)).map(|_| {
            let shared = shared.clone();
            thread::Builder::new()
                .name("store-load".to_owned())
                .spawn(move || run(&shared.0, &shared.1, &shared.2))
        });
        let threads = threads.collect::<io::Result<_>>()?;
        Ok((Self { queue: Mutex::new(Some(queue)), meter }, threads))
    }

    /// Queues a query.
    pub(in crate::store) fn ask(
        &self,
        query: Query,
    ) -> Result<oneshot::Receiver<LoadAnswer>, UnavailableError> {
        let (answer, receiver) = oneshot::channel();
        self.put(Load::Facts(query, answer)).map(|()| receiver)
    }

    /// Queues a page of the directory.
    pub(in crate::store) fn ask_accounts(
        &self,
        after: Option<UserId>,
        most: usize,
    ) -> Result<oneshot::Receiver<AccountsAnswer>, UnavailableError> {
        let (answer, receiver) = oneshot::channel();
        self.put(Load::Accounts { after, most, answer }).map(|()| receiver)
    }

    fn put(&self, load: Load) -> Result<(), UnavailableError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or_else(|| UnavailableError::new("the store is closed"))?;
        // Counted before a thread can take the load.
        self.meter.load_waits();
        let put = queue.try_send(load).map_err(|refused| match refused {
            TrySendError::Full(_) => UnavailableError::new("too many loads are waiting"),
            TrySendError::Disconnected(_) => UnavailableError::new("the threads that answer are gone"),
        });
        put.inspect_err(|_| self.meter.load_begins())
    }

    /// Lets the threads end after the loads in the queue.
    pub(in crate::store) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn run(answers: &QueryEngine, waiting: &Mutex<Receiver<Load>>, meter: &StoreMetrics) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(load) = next else { return };
        meter.load_begins();
        match load {
            Load::Facts(query, answer) => give(answer, || answers.answer(query)),
            Load::Accounts { after, most, answer } => give(answer, || answers.accounts(after.as_ref(), most)),
        }
    }
}

/// Finds an answer, unless its receiver is gone. A panic costs one answer, not the thread.
fn give<T>(
    answer: oneshot::Sender<Result<T, UnavailableError>>,
    find: impl FnOnce() -> Result<T, UnavailableError>,
) {
    if answer.is_canceled() {
        return;
    }
    let found = catch_unwind(AssertUnwindSafe(find));
    let found = found.unwrap_or_else(|_| Err(UnavailableError::new("the answer panicked")));
    if answer.send(found).is_err() {
        tracing::debug!("a load was dropped before it ended");
    }
}
