//! A webhook that notifies a push service of messages for offline users.
//!
//! The webhook reads the journal from its checkpoint. Little waits in memory, and a receiver that
//! was unreachable gets every notification later, unless the message is too old. The id of a
//! notification is the id of its message, which allows receivers to ignore repetitions. Requests
//! follow the Standard Webhooks specification.
//!
//! A receiver that is slow, or rejects one notification, delays few others. Emergencies have their
//! own lane, with a separate reader and separate requests. Within a lane, every conversation is a
//! stream: its notifications are sent in order, one at a time, and several streams proceed
//! concurrently.
//!
//! Of several servers that share a database, one at a time runs the webhook: the holder of its job.
//! The checkpoint is in the database then, and users count as offline if they are connected to no
//! server.

mod caller;
mod checkpoint;
mod config;
mod keeper;
mod lane;
mod notification;
mod reading;
mod signature;
mod source;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::warn;

use caller::Caller;
pub use config::{WebhookConfig, WebhookError};
use keeper::Keeper;
use lane::Lane;
use reading::LaneKind;
use signature::SigningKey;
pub use signature::SigningKeyError;
use source::WebhookSource;

use crate::http_client::Target;
pub use crate::http_client::TargetError;
use crate::metrics::Metrics;
#[cfg(feature = "postgres")]
use crate::shared::{Lease, SharedStore};
use crate::store::LocalStore;

/// Pause after a database could not give the checkpoint.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// A configured webhook.
pub(crate) struct Webhook {
    target: Target,
    key: SigningKey,
    /// Age at which a notification is skipped.
    give_up_after: Duration,
}

/// The running webhook.
pub(crate) struct Dispatcher {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Webhook {
    /// Runs the webhook over a journal, in a new task, until stopped.
    pub(crate) fn start(self, store: LocalStore, handle: Handle, metrics: Arc<Metrics>) -> Dispatcher {
        let (stop, is_stopped) = watch::channel(());
        let webhook = Arc::new(self);
        let task = tokio::spawn(webhook.run(WebhookSource::Local(store), handle, metrics, is_stopped));
        Dispatcher { stop, task }
    }

    /// Runs the webhook over a database whenever this server holds its job, in a new task, until
    /// stopped.
    #[cfg(feature = "postgres")]
    pub(crate) fn start_shared(
        self,
        store: Arc<SharedStore>,
        mut lease: Lease,
        handle: Handle,
        metrics: Arc<Metrics>,
    ) -> Dispatcher {
        let (stop, mut is_stopped) = watch::channel(());
        let webhook = Arc::new(self);
        let task = tokio::spawn(async move {
            loop {
                let term = tokio::select! {
                    held = lease.held() => held,
                    _ = is_stopped.changed() => None,
                };
                let Some(term) = term else { return };
                let source = WebhookSource::Shared(store.clone(), term);
                let running =
                    webhook.clone().run(source, handle.clone(), metrics.clone(), is_stopped.clone());
                tokio::select! {
                    () = running => return,
                    () = lease.lost(term) => {}
                }
            }
        });
        Dispatcher { stop, task }
    }

    /// Runs both lanes until stopped.
    async fn run(
        self: Arc<Self>,
        source: WebhookSource,
        handle: Handle,
        metrics: Arc<Metrics>,
        mut stop: watch::Receiver<()>,
    ) {
        let keeper = loop {
            match Keeper::new(&source).await {
                Ok(keeper) => break keeper,
                Err(error) => warn!(%error, "can't read the webhook's checkpoint: trying again"),
            }
            tokio::select! {
                _ = stop.changed() => return,
                () = sleep(RETRY_EVERY) => {}
            }
        };
        let caller = Arc::new(Caller::new(self, source, handle, metrics));
        let lane = |kind| Lane::new(kind, caller.clone(), keeper.clone());
        let (mut emergencies, mut others) = (lane(LaneKind::Emergencies), lane(LaneKind::Others));
        tokio::join!(emergencies.work(stop.clone()), others.work(stop));
    }
}

impl Dispatcher {
    /// Stops after the requests in progress have ended, and saves the progress.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // A panic has been logged already.
        let _panicked = self.task.await;
    }
}
