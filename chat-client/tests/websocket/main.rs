//! The WebSocket connector against small servers in the same process.
#![expect(clippy::disallowed_types, reason = "tests use the real world")]

mod close_codes;
mod handshake;
mod logs;
mod refused;
mod secret;
mod server;
mod several;
mod tls;
