//! A chat server over WebSockets.

pub mod store;
