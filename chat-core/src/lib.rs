//! A chat between field staff and a control centre, as a library without I/O.
//!
//! # Where things are
//!
//! - [`protocol`]: the JSON messages, one file per event, named as in the protocol document.
//! - [`permission`]: the rules of access, as pure functions. Only they can make a permit.
//! - [`engine`]: the state machine. Inputs go in, outputs come out.
//! - [`store`]: the port to storage, with a [`MemoryStore`](store::MemoryStore) as the reference.
//! - [`drive`]: an engine and a store, joined to any `Stream + Sink` of frames, on any runtime.
//! - [`frame`]: the frames of any transport, as the engine and the drive exchange them.
//! - [`limits`]: the bounds that an embedder may set, each with its reason.
//! - [`id`], [`time`] and [`conversation`]: the values shared by all of these.
//! - [`export`]: the content of a store as plain data.
//! - `system` (feature `system`): a clock of the operating system, and a thread for a store that
//!   blocks.
//! - [`testing`]: a simulation, an oracle and a conformance suite, for tests of stores and clients.
//!
//! # The way of a message
//!
//! 1. A transport gives a frame to a [`Session`](drive::Session) (`drive/session.rs`), which passes
//!    the frame as a message to the task of the engine (`drive/service`).
//! 2. `engine/progress.rs` decodes the frame with [`protocol`]. The request waits in a slot of its
//!    `connection` for its turn: until all earlier requests are decided, and if the request reads
//!    stored data, until they are answered. In its turn, the request waits in `key_locks` for an
//!    earlier request with the same key.
//! 3. Then the request is charged to the rate, and its role is checked. The handler of the event
//!    asks [`permission`] for a permit. Facts come from `cache`. For missing ones, `load` asks for
//!    an answer of the store, and the [`drive`] makes the query (`drive/service/outputs.rs`).
//! 4. `headroom` checks the room in the storage, and `charging` the user's daily budget (`budget`).
//!    `commit` queues the [`Change`](store::Change), and notes in `in_flight` for whom.
//! 5. [`Output::Commit`](engine::Output::Commit) contains all changes queued by then. The
//!    [`store`] judges them by [`Batch::judge`](store::Batch::judge), which gives each message the
//!    next `seq`. The store makes the accepted ones durable, and answers each: accepted with an
//!    [`Event`](store::Event), accepted with nothing to change, or rejected. The module `store` of
//!    chat-server describes its half.
//! 6. `commit` takes the answer. The event becomes the reply, which takes its place behind earlier
//!    replies. Then `apply` changes the state, and `deliver` addresses the live events: to the
//!    connections of the conversation's teams and members. On the sender's connection they follow
//!    the reply.
//! 7. The [`drive`] puts frames into the queue of each connection. Its `batch` gathers live events
//!    for the same connections, to be framed once. The session writes them to the transport.
//!
//! A repeat goes the same way. Its key waits in `key_locks` behind the first request. Then
//! `Batch::judge` finds the original, and `commit.rs` answers the repeat from the original. Before
//! a refusal, `progress.rs` looks the original up.
//!
//! Several engines can share one store, whose history each of them follows. `engine/follow` hears
//! the events of the others and applies them like own ones. An answer of the store waits there
//! until the events that it covers are heard.
//!
//! # What an embedder must bring
//!
//! - A clock: `system::SystemClock` (feature `system`) with the sleep function of any runtime, or a
//!   [`Clock`](drive::Clock) of your own. The monotonic time must not fall.
//! - A seed: 32 fresh random bytes for each [`Engine`](engine::Engine), from the system's
//!   generator. The same seed makes the same ids, and a known seed makes ids guessable.
//! - A store: [`MemoryStore`](store::MemoryStore) forgets everything at its end. Another
//!   [`Store`](store::Store) is tested by [`store_conformance!`]. A store that blocks goes behind
//!   `system::Blocking`.
//! - An epoch: a name for the numbering of the store, made with the store. A store that was
//!   emptied, or restored from a backup, needs a new epoch. Otherwise clients believe numbers that
//!   mean something else now.
//! - Authentication: [`Claims`](engine::Claims) of verified users. The engine believes them. A
//!   [`Verifier`](drive::Verifier) checks the tokens in `refresh_token`, or
//!   [`NoRefresh`](drive::NoRefresh) refuses them.
//! - A limit on sizes: the transport refuses frames of more than 64 KiB (close code 1009) and
//!   invalid UTF-8 (1007).
//! - A heartbeat: the transport pings every 25 s, and closes with 4012 after 10 s without a sign of
//!   life. Pongs go to [`Session::signs`](drive::Session::signs).
//! - A write timeout: the transport fails when its peer takes nothing for 10 s. Until then, frames
//!   wait within [`OutboundLimits`](limits::OutboundLimits).
//! - A limit on connections: the engine limits those of one user. The transport limits those
//!   without a user yet, in number and in time.
//! - Settings: [`Settings::check`](engine::Settings::check) names senseless ones.
//!
//! Stop in this order: accept no more connections; call [`Handle::drain`](drive::Handle::drain);
//! await the engine's future, which gives the store back; await the sessions, which write what
//! waits; close the store.
//!
//! # Words
//!
//! - *Permit*: the proof of a successful check. Only [`permission`] can make one.
//! - *Facts*: the answers of the store to the queries of a request.
//! - *Change*: a wish that the engine gives to the store.
//! - *Event*: a change that was made, as the store keeps it and the engine applies it.
//! - *Team*: a named set of users. A conversation is filed with teams, and an account names those
//!   of its user. Members of a team take part without being listed anywhere.
//! - *Standing*: the state of a user in a conversation by name: member, member while in control,
//!   withdrawn, or nothing.
//! - *Ticket*: the number that joins an answer of the store to its call.
//! - *Epoch*: the name of a store's numbering. Another epoch tells clients to drop older numbers.
//! - *Headroom*: the room left in the storage.
//! - *Directory*: the active users of teams.
//! - *Broadcast*: a live event for all participants.
//! - *Read position*: the number of the last message that a user has read in a conversation.
//! - *Desk*: a connection of a control user.
//!
//! The crate contains no clock, randomness, thread, file, socket or lock, with two exceptions: the
//! lock of [`MemoryStore`](store::MemoryStore), held across no await, and the clock and threads of
//! the optional module `system`. The outside world comes in as values. `clippy.toml`
//! beside the crate refuses the clocks, locks, threads, files and sockets of `std`.
//!
//! Start with [`drive`] to embed a whole chat, with [`engine`] to control every step, and with
//! `PROTOCOL.md` beside the crate to write a client.
//!
#![doc = include_str!("../WRONG_INPUTS.md")]
#![warn(clippy::unwrap_used)]

pub mod conversation;
pub mod drive;
mod emergency;
pub mod engine;
pub mod export;
pub mod frame;
pub mod id;
pub mod limits;
pub mod order;
pub mod permission;
pub mod phrases;
pub mod protocol;
mod shared_text;
pub mod store;
#[cfg(feature = "system")]
pub mod system;
pub mod testing;
pub mod time;
pub mod work;
