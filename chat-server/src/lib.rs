//! A chat server over WebSockets: `chat-core` with tokens, a transport and a store.
//!
//! [`Server`] is the whole server, for embedding in another program.
//!
//! - [`auth`] verifies JSON Web Tokens.
//! - [`websocket`] is the transport: frames, heartbeats, stalled peers.
//! - `server` starts, accepts and stops. `drain` is the end of a server, `reload` has certificates
//!   and keys read again, `upkeep` and `retain` are its work in the background.
//! - `server_store` is the store behind a server: one of the next two. `open_store` opens and
//!   closes the first.
//! - [`store`] is the journal and its index, with verification, backup, export, repair and
//!   retention.
//! - `shared` keeps the same history in PostgreSQL, for several servers.
//! - `health` answers `/livez` and `/readyz`; `logging` and `metrics` tell the operator the rest.
//! - [`admin`] is the administrative HTTP API, `/metrics` included.
//! - `audit` notes each message, refusal, connection and act of administration.
//! - [`webhook`] notifies a push service of messages for offline users.
//! - [`cli`] has one file per command, [`config`] every setting.
//! - The folder `console` beside `src` is the browser's console, in plain modules.
//!   `src/console/bundle` is made from them and embedded.
//! - The folder `operation` has the package, the systemd unit, the Dockerfile and the operator's
//!   guide.
//!
//! # The way of a message
//!
//! `chat-core` describes the way of a message through the engine. These are the parts before and
//! after the engine.
//!
//! 1. `listen` accepts a connection. The connection is one of the `newcomers` until a valid token
//!    has come.
//! 2. `connection` serves the connection in one task: TLS (`tls`), the HTTP request (`http`), the
//!    token ([`auth`]). Then the connection opens a session at the engine's handle.
//! 3. [`websocket`] reads a frame. The session passes the frame to the task of the engine, which
//!    [`Server`] has spawned.
//! 4. The engine's loads and commits go to `server_store`: to the local [`store`], or to `shared`.
//!    The local store (`store/local.rs`) queues a commit for the commit thread. This thread
//!    (`store/write/writer.rs`) judges a batch and writes it as one group to the journal. It syncs
//!    the journal, puts the index entries into the memtable, and answers. The index thread
//!    (`store/write/indexer.rs`) writes these entries to sled later. With PostgreSQL,
//!    `shared/lane.rs` commits.
//! 5. The engine's task (`drive/service/outputs.rs` of chat-core) puts the reply and the live
//!    events into the queues of the connections. Each connection's task takes them from its queue,
//!    and [`websocket`] writes them to the socket.
//! 6. With the local store, [`webhook`] follows the journal. For each message, it asks the engine
//!    which participants are not connected.
//!
//! History takes another way. The load threads of the local store (`store/read`) find messages in
//! the memtable and the index. Only texts over 2 KiB, and the originals of repeats, are read from
//! the journal. With PostgreSQL, `shared/loads.rs` answers queries.

#![warn(clippy::unwrap_used)]

pub mod admin;
mod audit;
pub mod auth;
mod certificate;
pub mod cli;
mod clock;
pub mod config;
mod connection;
#[cfg(feature = "console")]
mod console;
mod drain;
mod duties;
mod file_limit;
mod health;
mod http;
mod http_client;
mod listen;
mod logging;
mod metrics;
mod newcomers;
mod open_store;
mod p521;
mod phrases;
mod reload;
mod retain;
mod server;
mod server_store;
#[cfg(feature = "postgres")]
pub mod shared;
mod start_error;
mod starting;
pub mod store;
mod tls;
mod transport;
mod upkeep;
pub mod users;
mod validity;
mod version;
pub mod webhook;
pub mod websocket;

pub use config::Config;
pub use reload::Reload;
pub use server::Server;
pub use start_error::{EngineError, StartError};
pub use tls::TlsError;
