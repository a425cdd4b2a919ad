//! An outbox in a file, for an app that the phone may kill at any moment.
//!
//! The file is a log of changes that is only ever added to. Each change is one line with a checksum of its own, so
//! that damage in one place costs what stood in that place and nothing else. When more than half of the file is about
//! entries that are gone, it is written anew beside the old one and put in its place; until that moment the old one
//! stays whole.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "files, and a thread for them")]

mod disk;
mod error;
#[cfg(test)]
mod faults;
mod lock;
mod log;
mod record;

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use chat_core::id::UserId;
use futures::SinkExt;
use futures::channel::{mpsc, oneshot};
use futures::executor::block_on_stream;

pub use error::OpenError;

use super::{Change, Entry, Outbox, OutboxError};
use disk::SystemDisk;
pub use lock::Lock;
use log::Log;

/// An outbox that is kept in a file and so survives the app.
///
/// It belongs to one user: drivers who share a phone get a file each, and a file of somebody else is refused, so that
/// nobody ever sends what another has written: neither by opening it, nor by starting a client on it with another user's
/// token. One instance has the file at a time; a second one is refused while the first lives, as far as the file system
/// can (see [`Lock`]). Beside the file two others come and go under its name: `….lock`, which is empty, and `….new`, while the
/// file is written anew. Put them in a folder of the app's own. On Unix all three are for the owner alone (mode 0600).
///
/// What was put in is synced to the disk before [`write`](Outbox::write) ends. A put of an id that is there already
/// changes nothing: the first one stays, in its place. Changes that could not be kept are cut off the file again, and
/// should that fail too, nothing more is kept until it succeeds. A crash in the middle of a write may leave the first of its
/// changes, which nobody was told were kept.
///
/// **Size.** The file is written anew as soon as what it holds in vain is more than what it holds in earnest and more
/// than 64 KiB. So at rest it has at most twice the bytes of the entries in it, or 64 KiB more than them, while the disk
/// has room for the new one. The number of entries is the client's to bound. Text that was removed may stand in the
/// file until then.
///
/// **Threads.** It works on any executor: a thread of its own does the waiting for the disk. Dropping it waits until
/// that thread has let go of the file, so that it can be opened again: at once, unless a write is under way whose
/// future was dropped, or the file is just being written anew. A write whose future is dropped is made or fails as a
/// whole, before anything that is asked later.
///
/// ```
/// use chat_client::outbox::{FileOutbox, Outbox};
/// use chat_core::id::UserId;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let driver = UserId::from("driver_17");
/// let mut outbox = FileOutbox::open(folder.join("driver_17.outbox"), &driver)?;
/// if outbox.damaged() > 0 {
///     eprintln!("some messages that were waiting can't be read any more");
/// }
/// let waiting = futures::executor::block_on(outbox.load())?;
/// assert!(waiting.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileOutbox {
    path: PathBuf,
    owner: UserId,
    lock: Lock,
    damaged: u64,
    jobs: mpsc::Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked. Where the answer is not waited for any more, it is dropped.
enum Job {
    Load(oneshot::Sender<Vec<Entry>>),
    Write(Vec<Change>, oneshot::Sender<Result<(), OutboxError>>),
}

impl FileOutbox {
    /// Opens the outbox at `path`, or makes one there for `owner`. The folder must exist.
    ///
    /// It reads the file in place, and may write it: call it where that may take some milliseconds. What a crash left
    /// half written at the end is cut off. What is damaged elsewhere is passed over and counted
    /// (see [`damaged`](Self::damaged)).
    ///
    /// # Errors
    ///
    /// Each says what to do: see [`OpenError`]. Nothing that was in the file is lost by it.
    pub fn open(path: impl AsRef<Path>, owner: &UserId) -> Result<Self, OpenError> {
        let (disk, bytes) = SystemDisk::open(path.as_ref())?;
        let (path, lock) = (disk.path().to_owned(), disk.lock());
        let (log, damaged) = Log::open(disk, &bytes, owner).map_err(|refusal| refusal.of(&path))?;
        // No backlog: who asks again before the last answer waits for the place.
        let (jobs, queue) = mpsc::channel(0);
        let file = path.clone();
        let thread = thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || serve(&file, log, queue))
            .map_err(OpenError::io("start a thread for", &path))?;
        Ok(Self { path, owner: owner.clone(), lock, damaged, jobs, thread: Some(thread) })
    }

    /// How the file is kept from being opened a second time.
    pub fn lock(&self) -> Lock {
        self.lock
    }

    /// In how many places the file was damaged when it was opened.
    ///
    /// Each cost at least one change: an entry that was put in is lost, or one that was removed is there again, which
    /// is sent under its old id and so does no harm. The damage is gone from the file once it is written anew, which
    /// is tried at once: the next opening does not count it again.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Asks the thread and waits for its answer.
    async fn ask<T>(&mut self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, OutboxError> {
        let ended = || OutboxError::new(format_args!("the thread of {} has ended", self.path.display()));
        let (answer, answered) = oneshot::channel();
        self.jobs.send(job(answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())
    }
}

impl Outbox for FileOutbox {
    const SURVIVES: bool = true;

    fn owner(&self) -> Option<&UserId> {
        Some(&self.owner)
    }

    async fn load(&mut self) -> Result<Vec<Entry>, OutboxError> {
        self.ask(Job::Load).await
    }

    async fn write(&mut self, changes: Vec<Change>) -> Result<(), OutboxError> {
        self.ask(|answer| Job::Write(changes, answer)).await?
    }
}

impl Drop for FileOutbox {
    fn drop(&mut self) {
        self.jobs.close_channel();
        if let Some(thread) = self.thread.take() {
            // It fails only if the thread panicked, which has been reported where it did.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for FileOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileOutbox")
            .field("path", &self.path)
            .field("damaged", &self.damaged)
            .finish_non_exhaustive()
    }
}

/// The thread: it ends, and lets go of the file, when nobody can ask any more.
fn serve(file: &Path, mut log: Log<SystemDisk>, queue: mpsc::Receiver<Job>) {
    for job in block_on_stream(queue) {
        match job {
            Job::Load(answer) => drop(answer.send(log.entries())),
            Job::Write(changes, answer) => {
                let why = |error| OutboxError::new(format_args!("can't write {}: {error}", file.display()));
                drop(answer.send(log.write(changes).map_err(why)));
                log.tidy();
            }
        }
    }
}
