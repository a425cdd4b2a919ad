//! The errors of starting and running a server.

use std::io;
use std::net::SocketAddr;

use crate::admin::AdminError;
use crate::config::TokenConfigError;
use crate::store::OpenError;
use crate::tls::TlsError;
use crate::webhook::WebhookError;

/// The reason that a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings for tokens can't be used.
    #[error(transparent)]
    Tokens(#[from] TokenConfigError),
    /// The public address can't be listened on.
    #[error("can't listen on {listen}: {error}. Give --listen ADDRESS:PORT; port 0 takes a free one")]
    Listen {
        /// The address as configured.
        listen: String,
        /// The system's error.
        error: io::Error,
    },
    /// The address is reachable from other machines, and the secret was made by the server: anyone
    /// who can read the data directory could sign tokens for the whole network.
    #[error(
        "will not listen on {address} with a secret that the server made itself: beyond this machine, give the \
         secret that your tokens are signed with (--jwt-secret-file or CHAT_JWT_SECRET), or a public key \
         (--jwt-public-key-file)"
    )]
    MadeSecret {
        /// The address beyond loopback.
        address: SocketAddr,
    },
    /// The certificate or its key can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The administrative API can't be served.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The settings for the webhook can't be used.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The system's random generator failed.
    #[error("can't start: the system's random generator says {0}")]
    NoRandomness(getrandom::Error),
}

/// The engine ended without being asked to. This is a bug; the log holds its panic.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the chat has broken down: what was acknowledged is kept; start the server again, and report this")]
pub struct EngineError;
