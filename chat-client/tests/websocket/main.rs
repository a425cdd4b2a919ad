//! The WebSocket connector against small servers in the same process.

mod close_codes;
mod handshake;
mod refused;
mod secret;
mod server;
mod tls;
