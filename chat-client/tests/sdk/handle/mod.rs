//! The handle over a whole chat in the same process: channels for connections, virtual time.

mod closing;
mod connection;
mod conversation;
mod events;
mod requests;
mod sending;
mod support;
mod tokens;
mod typing;
