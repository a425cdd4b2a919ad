//! A chat server over WebSockets: `chat-core` with tokens, a transport and a store of its own.
//!
//! [`Server`] is what the program runs, for those who want it inside of another one.

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
mod health;
mod http;
mod http_client;
mod listen;
mod logging;
mod metrics;
mod reload;
mod server;
mod storage;
pub mod store;
mod tls;
mod upkeep;
pub mod users;
pub mod webhook;
pub mod websocket;

pub use config::Config;
pub use reload::Reload;
pub use server::{Broken, Server, StartError};
pub use tls::TlsError;
