//! The end of a server: who is there is told to move, what is under way is finished, the store is closed.

use std::convert::Infallible;
use std::time::Duration;

use chat_core::drive::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::start_error::EngineError;
use crate::storage;
use crate::store::LocalStore;

/// Between two batches of clients that are told to move.
const BATCH_EVERY: Duration = Duration::from_millis(250);

/// How long what is under way may take to finish once the server stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(4);

/// How long clients may take to say goodbye, after that.
const GOODBYE_WITHIN: Duration = Duration::from_millis(2_500);

/// Tells all clients to move, in batches of one size over this time. All others go on meanwhile.
pub(crate) async fn disconnect_gracefully(handle: &Handle, over: Duration) {
    let batches = over.as_millis().div_ceil(BATCH_EVERY.as_millis());
    for left in (1..=usize::try_from(batches).unwrap_or(usize::MAX)).rev() {
        handle.disconnect_gracefully(left).await;
        sleep(BATCH_EVERY).await;
    }
}

/// Finishes what is under way, sees the clients off, closes the store.
pub(crate) async fn wind_up(
    handle: &Handle,
    service: JoinHandle<LocalStore>,
    mut all_gone: mpsc::Receiver<Infallible>,
) -> Result<(), EngineError> {
    let drained = async {
        handle.drain().await;
        service.await
    };
    let store = timeout(DRAIN_WITHIN, drained).await;
    if timeout(GOODBYE_WITHIN, all_gone.recv()).await.is_err() {
        warn!("some clients did not say goodbye in time");
    }
    if let Ok(store) = store {
        storage::close(store.map_err(|_| EngineError)?).await;
    } else {
        warn!("not all that was under way could be finished in time");
    }
    Ok(())
}
