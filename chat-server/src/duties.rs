//! The duties of a server beside its connections: the webhook, and over a shared store also
//! retention and a place among the other servers.

#[cfg(feature = "postgres")]
use std::net::SocketAddr;
#[cfg(feature = "postgres")]
use std::path::PathBuf;
use std::sync::Arc;

use chat_core::drive::Handle;
#[cfg(feature = "postgres")]
use chat_core::engine::TypingHint;
#[cfg(feature = "postgres")]
use tokio::sync::broadcast::{self, error::RecvError};
#[cfg(feature = "postgres")]
use tokio_util::task::AbortOnDropHandle;

use crate::metrics::Metrics;
use crate::retain::RetentionSetting;
use crate::server_store::ServerStore;
#[cfg(feature = "postgres")]
use crate::shared::{self, Job, Lease, Node, NodeIdentity, OnlineUsers, SharedRetention, SharedStore};
use crate::webhook::{Dispatcher, Webhook};

/// The configured duties, and their means.
pub(crate) struct DutySettings {
    pub(crate) webhook: Option<Webhook>,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "upkeep erases in a local store"))]
    pub(crate) retention: Option<RetentionSetting>,
    pub(crate) handle: Handle,
    pub(crate) metrics: Arc<Metrics>,
    /// The directory of the audit trail.
    #[cfg(feature = "postgres")]
    pub(crate) data_dir: PathBuf,
    /// The address on which the server listens, and the users who are connected to it.
    #[cfg(feature = "postgres")]
    pub(crate) presence: (SocketAddr, Arc<OnlineUsers>),
}

/// The running duties.
pub(crate) struct Duties {
    dispatcher: Option<Dispatcher>,
    #[cfg(feature = "postgres")]
    shared: Option<SharedDuties>,
}

/// The duties that only a shared store has.
#[cfg(feature = "postgres")]
struct SharedDuties {
    node: Node,
    /// Takes up the hints of other servers, and ends when dropped.
    _hints: AbortOnDropHandle<()>,
    /// Ends when dropped.
    _retention: Option<AbortOnDropHandle<()>>,
}

impl Duties {
    /// Begins them.
    pub(crate) fn start(store: &ServerStore, settings: DutySettings) -> Self {
        match store {
            ServerStore::Local(local) => {
                let DutySettings { webhook, handle, metrics, .. } = settings;
                let dispatcher = webhook.map(|webhook| webhook.start(local.clone(), handle, metrics));
                Self {
                    dispatcher,
                    #[cfg(feature = "postgres")]
                    shared: None,
                }
            }
            #[cfg(feature = "postgres")]
            ServerStore::Shared(shared) => Self::start_shared(shared, settings),
        }
    }

    #[cfg(feature = "postgres")]
    fn start_shared(store: &Arc<SharedStore>, settings: DutySettings) -> Self {
        let DutySettings { webhook, retention, handle, metrics, data_dir, presence: (address, online) } =
            settings;
        let hints = AbortOnDropHandle::new(tokio::spawn(take_hints(store.hints(), handle.clone())));
        let mut claims = Vec::new();
        let mut wish = |job| {
            let (lease, claim) = Lease::new(job);
            claims.push(claim);
            lease
        };
        let dispatcher =
            webhook.map(|webhook| webhook.start_shared(store.clone(), wish(Job::Webhook), handle, metrics));
        let retention = retention.map(|setting| {
            let (store, lease) = (store.clone(), wish(Job::Retention));
            let retention = SharedRetention { setting, data_dir };
            let retaining = async move { match shared::retain(&store, retention, lease).await {} };
            AbortOnDropHandle::new(tokio::spawn(retaining))
        });
        let node = store.join(NodeIdentity { address: shared::named(address), online, claims });
        Self { dispatcher, shared: Some(SharedDuties { node, _hints: hints, _retention: retention }) }
    }

    /// Stops the webhook, before clients are disconnected: users that a stop disconnects must not
    /// count as offline.
    pub(crate) async fn stop_webhook(&mut self) {
        if let Some(dispatcher) = self.dispatcher.take() {
            dispatcher.stop().await;
        }
    }

    /// Ends all duties.
    pub(crate) async fn end(mut self) {
        self.stop_webhook().await;
        #[cfg(feature = "postgres")]
        if let Some(SharedDuties { node, .. }) = self.shared {
            node.leave().await;
        }
    }
}

/// Gives the engine what other servers say of typing users. What came too fast is left out.
#[cfg(feature = "postgres")]
async fn take_hints(mut hints: broadcast::Receiver<TypingHint>, handle: Handle) {
    loop {
        match hints.recv().await {
            Ok(hint) => handle.hint(hint).await,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
