//! A chat between field staff and a control centre, as a library without I/O.
//!
//! # Where things are
//!
//! - [`protocol`]: the JSON messages, one file per event, named as in the protocol document.
//! - [`permission`]: the rules of access, as pure functions. Only they can make a permit.
//! - [`engine`]: the state machine. Inputs go in, outputs come out.
//! - [`store`]: the port to storage, with a [`MemoryStore`](store::MemoryStore) as the reference.
//! - [`drive`]: an engine and a store, joined to any `Stream + Sink` of frames, on any runtime.
//! - [`limits`]: every bound, with its reason.
//! - [`id`], [`time`] and [`conversation`]: the values shared by all of these.
//! - [`export`]: the content of a store as plain data.
//! - [`testing`]: a simulation, an oracle and a conformance suite, for tests of stores and clients.
//!
//! # The way of a message
//!
//! 1. A transport gives a frame to a [`Session`](drive::Session), which passes the frame to the
//!    engine.
//! 2. The engine decodes the frame with [`protocol`], and its handler asks [`permission`] for a
//!    permit.
//! 3. The engine emits a [`Change`](store::Change), and the drive commits the change to the
//!    [`store`].
//! 4. Once the change is durable, the engine emits the reply, then live events for all
//!    participants.
//! 5. The drive puts these frames into the queue of each connection, and the session writes them.
//!
//! The crate contains no clock, randomness, thread, file, socket or lock. The outside world comes
//! in as values, and `clippy.toml` beside the crate forbids the rest.
//!
//! Start with [`drive`] to embed a whole chat, with [`engine`] to control every step, and with
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
