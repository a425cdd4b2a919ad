//! The webhook for users who are not connected: an agency hangs its push service on it.
//!
//! It reads the journal from where it was when it stopped, so little waits in memory, and a receiver that was down
//! hears it all, unless it is too old. What is told has the id of its message: whoever hears it twice can know. The
//! requests are those of the Standard Webhooks specification.
//!
//! A receiver that is slow, or that refuses one event, holds up little. Emergencies have a lane of their own: what reads
//! the journal for them waits for nothing else, nor do their calls. In each lane every conversation is a stream: its
//! events are told in their order, one at a time, and several streams at once.

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

/// A webhook as it is configured.
pub(crate) struct Webhook {
    target: Target,
    key: SigningKey,
    /// How old something may be that is told.
    give_up_after: Duration,
}

/// A webhook at work.
pub(crate) struct Dispatcher {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Webhook {
    /// Tells in a task of its own until it is stopped.
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
    /// Stops once the requests that are under way are answered or given up, and keeps how far it has come.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // A panic is in the log.
        let _panicked = self.task.await;
    }
}
