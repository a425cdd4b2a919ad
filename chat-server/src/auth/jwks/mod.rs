//! Public keys from a file or a URL, refreshed while the server runs.

mod copy;
mod set;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chat_core::time::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, info, warn};

pub(crate) use set::Accepted;
pub(super) use set::{Chosen, KeySet};

use crate::clock;
use crate::http_client::{PlainHttp, RequestError, Target, TargetError};
use crate::reload::{FileWatch, Reload};
use copy::KeySetCopy;
use set::KeySetError;

/// Most bytes of a key set document.
const DOCUMENT_MOST: usize = 256 * 1024;

/// Interval between fetches of a URL. A key withdrawn by its issuer is trusted for at most this
/// long.
const REFRESH_EVERY: Duration = Duration::from_mins(5);

/// Least time between two fetches caused by unknown keys. Anyone can send a token with an unknown
/// key.
const FETCH_APART: Duration = Duration::from_mins(1);

/// Least time between two such readings of a file, which are cheap.
const READ_APART: Duration = Duration::from_secs(1);

/// Time for which a token with an unknown key waits for the next set: long enough for a fetch, and
/// shorter than the deadline of a handshake.
const WAIT: Duration = Duration::from_secs(7);

/// Tokens with an unknown key that wait at once. Each holds a newcomer's place meanwhile, and
/// strangers can send any number. All others are told to try again later.
const WAITERS: usize = 64;

/// A key set that follows its source.
pub(crate) struct Jwks {
    source: Source,
    accepted: Accepted,
    current: RwLock<Arc<KeySet>>,
    /// Notified by tokens with an unknown key.
    wanted: Notify,
    /// Permits of waiting tokens.
    waiters: Semaphore,
    progress: watch::Sender<ReadingProgress>,
    /// The copy on disk of the last good document.
    copy: Option<KeySetCopy>,
    /// The time at which the current keys were read from their source.
    read_at: RwLock<Option<Timestamp>>,
}

/// The state of reading the source.
#[derive(Clone, Copy, Debug)]
struct ReadingProgress {
    /// Unknown keys cause no reading before this time.
    not_before: Instant,
    is_under_way: bool,
    /// Number of completed readings, successful or not.
    ended: u64,
    /// Start of the last successful reading.
    read: Option<Instant>,
}

enum Source {
    File(PathBuf),
    Address { address: Box<Target>, text: String },
}

/// The reason that the key set could not be read.
#[derive(Debug, thiserror::Error)]
#[error("can't get the key set from {place}: {reason}")]
pub struct JwksError {
    /// The file or the URL.
    place: String,
    reason: KeySourceError,
}

#[derive(Debug, thiserror::Error)]
enum KeySourceError {
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
    #[error(transparent)]
    Fetch(#[from] RequestError),
    #[error("the document has more than {DOCUMENT_MOST} bytes")]
    TooLong,
    #[error(transparent)]
    NoSet(#[from] KeySetError),
}

impl Jwks {
    /// Follows a file. `accepted` selects keys by algorithm.
    pub(crate) fn of_file(path: &Path, accepted: Accepted) -> Self {
        Self::of(Source::File(path.to_owned()), accepted)
    }

    /// Follows a URL.
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

    /// Keeps the last good document in this directory, for a start while the publisher is away. A
    /// file needs no copy.
    pub(crate) fn kept_in(self, data_dir: &Path) -> Self {
        let copy = match &self.source {
            Source::File(_) => None,
            Source::Address { text, .. } => Some(KeySetCopy::new(data_dir, text)),
        };
        Self { copy, ..self }
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
            copy: None,
            read_at: RwLock::default(),
        }
    }

    /// The current keys.
    pub(super) fn current(&self) -> Arc<KeySet> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits a bounded time for the reading in progress, or else for the next one. Returns when the
    /// reading began.
    ///
    /// `None` if the reading failed. Also `None`, at once, if none can complete in time or too many
    /// tokens wait. The next reading takes place all the same.
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

    /// Reads the source once. A failure keeps the previous keys.
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

    /// Reads the source for the first time. If that fails, the copy of the last good document
    /// counts.
    ///
    /// # Errors
    ///
    /// [`JwksError`] of the source.
    pub(crate) async fn begin(&self) -> Result<(), JwksError> {
        let Err(error) = self.read().await else { return Ok(()) };
        let copy = self.copy.as_ref().and_then(KeySetCopy::read);
        let Some((read_at, document)) = copy else { return Err(error) };
        let Ok(set) = KeySet::read(document.as_bytes(), self.accepted) else { return Err(error) };
        let hours = clock::wall().since(read_at).as_secs() / 3_600;
        warn!(keys = set.len(), hours, "{error}: using the keys that were read before, at {read_at}");
        self.take(set, read_at);
        Ok(())
    }

    async fn read_once(&self) -> Result<(), JwksError> {
        let read = self.document().await;
        let read = read.and_then(|document| Ok((KeySet::read(&document, self.accepted)?, document)));
        let (set, document) = read.map_err(|reason| JwksError { place: self.place(), reason })?;
        info!(keys = set.len(), from = self.place(), "read the keys that verify tokens");
        let now = clock::wall();
        self.take(set, now);
        if let Some(copy) = &self.copy
            && let Err(error) = copy.write(now, &document)
        {
            warn!(%error, "can't keep a copy of the keys: a start needs their publisher");
        }
        Ok(())
    }

    fn take(&self, set: KeySet, read_at: Timestamp) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        *self.read_at.write().unwrap_or_else(PoisonError::into_inner) = Some(read_at);
    }

    /// The time at which the current keys were read from their source.
    pub(crate) fn read_at(&self) -> Option<Timestamp> {
        *self.read_at.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and parses a file without using the keys. A URL is not fetched.
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

    /// Watches the source for changes. Create the watch before the first reading.
    pub(crate) fn watch(&self, reload: &Reload) -> FileWatch {
        let paths = match &self.source {
            Source::File(path) => vec![path.clone()],
            Source::Address { .. } => Vec::new(),
        };
        FileWatch::new(paths, reload)
    }

    /// Reads the source again, for ever: after a change of the file, every [`REFRESH_EVERY`], after
    /// a token with an unknown key, and on request.
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
