//! The [`LocalStore`]: its threads, its handle and its shutdown.

mod erasing;
mod hung;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};

use chat_core::engine::Headroom;
use chat_core::id::UserId;
use chat_core::store::{Account, Change, Loaded, Position, Query, Store, UnavailableError, Verdict};
use futures::channel::oneshot;
use futures::future::pending;

use crate::store::error::OpenError;
use crate::store::index::files::sync_closed;
use crate::store::lifecycle::health::{Fault, JournalHealth};
use crate::store::lifecycle::lock::Lock;
use crate::store::lifecycle::open;
use crate::store::lifecycle::rebuilder::Rebuilder;
use crate::store::lock;
use crate::store::meter::StoreMetrics;
use crate::store::options::{OpenReport, Options};
use crate::store::read::follow::{self, JournalPlace};
use crate::store::read::index_slot::IndexSlot;
use crate::store::read::loads::Loads;
use crate::store::read::query::QueryEngine;
use crate::store::tools::backup::{self, BackupError};
use crate::store::write::indexer::Indexer;
use crate::store::write::journal::{self, ChainHead, End, Reader, Synced};
use crate::store::write::memtable::MemTable;
use crate::store::write::writer::{Commit, CommitAnswer, CommitClaim, Committer};

/// Most commits in the queue of the commit thread. The engine has one under way at a time; further
/// ones are unavailable.
const COMMITS_MOST: usize = 16;

/// A [`Store`] on the local disk.
///
/// Clones share one store. Dropping the last clone leaves the store as after a crash: acknowledged
/// changes are in the journal, and the next start replays them. [`close`](Self::close) spares the
/// replay.
///
/// The store runs its own threads. Its futures need no particular runtime.
#[derive(Clone, Debug)]
pub struct LocalStore {
    inner: Arc<StoreInner>,
}

#[derive(Debug)]
struct StoreInner {
    dir: PathBuf,
    options: Options,
    report: OpenReport,
    commits: Mutex<Option<SyncSender<Commit>>>,
    loads: Loads,
    memtable: Arc<MemTable>,
    meter: Arc<StoreMetrics>,
    /// Owned by the threads. It ends with them, and releases sled's files.
    slot: Weak<IndexSlot>,
    journal_failure: Arc<JournalHealth>,
    synced: Arc<Synced>,
    /// Held by a backup and by a step of erasing, which exclude each other.
    upkeep: Mutex<()>,
    /// Progress of erasing. Held during a step.
    erased: Mutex<Erased>,
    running: Mutex<Option<Running>>,
}

/// Progress of erasing contents.
#[derive(Debug)]
enum Erased {
    /// Everything up to this end is erased; `None` until known.
    Up(Option<End>),
    /// The store is closed and erases nothing more.
    Closed,
}

/// Everything that must end before the data directory can be used again.
#[derive(Debug)]
struct Running {
    writer: JoinHandle<End>,
    indexer: JoinHandle<()>,
    loads: Vec<JoinHandle<()>>,
    lock: Lock,
}

