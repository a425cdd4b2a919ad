//! The webhook for users who are not connected: an agency hangs its push service on it.
//!
//! It reads the journal from where it was when it stopped, so nothing waits in memory, and a receiver that was down
//! hears it all, unless it is too old. What is told has the id of its message: whoever hears it twice can know. The
//! requests are those of the Standard Webhooks specification.

mod config;
mod event;
mod kept;
mod signature;
mod teller;

use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use config::{WebhookConfig, WebhookError};
use signature::SigningKey;
pub use signature::SigningKeyError;
use teller::Teller;

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
pub(crate) struct Telling {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Webhook {
    /// Tells in a task of its own until it is stopped.
    pub(crate) fn start(self, store: LocalStore, handle: Handle, metrics: Arc<Metrics>) -> Telling {
        let (stop, is_stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut teller = Teller::new(self, store, handle, metrics);
            let request = teller.request();
            tokio::select! {
                () = teller.work() => {}
                () = async {
                    let _stopped = is_stopped.await;
                    // The receiver may have taken it already: then it must not be told again.
                    let _ended = request.lock().await;
                } => {}
            }
            teller.keep_now().await;
        });
        Telling { stop, task }
    }
}

impl Telling {
    /// Stops once the request that is under way is answered or given up, and keeps how far it has come.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // A panic is in the log.
        let _panicked = self.task.await;
    }
}
