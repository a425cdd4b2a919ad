//! The [`LocalStore`]: its threads, its handle and its end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};

use chat_core::engine::Headroom;
use chat_core::id::UserId;
use chat_core::store::{Account, Change, Loaded, Position, Query, Store, UnavailableError, Verdict};
use chat_core::time::Timestamp;
use futures::channel::oneshot;

use super::error::OpenError;
use super::index;
use super::lifecycle::health::{Fault, JournalFailure};
use super::lifecycle::lock::Lock;
use super::lifecycle::open;
use super::lifecycle::rebuilder::Rebuilder;
use super::lifecycle::retention::{Retention, RetentionError, Swept};
use super::lock;
use super::meter::Meter;
use super::options::{OpenReport, Options};
use super::read::follow::{self, JournalPlace};
use super::read::index_slot::IndexSlot;
use super::read::loads::Loads;
use super::read::query::QueryEngine;
use super::tools::backup::{self, BackupError};
use super::write::indexer::Indexer;
use super::write::journal::{self, ChainHead, End, Reader, Synced};
use super::write::memtable::MemTable;
use super::write::writer::{Commit, CommitAnswer, Committer};

/// Commits that wait for the commit thread. The engine has one under way at a time; one more than this is
/// unavailable.
const COMMITS_MOST: usize = 16;

/// A [`Store`] on the local disk.
///
/// Clones are the same store. When the last is dropped the store stops as after a crash, only tidily: what was
/// acknowledged is in the journal, and the next start replays it. [`close`](Self::close) spares it that.
///
/// Its threads are its own: the futures need no particular runtime.
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
    meter: Arc<Meter>,
    /// Of the threads: it ends with them, and sled's files are free.
    slot: Weak<IndexSlot>,
    journal_failure: Arc<JournalFailure>,
    synced: Arc<Synced>,
    /// Held by who needs the journal's old parts to stay as they are, or changes them.
    upkeep: Mutex<()>,
    /// How far contents are erased, once that is known. Held by who erases; it is gone when the store is closed.
    erased: Mutex<Erased>,
    running: Mutex<Option<Running>>,
}

/// How far contents are erased.
#[derive(Debug)]
enum Erased {
    /// Up to here, as far as this is known.
    Up(Option<End>),
    /// Nothing is erased any more: the store is closed.
    Closed,
}

/// What has to end before the data directory may be used again.
#[derive(Debug)]
struct Running {
    writer: JoinHandle<End>,
    indexer: JoinHandle<()>,
    loads: Vec<JoinHandle<()>>,
    lock: Lock,
}

impl LocalStore {
    /// Opens the store in this directory, or creates it.
    ///
    /// It checks the journal, cuts a torn tail, and brings the index to the journal's end: after a crash that is the
    /// last second, after the loss of the index everything. [`report`](Self::report) says what was found.
    ///
    /// # Errors
    ///
    /// [`OpenError`], with a message that says what to do. DamageError is refused before anything is changed.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let parts = open::open(dir, &options)?;
        let reader = Arc::new(Reader::new(&dir.join("journal")));
        let memtable = Arc::new(MemTable::new(parts.journal.end()));
        let slot = Arc::new(IndexSlot::new(parts.index));
        let answers = QueryEngine::new(slot.clone(), memtable.clone(), reader.clone());
        let rebuilder = Rebuilder::new(dir, &options, slot.clone(), memtable.clone());
        let observer = options.observer.clone();
        let indexer = Indexer { slot: slot.clone(), memtable: memtable.clone(), observer, rebuilder };
        let meter = Arc::new(Meter::new());
        let synced = parts.journal.synced();
        let journal_failure = Arc::<JournalFailure>::default();
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

    /// What opening found and did.
    pub fn report(&self) -> &OpenReport {
        &self.inner.report
    }

    /// How far it has come: all up to here is durable, and seen by loads.
    pub fn position(&self) -> Position {
        self.inner.memtable.snapshot().position()
    }

    /// The end of the journal: all before it is acknowledged.
    pub fn place(&self) -> JournalPlace {
        follow::end(&self.inner.synced)
    }

