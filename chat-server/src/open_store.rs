//! Opening and closing the store, with log lines for the operator.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::geteuid;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use crate::server_store::ServerStore;
#[cfg(feature = "postgres")]
use crate::shared::SharedStore;
use crate::store::{IndexReport, LocalStore, Observer, OpenError, Options, Presence, Progress, missing};

/// Time after which closing the store is abandoned.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Interval between log lines about a long opening.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Opens the store on a blocking thread. After a restart of the machine without a clean stop this
/// takes a while. A store is begun only where [`look`] allows it.
pub(crate) async fn open(dir: PathBuf, require: bool) -> Result<LocalStore, OpenError> {
    let opening = move || {
        let begin = look(&dir, require)? == Presence::Nothing;
        LocalStore::open(&dir, Options { begin, observer: show_progress(), ..Options::default() })
    };
    let store = spawn_blocking(opening).await.expect("opening does not panic, and is not aborted")?;
    tell(&store);
    log_head(&store);
    Ok(store)
}

/// Logs the head in the format of `chat-server verify --expect`.
pub(crate) fn log_head(store: &LocalStore) {
    info!(head = %store.head(), "the journal's head, for chat-server verify --expect, which detects later changes");
}

/// Logs the head of a database's history.
#[cfg(feature = "postgres")]
pub(crate) async fn log_shared_head(store: &SharedStore) {
    match store.end().await {
        Ok(head) => {
            info!(%head, "the history's head, for chat-server verify --expect, which detects later changes");
        }
        Err(error) => warn!(%error, "can't read the history's head"),
    }
}

/// Opens the store for a command while no server runs.
pub(crate) fn open_alone(dir: &Path) -> Result<LocalStore, OpenError> {
    must_be_own(dir)?;
    LocalStore::open(dir, Options { begin: false, ..Options::default() })
}

/// Begins a store where there is none, or opens the one that is there.
pub(crate) fn begin(dir: &Path) -> Result<LocalStore, OpenError> {
    must_be_own(dir)?;
    let begin = look(dir, false)? == Presence::Nothing;
    LocalStore::open(dir, Options { begin, ..Options::default() })
}

/// Refuses a data directory that has lost its store, and, if a store is required, one without.
pub(crate) fn look(dir: &Path, require: bool) -> Result<Presence, OpenError> {
    match Presence::of(dir)? {
        Presence::Nothing if require => Err(missing(dir)),
        Presence::Remains => Err(missing(dir)),
        presence => Ok(presence),
    }
}

/// Refuses to write as root into a data directory of another user.
pub(crate) fn must_be_own(dir: &Path) -> Result<(), OpenError> {
    match dir.metadata() {
        Ok(found) if found.uid() != 0 && geteuid().is_root() => {
            Err(OpenError::OfAnother { dir: dir.to_owned(), owner: found.uid() })
        }
        _ => Ok(()),
    }
}

/// Closes a local store, to shorten the next start.
pub(crate) async fn close(store: ServerStore) {
    let Some(store) = store.local().cloned() else { return };
    log_head(&store);
    match timeout(CLOSE_WITHIN, spawn_blocking(move || store.close())).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => warn!(%error, "the stop is not marked as clean: the next start checks more"),
        Ok(Err(_)) | Err(_) => warn!("the store could not be closed in time: the next start repairs it"),
    }
}

fn tell(store: &LocalStore) {
    let report = store.report();
    if report.created {
        warn!(
            "began a new store in {}: if conversations should be there, stop the server and look for their disk",
            store.dir().display()
        );
    }
    if let Some(why) = report.new_epoch {
        warn!(why, "began a new epoch: clients forget the numbers that they hold, and load what is here");
    }
    if let Some(cut) = &report.cut {
        warn!(?cut, "the journal ended in a change that was never acknowledged, and was cut there");
    }
    match &report.index {
        IndexReport::Rebuilt { why } if !report.created => warn!(why, "the index was built anew"),
        IndexReport::Replayed(from) => {
            info!(from = from.0, to = report.position.0, "the index was brought up to date");
        }
        IndexReport::Missing { why } => {
            warn!(
                why,
                "the disk is full: the index is built as soon as there is room, and nothing is read before"
            );
        }
        IndexReport::Rebuilt { .. } | IndexReport::Current => {}
    }
}

/// An observer that logs the progress of opening now and then.
fn show_progress() -> Observer {
    let last = Mutex::new(Instant::now());
    Observer::new(move |progress| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(progress, Progress::Indexing(_)) || last.elapsed() < PROGRESS_EVERY {
            return;
        }
        *last = Instant::now();
        match progress {
            Progress::Checked(position) => info!(position = position.0, "checking the journal"),
            Progress::Replayed(position, of) => {
                info!(position = position.0, of = of.0, "building the index");
            }
            _ => {}
        }
    })
}
