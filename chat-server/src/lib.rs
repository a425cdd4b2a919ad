//! A chat server over WebSockets.

pub mod auth;
pub mod store;
