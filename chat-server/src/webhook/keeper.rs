//! Writing the checkpoint of both lanes to one file.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::{error, warn};

use super::checkpoint::{Checkpoint, LaneCheckpoint, Mark};
use super::reading::LaneKind;
use super::streams::Streams;
use crate::store::LocalStore;

/// Interval between writes of the checkpoint. Notifications of this period may be repeated after a
/// crash.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The checkpoint and its file, shared by both lanes.
#[derive(Clone)]
pub(super) struct Keeper(Arc<SharedCheckpoint>);

struct SharedCheckpoint {
    dir: PathBuf,
    state: Mutex<KeeperState>,
    /// Held while writing the file.
    writing: Mutex<()>,
}

struct KeeperState {
    now: Checkpoint,
    /// The content of the file.
    written: Option<Checkpoint>,
    /// The time of each lane's last update.
    saved_at: [Option<Instant>; 2],
}

impl Keeper {
    /// Reads the checkpoint of the store's directory, or starts at the journal's end.
    pub(super) fn new(store: &LocalStore) -> Self {
        let (dir, end) = (store.dir().to_owned(), store.place());
        let at_end = || Checkpoint::at(Mark::at(end));
        let now = match Checkpoint::read(&dir) {
            Ok(Some(checkpoint)) if checkpoint.is_within(end) => checkpoint,
            Ok(None) => at_end(),
            Ok(Some(_)) => {
                warn!(
                    "the webhook's checkpoint is beyond the journal's end, as after a restore: starting at the end"
                );
                at_end()
            }
            Err(error) => {
                error!(%error, "can't read the webhook's checkpoint: starting at the journal's end");
                at_end()
            }
        };
        let state = Mutex::new(KeeperState { now, written: None, saved_at: [None; 2] });
        Self(Arc::new(SharedCheckpoint { dir, state, writing: Mutex::default() }))
    }

    /// The checkpoint of a lane.
    pub(super) fn lane(&self, kind: LaneKind) -> LaneCheckpoint {
        lock(&self.0.state).now.lane(kind).clone()
    }

    /// Saves a lane's progress unless saved within [`SAVE_EVERY`].
    pub(super) async fn save(&self, kind: LaneKind, streams: &Streams) {
        let saved_at = lock(&self.0.state).saved_at[kind as usize];
        if saved_at.is_none_or(|saved_at| saved_at.elapsed() >= SAVE_EVERY) {
            self.save_now(kind, streams).await;
        }
    }

    /// Saves a lane's progress.
    pub(super) async fn save_now(&self, kind: LaneKind, streams: &Streams) {
        {
            let mut state = lock(&self.0.state);
            state.saved_at[kind as usize] = Some(Instant::now());
            *state.now.lane(kind) = streams.checkpoint();
        }
        let inner = self.0.clone();
        let result = spawn_blocking(move || inner.write()).await;
        if let Err(error) = result.expect("it does not panic, and is not aborted") {
            warn!(%error, "can't write the webhook's checkpoint: a crash now would repeat notifications");
        }
    }
}

impl SharedCheckpoint {
    /// Writes the file if its content has changed.
    fn write(&self) -> io::Result<()> {
        let _alone = lock(&self.writing);
        let (now, is_written) = {
            let state = lock(&self.state);
            (state.now.clone(), state.written.as_ref() == Some(&state.now))
        };
        if !is_written {
            now.write(&self.dir)?;
            lock(&self.state).written = Some(now);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
