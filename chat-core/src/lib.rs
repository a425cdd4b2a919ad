//! The chat between field staff and a control centre, as a library without I/O.
//!
//! - [`protocol`] is what travels: one file per event, under the names of the protocol document.
//! - [`permission`] is who may do what: pure functions, and permits that only they can make.
//! - [`engine`] is the state machine: a plain value that takes what has happened and says what to do.
//! - [`store`] is the port to storage, with a [`MemoryStore`](store::MemoryStore).
//! - [`export`] is what a store holds, as plain data.
//! - [`drive`] joins an engine and a store to any `Stream + Sink` of frames, on any runtime.
//! - [`testing`] is for the tests of those who build on this crate.
//!
//! There is no clock, randomness, thread, file, socket or lock in here: what the chat needs of the world comes in as a
//! value. `clippy.toml` beside the crate forbids the rest.
//!
//! Start with [`drive`] to embed a whole chat, with [`engine`] to have every step in your own hands, and with
//! `PROTOCOL.md` beside the crate to write a client.

#![warn(clippy::unwrap_used)]

pub mod conversation;
pub mod drive;
pub mod engine;
pub mod export;
pub mod frame;
pub mod id;
pub mod limits;
pub mod permission;
pub mod protocol;
mod shared_text;
pub mod store;
pub mod testing;
pub mod time;