    /// The records of the next group that is acknowledged, and the place behind it. It reads from disk.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the journal can't be read there, or the place is not of this journal.
    pub fn read_after(
        &self,
        place: JournalPlace,
    ) -> Result<Option<(JournalPlace, Vec<journal::Record>)>, OpenError> {
        follow::next(&self.inner.dir, &self.inner.synced, place)
    }

    /// Its data directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// What is measured of it.
    pub(crate) fn meter(&self) -> &Meter {
        &self.inner.meter
    }

    /// Writes that are synced, and not in the index.
    pub(crate) fn writes_waiting(&self) -> usize {
        self.inner.memtable.writes()
    }

    /// Looks how much room its disk has, and gives what could be written before and what can be now.
    pub(crate) fn look_at_disk(&self, reserve: Option<u64>) -> io::Result<(Headroom, Headroom)> {
        self.inner.meter.space.look(&self.inner.dir, reserve)
    }

    /// What it can't do at present, the worst of it.
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
            Some(_) if self.inner.journal_failure.is_recent() => Some(Fault::Journal),
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
    /// [`UnavailableError`], as for any load.
    pub async fn accounts(
        &self,
        after: Option<UserId>,
        most: usize,
    ) -> Result<Vec<Account>, UnavailableError> {
        let answer = self.inner.loads.ask_accounts(after, most)?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// The head of the chain: all up to it is synced.
    pub fn head(&self) -> ChainHead {
        self.inner.synced.end().into()
    }

    /// Takes a backup of what is acknowledged now, while commits and loads go on. It blocks until that is done.
    ///
    /// `progress` says whether to go on; for the rest see [`backup`](super::backup()).
    ///
    /// # Errors
    ///
    /// [`BackupError`]; then there is nothing under that name.
    pub fn backup(&self, to: &Path, progress: &dyn Fn(u64, u64) -> bool) -> Result<ChainHead, BackupError> {
        let _still = lock(&self.inner.upkeep);
        backup::backup_open(&self.inner.dir, &self.inner.synced, to, progress)
    }

    /// Erases the content of some more messages that were sent before `cutoff`, for good: from the journal, whose chain
    /// still holds, and from the index. It blocks for a snapshot.
    ///
    /// The messages go on to exist, with their numbers, and are answered with empty content. The first one that is not as
    /// old ends it, so a clock that was once set ahead makes it wait.
    ///
    /// # Errors
    ///
    /// [`RetentionError`]. What was begun is completed by the next call, or by the next start.
    pub fn erase_before(&self, cutoff: Timestamp) -> Result<Swept, RetentionError> {
        let mut erased = lock(&self.inner.erased);
        let Erased::Up(reached) = &mut *erased else { return Err(RetentionError::Busy) };
        let _changing = self.inner.upkeep.try_lock().map_err(|_| RetentionError::Busy)?;
        let StoreInner { dir, options, slot, memtable, synced, .. } = &*self.inner;
        let slot = slot.upgrade().ok_or(RetentionError::Busy)?;
        Retention { dir, disk: &options.disk, slot: &slot, memtable, synced }.step(reached, cutoff)
    }

    /// Ends all commits and loads that wait, brings the index to the journal's end, and marks the stop as clean.
    ///
    /// It blocks until that is done. What comes later is unavailable; closing again does nothing.
    ///
    /// # Errors
    ///
    /// If the stop could not be marked as clean. Nothing is lost by that: the next start has to do more.
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
        let answer = self.inner.submit(changes)?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl StoreInner {
    fn submit(&self, changes: Vec<Change>) -> Result<oneshot::Receiver<CommitAnswer>, UnavailableError> {
        let (answer, receiver) = oneshot::channel();
        let commits = lock(&self.commits);
        let commits = commits.as_ref().ok_or_else(|| UnavailableError::new("the store is closed"))?;
        match commits.try_send(Commit { changes, answer }) {
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
            // An index that failed was set aside, and one that is half built knows how far it has come.
            Ok(end) if mark && ended => index::sync_closed(&self.dir.join("index"))
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
        // Without the mark of a clean stop there is nothing that can fail.
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
