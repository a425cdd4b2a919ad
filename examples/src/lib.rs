//! What the programs in `src/bin` share, and what an embedder of the chat is likely to copy.
//!
//! - [`TokioClock`] and [`seed`]: the time and the randomness that the core does not take for itself.
//! - [`lines`] and [`websocket`]: transports, each made of what its library already has.
//! - [`PatientListener`]: accepts sockets that give up on a peer that takes nothing.
//! - [`Peer`] and [`play`]: the users who talk, with each frame printed.
//! - [`App`] and [`Network`]: the same with the SDK, over a network that fails when it is told to.
//! - [`terminal`]: a chat in lines of text, for a person.
//!
//! A service for more than a demonstration adds what a transport owes besides: a heartbeat, so that a peer that is gone
//! is noticed while nobody writes to it, and a bound on its connections.

mod app;
pub mod lines;
mod listener;
mod network;
mod peer;
mod script;
pub mod terminal;
pub mod websocket;

use std::time::Duration;

use chat_core::drive::Clock;
use chat_core::engine::Claims;
use chat_core::protocol::User;

pub use app::App;
pub use chat_client::websocket::TokioClock;
pub use listener::{PatientListener, PatientStream};
pub use network::Network;
pub use peer::Peer;
pub use script::play;

/// Why a program ended early, for the person who ran it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The longest frame that the transports take, in bytes.
pub const MAX_FRAME: usize = 64 * 1024;

/// What a session of a day says of a user who was authenticated just now.
pub fn claims(user: User) -> Claims {
    let now = TokioClock::start().now().wall;
    Claims { user, expires_at: now.plus(Duration::from_hours(24)), issued_at: Some(now) }
}

/// A fresh seed for an engine's ids, from the system's generator: whoever knows it can guess them.
///
/// # Errors
///
/// The system has no randomness to give.
pub fn seed() -> Result<[u8; 32], Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}

/// A name for a new store's numbers: a [`MemoryStore`](chat_core::store::MemoryStore) is new with each process, and
/// clients that held numbers of the one before must see that they mean nothing any more.
///
/// # Errors
///
/// The system has no randomness to give.
pub fn epoch() -> Result<String, Error> {
    Ok(format!("{:016x}", getrandom::u64()?))
}
