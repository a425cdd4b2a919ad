//! Writing the checkpoint of both lanes to one place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, warn};

use super::checkpoint::{Checkpoint, LaneCheckpoint, Mark};
use super::reading::{LaneKind, ReadError};
use super::source::WebhookSource;
use super::streams::Streams;

/// Interval between writes of the checkpoint. Notifications of this period may be repeated after a
/// crash.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The checkpoint and its place, shared by both lanes.
#[derive(Clone)]
pub(super) struct Keeper(Arc<SharedCheckpoint>);

struct SharedCheckpoint {
    source: WebhookSource,
    state: Mutex<KeeperState>,
    /// Held while writing.
    writing: tokio::sync::Mutex<()>,
}

struct KeeperState {
    now: Checkpoint,
    /// The checkpoint at its place.
    written: Option<Checkpoint>,
    /// The time of each lane's last update.
    saved_at: [Option<Instant>; 2],
}

impl Keeper {
    /// Reads the checkpoint, or starts at the end of the history.
    ///
    /// # Errors
    ///
    /// [`ReadError::Index`] if a database can't answer now.
    pub(super) async fn new(source: &WebhookSource) -> Result<Self, ReadError> {
        let stored = source.checkpoint().await;
        let end = source.end().await?;
        let at_end = || Checkpoint::at(Mark::at(end));
        let decoded = match stored {
            Err(unavailable @ ReadError::Index(_)) => return Err(unavailable),
            Err(error) => Err(error),
            Ok(None) => Ok(None),
            Ok(Some(json)) => Checkpoint::decode(&json).map(Some).map_err(ReadError::from),
        };
        let now = match decoded {
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
        Ok(Self(Arc::new(SharedCheckpoint {
            source: source.clone(),
            state,
            writing: tokio::sync::Mutex::default(),
        })))
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
        if let Err(error) = self.0.write().await {
            warn!(%error, "can't write the webhook's checkpoint: a crash now would repeat notifications");
        }
    }
}

impl SharedCheckpoint {
    /// Writes the checkpoint if it has changed.
    async fn write(&self) -> Result<(), ReadError> {
        let _alone = self.writing.lock().await;
        let (now, is_written) = {
            let state = lock(&self.state);
            (state.now.clone(), state.written.as_ref() == Some(&state.now))
        };
        if !is_written {
            self.source.save(now.encode()).await?;
            lock(&self.state).written = Some(now);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