impl LocalStore {
    /// Opens or creates the store in this directory.
    ///
    /// Checks the journal, cuts a torn tail, and replays the journal's end into the index: after a
    /// crash of the process the last second. After a restart of the machine without a clean stop,
    /// and after the loss of the index, the index is built anew from the whole journal.
    /// [`report`](Self::report) has the result.
    ///
    /// # Errors
    ///
    /// [`OpenError`], with advice. Damage is refused before anything is changed.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let parts = open::open(dir, &options)?;
        let reader = Arc::new(Reader::new(&dir.join("journal")));
        let memtable = Arc::new(MemTable::new(parts.journal.end()));
        let slot = Arc::new(IndexSlot::new(parts.index));
        let answers = QueryEngine::new(slot.clone(), memtable.clone(), reader.clone());
        let rebuilder = Rebuilder::new(dir, &options, slot.clone(), memtable.clone());
        let observer = options.observer.clone();
        let indexer = Indexer { slot: slot.clone(), memtable: memtable.clone(), observer, rebuilder };
        let meter = Arc::new(StoreMetrics::new());
        let synced = parts.journal.synced();
        let journal_failure = Arc::<JournalHealth>::default();
        let failure = journal_failure.clone();
        let held = Arc::downgrade(&slot);
        let writer = Committer::new(parts.journal, slot, memtable.clone(), reader, failure, meter.clone());
        let (commits, waiting) = sync_channel(COMMITS_MOST);
        let started = (|| {
            let (loads, load_threads) = Loads::start(answers, options.load_threads, meter.clone())?;
            let writer = spawn("store-commit", move || writer.run(&waiting))?;
            let indexer = spawn("store-index", move || indexer.run())?;
            io::Result::Ok((loads, Running { writer, indexer, loads: load_threads, lock: parts.lock }))
        })();
        let (loads, running) = started.map_err(OpenError::io("start the threads of the store in", dir))?;
        let inner = StoreInner {
            dir: dir.to_owned(),
            options,
            report: parts.report,
            commits: Mutex::new(Some(commits)),
            loads,
            memtable,
            meter,
            slot: held,
            journal_failure,
            synced,
            upkeep: Mutex::default(),
            erased: Mutex::new(Erased::Up(None)),
            running: Mutex::new(Some(running)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The report on opening.
    pub fn report(&self) -> &OpenReport {
        &self.inner.report
    }

    /// The position up to which everything is durable and visible to loads.
    pub fn position(&self) -> Position {
        self.inner.memtable.snapshot().position()
    }

    /// The acknowledged end of the journal.
    pub fn place(&self) -> JournalPlace {
        follow::end(&self.inner.synced)
    }

    /// The records of the next acknowledged group, with the place behind it. Reads from disk.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the journal can't be read at that place, or the place is of another
    /// journal.
    pub fn read_after(
        &self,
        place: JournalPlace,
    ) -> Result<Option<(JournalPlace, Vec<journal::Record>)>, OpenError> {
        follow::next(&self.inner.dir, &self.inner.synced, place)
    }

    /// The data directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Whether there is an index. Without one, loads are unavailable.
    pub(crate) fn has_index(&self) -> bool {
        self.inner.slot.upgrade().is_some_and(|slot| slot.get().is_ok())
    }

    /// The measurements of the store.
    pub(crate) fn meter(&self) -> &StoreMetrics {
        &self.inner.meter
    }

    /// The number of synced writes that are not in the index yet.
    pub(crate) fn writes_waiting(&self) -> usize {
        self.inner.memtable.writes()
    }

    /// Measures the free room of the disk. Returns the previous headroom and the present one.
    pub(crate) fn look_at_disk(&self, reserve: Option<u64>) -> io::Result<(Headroom, Headroom)> {
        self.inner.meter.space.look(&self.inner.dir, reserve)
    }

    /// The worst present fault.
    pub fn fault(&self) -> Option<Fault> {
        let headroom = self.inner.meter.space.headroom();
        match self.fault_of_threads() {
            Some(Fault::Closed) => Some(Fault::Closed),
            Some(Fault::Index) if headroom == Headroom::Exhausted => Some(Fault::DiskFullWithoutIndex),
            _ if headroom == Headroom::Exhausted => Some(Fault::DiskFull),
            None if headroom == Headroom::Reserved => Some(Fault::DiskLow),
            fault => fault,
        }
    }

    fn fault_of_threads(&self) -> Option<Fault> {
        let running = lock(&self.inner.running);
        match &*running {
            None => Some(Fault::Closed),
            Some(running) if running.writer.is_finished() => Some(Fault::Closed),
            Some(_) if self.inner.journal_failure.is_faulty() => Some(Fault::Journal),
            Some(_) => match self.inner.slot.upgrade().map(|slot| slot.get()) {
                None => Some(Fault::Closed),
                Some(Err(_)) => Some(Fault::Index),
                Some(Ok(_)) => None,
            },
        }
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
        let answer = self.inner.loads.ask_accounts(after, most)?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// The head of the chain. Everything up to it is synced.
    pub fn head(&self) -> ChainHead {
        self.inner.synced.end().into()
    }

    /// Takes a backup of the acknowledged changes, while commits and loads go on. Blocks until
    /// done.
    ///
    /// `progress` says whether to continue. [`backup`](crate::store::backup()) describes the rest.
    ///
    /// # Errors
    ///
    /// [`BackupError`]. Then nothing exists under that name.
    pub fn backup(&self, to: &Path, progress: &dyn Fn(u64, u64) -> bool) -> Result<ChainHead, BackupError> {
        let _still = lock(&self.inner.upkeep);
        backup::backup_open(&self.inner.dir, &self.inner.synced, to, progress)
    }

    /// Finishes waiting commits and loads, brings the index to the journal's end, and marks the
    /// stop as clean.
    ///
    /// Blocks until done. Later calls are unavailable; closing again does nothing.
    ///
    /// # Errors
    ///
    /// If the stop could not be marked as clean. Nothing is lost, but the next start takes longer.
    pub fn close(&self) -> Result<(), OpenError> {
        self.inner.stop(true)
    }
}

impl Store for LocalStore {
    async fn load(&self, query: Query) -> Result<Loaded, UnavailableError> {
        let answer = self.inner.loads.ask(query)?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        self.commit_until(changes, pending()).await
    }
}

impl StoreInner {
    fn submit(
        &self,
        changes: Vec<Change>,
        claim: Arc<CommitClaim>,
    ) -> Result<oneshot::Receiver<CommitAnswer>, UnavailableError> {
        let (answer, receiver) = oneshot::channel();
        let commits = lock(&self.commits);
        let commits = commits.as_ref().ok_or_else(|| UnavailableError::new("the store is closed"))?;
        match commits.try_send(Commit { changes, answer, claim }) {
            Ok(()) => Ok(receiver),
            Err(TrySendError::Full(_)) => Err(UnavailableError::new("too many commits are waiting")),
            Err(TrySendError::Disconnected(_)) => Err(gone()),
        }
    }

    fn stop(&self, mark: bool) -> Result<(), OpenError> {
        *lock(&self.erased) = Erased::Closed;
        let Some(running) = lock(&self.running).take() else { return Ok(()) };
        lock(&self.commits).take();
        self.loads.close();
        let end = running.writer.join();
        self.memtable.close();
        let threads = running.loads.into_iter().chain([running.indexer]);
        let ended = threads.map(JoinHandle::join).filter(Result::is_err).count() == 0;
        let marked = match end {
            // A failed index was set aside, and a partly built one stores its end.
            Ok(end) if mark && ended => sync_closed(&self.dir.join("index"))
                .and_then(|()| open::write_state(&self.dir, &self.options, end, true)),
            Ok(_) => Ok(()),
            Err(_) => {
                tracing::error!("the commit thread panicked; the next start checks what it left");
                Ok(())
            }
        };
        drop(running.lock);
        marked
    }
}

impl Drop for StoreInner {
    fn drop(&mut self) {
        // Without the mark of a clean stop nothing can fail.
        drop(self.stop(false));
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(run)
}

fn gone() -> UnavailableError {
    UnavailableError::new("the store was closed, or its thread ended")
}
