//! The end of a server: clients are told to reconnect, pending work completes, the store closes.

use std::convert::Infallible;
use std::time::Duration;

use chat_core::drive::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::open_store;
use crate::server_store::ServerStore;
use crate::start_error::EngineError;

/// Interval between two batches of clients that are told to reconnect.
const BATCH_EVERY: Duration = Duration::from_millis(250);

/// Time for pending work to complete once the server stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(4);

/// Time for clients to complete the closing handshake, after [`DRAIN_WITHIN`].
const GOODBYE_WITHIN: Duration = Duration::from_millis(2_500);

/// Tells all clients to reconnect, in batches of equal size over this time. The rest are served
/// meanwhile.
pub(crate) async fn disconnect_gracefully(handle: &Handle, over: Duration) {
    in_batches(over, |left| handle.disconnect_gracefully(left)).await;
}

/// Calls `disconnect` for each of several batches of equal size over this time, with the number of
/// batches that are left.
pub(crate) async fn in_batches<F: Future<Output = ()>>(over: Duration, disconnect: impl Fn(usize) -> F) {
    let batches = over.as_millis().div_ceil(BATCH_EVERY.as_millis());
    for left in (1..=usize::try_from(batches).unwrap_or(usize::MAX)).rev() {
        disconnect(left).await;
        sleep(BATCH_EVERY).await;
    }
}

/// Waits until the clients have completed the closing handshake.
pub(crate) async fn say_goodbye(mut all_gone: mpsc::Receiver<Infallible>) {
    if timeout(GOODBYE_WITHIN, all_gone.recv()).await.is_err() {
        warn!("some clients did not say goodbye in time");
    }
}

/// Completes pending work, disconnects the clients, and closes the store.
pub(crate) async fn shut_down(
    handle: &Handle,
    service: JoinHandle<ServerStore>,
    all_gone: mpsc::Receiver<Infallible>,
) -> Result<(), EngineError> {
    let drained = async {
        handle.drain().await;
        service.await
    };
    let store = timeout(DRAIN_WITHIN, drained).await;
    say_goodbye(all_gone).await;
    if let Ok(store) = store {
        open_store::close(store.map_err(|_| EngineError::Failed)?).await;
    } else {
        warn!("not all that was under way could be finished in time");
    }
    Ok(())
}
