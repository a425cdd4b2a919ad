//! The SDK for apps that talk through the chat, on phones that lose the network in every tunnel.

#![warn(clippy::unwrap_used)]

pub mod outbox;
pub mod retry;
pub mod transport;
