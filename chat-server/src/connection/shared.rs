//! The state that all connections of a server share.

use std::sync::Arc;

use chat_core::drive::Handle;
use tokio::sync::Semaphore;

use crate::audit::AuditTrail;
use crate::auth::TokenVerifier;
#[cfg(feature = "console")]
use crate::console::Console;
use crate::health::Health;
use crate::metrics::Metrics;
#[cfg(feature = "postgres")]
use crate::shared::OnlineUsers;
use crate::tls::Tls;

/// Everything that a connection needs from its server.
pub(crate) struct Shared {
    pub(crate) handle: Handle,
    pub(crate) verifier: TokenVerifier,
    /// One permit for each client with a valid token (`--max-connections`).
    pub(crate) places: Arc<Semaphore>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) audit: AuditTrail,
    pub(crate) health: Arc<Health>,
    pub(crate) tls: Option<Arc<Tls>>,
    /// The connected users, if other servers have to know them.
    #[cfg(feature = "postgres")]
    pub(crate) online: Option<Arc<OnlineUsers>>,
    #[cfg(feature = "console")]
    pub(crate) console: Console,
}
