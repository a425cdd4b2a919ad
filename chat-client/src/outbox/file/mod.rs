//! An outbox in a file, for an app that the phone may kill at any moment.
//!
//! The file is an append-only log of changes. Each change is one line with its own checksum: damage
//! in one place costs only the lines in this place. When more than half of the file belongs to
//! removed entries, a new file is written beside the old one and replaces it. Until the replacement
//! the old file stays whole.

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

/// An outbox in a file, which survives the app.
///
/// The outbox belongs to one user. Drivers who share a phone get a file each. Another user's file
/// is refused, both on opening and when a client starts with another user's token: nobody ever
/// sends another's drafts. Only one instance may have the file open; a second one is refused, as
/// far as the file system can tell (see [`Lock`]). Two more files come and go beside the file:
/// `….lock`, which is empty, and `….new`, during a rewriting. Use a folder of the app's own. On
/// Unix only the owner can read the three files (mode 0600).
///
/// Added entries are synced to disk before [`write`](Outbox::write) ends. A put with a known id
/// changes nothing: the first one stays in its place. Changes that could not be stored are cut off
/// the file again. Should this fail too, nothing more is stored until it succeeds. A crash in the
/// middle of a write may leave the first of its changes, which were never reported as stored.
///
/// **Size.** The file is rewritten when its garbage exceeds both its live part and 64 KiB. At rest,
/// the file has at most twice the bytes of its entries, or 64 KiB more, as long as the disk has
/// room for a new file. The client bounds the number of entries. Removed text may stay in the file
/// until then.
///
/// **Threads.** A thread of its own waits for the disk, and any executor works. Dropping the outbox
/// waits until this thread has released the file, and the file can be opened again. This takes no
/// time, unless a rewriting is going on, or a write whose future was dropped. Such a write succeeds
/// or fails as a whole, before any later request.
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

/// A request to the thread. If the caller has stopped waiting, the answer is dropped.
enum Job {
    Load(oneshot::Sender<Vec<Entry>>),
    Write(Vec<Change>, oneshot::Sender<Result<(), OutboxError>>),
}

impl FileOutbox {
    /// Opens the outbox at `path`, or creates one for `owner`. The folder must exist.
    ///
    /// Reads the file synchronously and may write it, which can take some milliseconds. A line left
    /// incomplete by a crash is cut off. Damage elsewhere is skipped and counted (see
    /// [`damaged`](Self::damaged)).
    ///
    /// # Errors
    ///
    /// Each has advice: see [`OpenError`]. The content of the file is not lost.
    pub fn open(path: impl AsRef<Path>, owner: &UserId) -> Result<Self, OpenError> {
        let (disk, bytes) = SystemDisk::open(path.as_ref())?;
        let (path, lock) = (disk.path().to_owned(), disk.lock());
        let (log, damaged) = Log::open(disk, &bytes, owner).map_err(|refusal| refusal.of(&path))?;
        // No backlog: a second request waits until the thread takes the first.
        let (jobs, queue) = mpsc::channel(0);
        let file = path.clone();
        let thread = thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || serve(&file, log, queue))
            .map_err(OpenError::io("start a thread for", &path))?;
        Ok(Self { path, owner: owner.clone(), lock, damaged, jobs, thread: Some(thread) })
    }

    /// Returns the reach of the lock against a second opening.
    pub fn lock(&self) -> Lock {
        self.lock
    }

    /// Returns the number of damaged places found on opening.
    ///
    /// Each place cost at least one change: an added entry is lost, or a removed entry is back. The
    /// latter is sent under its old id, without harm. The outbox tries at once to rewrite the file
    /// without the damage, and the next opening does not count it again.
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
            // Fails only if the thread panicked, which was reported there.
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

/// Runs the thread until the outbox is dropped, and releases the file.
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
