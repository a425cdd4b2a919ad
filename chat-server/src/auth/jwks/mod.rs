//! Public keys from a file or an address, renewed while the server runs.

mod set;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, info};

pub(crate) use set::Accepted;
pub(super) use set::{Chosen, KeySet};

use crate::http_client::{PlainHttp, RequestError, Target, TargetError};
use crate::reload::{FileWatch, Reload};
use set::KeySetError;

/// Most bytes of a document.
const DOCUMENT_MOST: usize = 256 * 1024;

/// How often an address is asked, whatever tokens come: so long a key may count that its issuer has withdrawn.
const REFRESH_EVERY: Duration = Duration::from_mins(5);

/// Least time between two fetches that unknown keys have led to: anybody can name one.
const FETCH_APART: Duration = Duration::from_mins(1);

/// The same for a file, which costs nothing to read.
const READ_APART: Duration = Duration::from_secs(1);

/// How long a token with an unknown key waits for the next set: a fetch, and a little less than a handshake may take.
const WAIT: Duration = Duration::from_secs(7);

/// Most tokens with an unknown key that wait: each holds a place of a newcomer meanwhile, and strangers can make as many as
/// they like. The rest is told to try again later.
const WAITERS: usize = 64;

/// A set of keys that follows its source.
pub(crate) struct Jwks {
    source: Source,
    accepted: Accepted,
    current: RwLock<Arc<KeySet>>,
    /// Somebody has a token with an unknown key.
    wanted: Notify,
    /// Places of those that wait for the next set.
    waiters: Semaphore,
    progress: watch::Sender<ReadingProgress>,
}

/// The readings of a source so far.
#[derive(Clone, Copy, Debug)]
struct ReadingProgress {
    /// No unknown key leads to a reading before then.
    not_before: Instant,
    is_under_way: bool,
    /// The number of readings that ended, well or not.
    ended: u64,
    /// The beginning of the last reading that succeeded.
    read: Option<Instant>,
}

enum Source {
    File(PathBuf),
    Address { address: Box<Target>, text: String },
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[error("can't get the key set from {place}: {reason}")]
pub struct JwksError {
    /// The file or the address.
    place: String,
    reason: KeySourceError,
}

#[derive(Debug, thiserror::Error)]
enum KeySourceError {
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
    #[error(transparent)]
    Fetch(#[from] RequestError),
    #[error("it has more than {DOCUMENT_MOST} bytes")]
    TooLong,
    #[error(transparent)]
    NoSet(#[from] KeySetError),
}

impl Jwks {
    /// Keys of this algorithm, or all that are public, from a file.
    pub(crate) fn of_file(path: &Path, accepted: Accepted) -> Self {
        Self::of(Source::File(path.to_owned()), accepted)
    }

    /// The same from an address.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub(crate) fn of_address(
        text: &str,
        authorities: Option<&Path>,
        accepted: Accepted,
    ) -> Result<Self, TargetError> {
        let address = Box::new(Target::read(text, authorities, PlainHttp::Never)?);
        Ok(Self::of(Source::Address { address, text: text.to_owned() }, accepted))
    }

    fn of(source: Source, accepted: Accepted) -> Self {
        let progress =
            ReadingProgress { not_before: Instant::now(), is_under_way: false, ended: 0, read: None };
        Self {
            source,
            accepted,
            current: RwLock::default(),
            wanted: Notify::new(),
            waiters: Semaphore::new(WAITERS),
            progress: watch::Sender::new(progress),
        }
    }

    /// The keys that count now.
    pub(super) fn current(&self) -> Arc<KeySet> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the reading that is under way or comes next, for a bounded time; gives the time when it began.
    ///
    /// `None` if it failed, and at once if none can end in that time or too many wait. The next reading comes all the same.
    pub(super) async fn next_reading(&self) -> Option<Instant> {
        let mut progress = self.progress.subscribe();
        self.wanted.notify_one();
        let before = *progress.borrow_and_update();
        if !before.is_under_way && before.not_before > Instant::now() + WAIT {
            return None;
        }
        let _waiter = self.waiters.try_acquire().ok()?;
        let ended = timeout(WAIT, progress.wait_for(|now| now.ended > before.ended)).await;
        ended.ok()?.ok()?.read.filter(|begun| before.read != Some(*begun))
    }

    /// Reads the keys. If that fails, those that were read before go on counting.
    ///
    /// # Errors
    ///
    /// [`JwksError`].
    pub(crate) async fn read(&self) -> Result<(), JwksError> {
        let begun = Instant::now();
        self.progress.send_modify(|progress| progress.is_under_way = true);
        let outcome = self.read_once().await;
        self.progress.send_modify(|progress| {
            progress.is_under_way = false;
            progress.ended += 1;
            progress.read = if outcome.is_ok() { Some(begun) } else { progress.read };
        });
        outcome
    }

    async fn read_once(&self) -> Result<(), JwksError> {
        let set = self.document().await.and_then(|document| Ok(KeySet::read(&document, self.accepted)?));
        let set = set.map_err(|reason| JwksError { place: self.place(), reason })?;
        info!(keys = set.len(), from = self.place(), "read the keys that tokens are checked by");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    /// Whether a file can be used: an address is not asked.
    ///
    /// # Errors
    ///
    /// [`JwksError`].
    pub(crate) fn check(&self) -> Result<(), JwksError> {
        let Source::File(path) = &self.source else { return Ok(()) };
        let set = read_file(path).and_then(|document| Ok(KeySet::read(&document, self.accepted)?));
        set.map(drop).map_err(|reason| JwksError { place: self.place(), reason })
    }

    async fn document(&self) -> Result<Vec<u8>, KeySourceError> {
        match &self.source {
            Source::Address { address, .. } => Ok(address.get_json(DOCUMENT_MOST).await?.into()),
            Source::File(path) => {
                let path = path.clone();
                spawn_blocking(move || read_file(&path)).await.map_err(std::io::Error::from)?
            }
        }
    }

    /// Says when they should be read again. Make it before they are read for the first time.
    pub(crate) fn watch(&self, reload: &Reload) -> FileWatch {
        let paths = match &self.source {
            Source::File(path) => vec![path.clone()],
            Source::Address { .. } => Vec::new(),
        };
        FileWatch::new(paths, reload)
    }

    /// Reads them again, for ever: when the file has changed, now and then from an address, when a token names a key that is
    /// not there, and when somebody wants it.
    pub(crate) async fn renew(self: Arc<Self>, mut watch: FileWatch) {
        let apart = match &self.source {
            Source::File(_) => READ_APART,
            Source::Address { .. } => FETCH_APART,
        };
        loop {
            let wanted = async {
                self.wanted.notified().await;
                let not_before = self.progress.borrow().not_before;
                sleep_until(not_before).await;
            };
            tokio::select! {
                () = wanted => {
                    self.progress.send_modify(|progress| progress.not_before = Instant::now() + apart);
                }
                () = watch.changed() => {}
                () = sleep(REFRESH_EVERY) => {}
            }
            if let Err(error) = self.read().await {
                error!("{error}: the keys stay as they were");
            }
        }
    }

    fn place(&self) -> String {
        match &self.source {
            Source::File(path) => path.display().to_string(),
            Source::Address { text, .. } => text.clone(),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, KeySourceError> {
    use std::io::Read as _;
    let most = DOCUMENT_MOST as u64;
    let mut document = Vec::new();
    std::fs::File::open(path)?.take(most + 1).read_to_end(&mut document)?;
    if document.len() > DOCUMENT_MOST { Err(KeySourceError::TooLong) } else { Ok(document) }
}

#[cfg(test)]
mod tests;
