//! Code shared by the programs in `src/bin`, ready to be copied by embedders of the chat.
//!
//! - [`TokioClock`] and [`seed`]: time and randomness, which the core takes as inputs.
//! - [`lines`] and [`websocket`]: transports made with common libraries.
//! - [`PatientListener`]: accepts sockets with a time limit for writes.
//! - [`Peer`] and [`play`]: users who talk, with each frame printed.
//! - [`App`] and [`Network`]: users with the SDK, over a network that fails on demand.
//! - [`terminal`]: a chat in lines of text, for a person.
//!
//! A real service needs two more things of a transport: a heartbeat, which notices a dead peer
//! while nobody writes to it, and a limit on connections.

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

/// The error that ended a program, for its user.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The longest frame accepted by the transports, in bytes.
pub const MAX_FRAME: usize = 64 * 1024;

/// Returns claims that are valid for a day, for a user authenticated just now.
pub fn claims(user: User) -> Claims {
    let now = TokioClock::start().now().wall;
    Claims { user, expires_at: now.plus(Duration::from_hours(24)), issued_at: Some(now) }
}

/// Returns a fresh seed for an engine's ids from the system's generator. An attacker who knows the
/// seed can guess the ids.
///
/// # Errors
///
/// The system has no randomness.
pub fn seed() -> Result<[u8; 32], Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}

/// Returns an epoch for a new store. A [`MemoryStore`](chat_core::store::MemoryStore) is new with
/// each process, and the epoch tells clients that their old numbers are void.
///
/// # Errors
///
/// The system has no randomness.
pub fn epoch() -> Result<String, Error> {
    Ok(format!("{:016x}", getrandom::u64()?))
}
