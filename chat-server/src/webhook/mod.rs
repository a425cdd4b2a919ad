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

mod caller;
mod checkpoint;
mod config;
mod keeper;
mod lane;
mod notification;
mod reading;
mod signature;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use caller::Caller;
pub use config::{WebhookConfig, WebhookError};
use keeper::Keeper;
use lane::Lane;
use reading::LaneKind;
use signature::SigningKey;
pub use signature::SigningKeyError;

use crate::http_client::Target;
pub use crate::http_client::TargetError;
use crate::metrics::Metrics;
use crate::store::LocalStore;

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
    /// Runs the webhook in a new task until stopped.
    pub(crate) fn start(self, store: LocalStore, handle: Handle, metrics: Arc<Metrics>) -> Dispatcher {
        let (stop, is_stopped) = watch::channel(());
        let task = tokio::spawn(async move {
            let keeper = Keeper::new(&store);
            let caller = Arc::new(Caller::new(self, store, handle, metrics));
            let lane = |kind| Lane::new(kind, caller.clone(), keeper.clone());
            let (mut emergencies, mut others) = (lane(LaneKind::Emergencies), lane(LaneKind::Others));
            tokio::join!(emergencies.work(is_stopped.clone()), others.work(is_stopped));
        });
        Dispatcher { stop, task }
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
