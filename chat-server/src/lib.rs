//! A chat server over WebSockets: `chat-core` with tokens, a transport and a store.
//!
//! [`Server`] is the whole server, for embedding in another program.
//!
//! - [`auth`] verifies JSON Web Tokens.
//! - [`websocket`] is the transport: frames, heartbeats, stalled peers.
//! - [`store`] is the journal and its index, with verification, backup, export and retention.
//! - [`admin`] is the administrative HTTP API, `/metrics` included.
//! - [`webhook`] notifies a push service of messages for offline users.
//! - [`cli`] has one file per command, [`config`] every setting.
//! - The folder `console` beside `src` is the browser's console, in plain modules without a build
//!   step.
//! - The folder `operation` has the package, the systemd unit, the Dockerfile and the operator's
//!   guide.

#![warn(clippy::unwrap_used)]

pub mod admin;
pub mod auth;
pub mod cli;
mod clock;
pub mod config;
mod connection;
#[cfg(feature = "console")]
mod console;
mod drain;
mod file_limit;
mod health;
mod http;
mod http_client;
mod listen;
mod logging;
mod metrics;
mod newcomers;
mod reload;
mod server;
mod start_error;
mod storage;
pub mod store;
mod tls;
mod transport;
mod upkeep;
pub mod users;
pub mod webhook;
pub mod websocket;

pub use config::Config;
pub use reload::Reload;
pub use server::Server;
pub use start_error::{EngineError, StartError};
pub use tls::TlsError;
