//! The interface between a simulation and the clients in it.

use std::time::Duration;

use bytes::Bytes;

use super::environment::Environment;
use super::random::Random;
use super::tokens::Issuer;
use crate::frame::Frame;
use crate::id::UserId;
use crate::protocol::Role;
use crate::time::{Monotonic, Now};

/// A client of a simulation, by its place among
/// [`Simulation::clients`](super::Simulation::clients).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClientId(pub(super) usize);

/// A program that talks to the simulated server over the simulated network.
///
/// A client draws its chance from the simulation too, because a whole run depends on one seed.
pub trait Client {
    /// Handles an event, and acts on it.
    fn handle(&mut self, heard: Heard, around: &mut Surroundings<'_>);
}

/// The events that a client hears.
#[derive(Debug)]
pub enum Heard {
    /// The time has come that was set by [`Surroundings::wake_at`].
    Woken,
    /// The connection stands.
    Opened {
        /// The client's number of the connection.
        link: u64,
    },
    /// A frame came.
    Frame {
        /// The client's number of the connection.
        link: u64,
        /// The frame.
        frame: Frame,
    },
    /// There is no connection, or no longer.
    Lost {
        /// The client's number of the connection.
        link: u64,
        /// The reason, for the trace.
        reason: &'static str,
    },
}

/// The simulation, as one client sees it.
pub struct Surroundings<'a> {
    pub(super) client: ClientId,
    pub(super) environment: &'a mut Environment,
}

impl Surroundings<'_> {
    /// The time, the same for all clients. A client with a wrong clock adds the error itself.
    pub fn now(&self) -> Now {
        self.environment.now
    }

    /// Chance: each client has its own.
    pub fn random(&mut self) -> &mut Random {
        self.environment.chance_of(self.client)
    }

    /// Whether the client carries out its next voluntary act. Asking this allows shrinking a run
    /// that breaks a promise: the answer is `false` only in a run that leaves this act out.
    pub fn acts(&mut self) -> bool {
        self.environment.acts(self.client)
    }

    /// The issuer of tokens.
    pub fn tokens(&mut self) -> &mut Issuer {
        &mut self.environment.tokens
    }

    /// The role of a user in the server's directory, which the issuer of tokens has from the same
    /// staff list. `None` if the directory does not know the user.
    pub fn role_of(&self, user: &UserId) -> Option<Role> {
        self.environment.server.exported().accounts.get(user).map(|known| known.user().role)
    }

    /// Whether administration has deactivated this user for good.
    pub fn is_kept_out(&self, user: &UserId) -> bool {
        self.environment.kept_out.contains(user)
    }

    /// Opens a connection. The client chooses `link`, never uses one twice, and hears the outcome
    /// under this number.
    ///
    /// Either side counts the connection as dead after `heartbeat` without a sign of life.
    pub fn connect(&mut self, link: u64, token: &str, heartbeat: Duration) {
        self.environment.attempt((self.client, link), token, heartbeat);
    }

    /// Sends a text frame. A connection that is gone loses the frame.
    pub fn send(&mut self, link: u64, frame: Bytes) {
        self.environment.client_sends((self.client, link), frame);
    }

    /// Ends a connection: nothing more is heard of it.
    pub fn disconnect(&mut self, link: u64) {
        self.environment.client_leaves((self.client, link));
    }

    /// Asks to be [woken](Heard::Woken) at this time, or never. Replaces the time asked for before.
    pub fn wake_at(&mut self, at: Option<Monotonic>) {
        self.environment.client_sleeps(self.client, at);
    }

    /// Adds a line to the trace, if there is one.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        self.environment.note(line);
    }
}
