//! The WebSocket connector against small servers in the same process.
#![expect(clippy::disallowed_types, reason = "a test has a world")]

mod close_codes;
mod handshake;
mod refused;
mod secret;
mod server;
mod tls;
