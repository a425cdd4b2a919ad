//! Clients, a server and the network between them in one value, in virtual time, from one seed.
//!
//! The server is a real [engine](crate::engine) over a simulated store, which takes its time,
//! fails, loses unsynced changes in a crash, and is now and then restored from a backup. With
//! [`NodeFaults`] there are several servers over one store. The
//! connections delay, are cut, and swallow frames; tokens expire. [`Faults`] holds the kinds of
//! faults and their frequency. A client is any [`Client`]: the simulation sees nothing of it but
//! its frames.
//!
//! Every draw comes from one [`Random`], and nothing else decides: the same seed and the same
//! clients always give the same run. The [`Plan`] given to [`Simulation::begin`] may hold a trace,
//! which gets a line for each event.
//!
//! ```
//! use std::time::Duration;
//!
//! use chat_core::frame::Frame;
//! use chat_core::limits::Limits;
//! use chat_core::protocol::{Role, User};
//! use chat_core::store::MemoryState;
//! use chat_core::testing::simulation::{
//!     Client, Faults, Heard, Plan, Random, Simulation, Surroundings,
//! };
//!
//! /// Asks for its conversations once.
//! struct Curious {
//!     heard: Vec<Frame>,
//! }
//!
//! impl Client for Curious {
//!     fn handle(&mut self, heard: Heard, around: &mut Surroundings<'_>) {
//!         match heard {
//!             Heard::Woken => {
//!                 let (user, now) = (User::new("driver_1", Role::BusDriver), around.now().wall);
//!                 let text = |_: &_, number| format!("token {number}");
//!                 let token = around.tokens().issue(&user, now, text);
//!                 around.connect(1, &token, Duration::from_secs(25));
//!             }
//!             Heard::Opened { link } => {
//!                 around.send(link, r#"{"type": "get_active_conversations", "data": {}}"#.into());
//!             }
//!             Heard::Frame { frame, .. } => self.heard.push(frame),
//!             Heard::Lost { .. } => {}
//!         }
//!     }
//! }
//!
//! let store = MemoryState::new("epoch_1");
//! let mut simulation = Simulation::new(Random::new(7), Faults::none(), Limits::default(), store);
//! simulation.add(Curious { heard: Vec::new() });
//! simulation.begin(Plan::default());
//! simulation.run_for(Duration::from_secs(5)).expect("P1 to P8 hold");
//! simulation.settled().expect("and nothing is missing");
//! assert_eq!(simulation.clients()[0].heard.len(), 1);
//! ```
//!
//! Throughout, an [oracle](super::oracle) checks the promises P1 to P8 against the frames of all
//! connections and the store, and the run stops at the first broken promise. [`shrink()`] makes
//! such a run as short as possible, and returns its trace.

mod accounts;
mod agenda;
mod client;
mod environment;
mod faults;
mod network;
mod nodes;
mod random;
mod schedule;
mod server;
mod shrink;
mod tokens;

use std::time::Duration;

pub use agenda::{Entry, Plan, Trace};
pub use client::{Client, ClientId, Heard, Surroundings};
use environment::Environment;
pub use faults::{Counters, Faults};
use nodes::CLOCK_ERROR_MOST;
pub use nodes::{NodeCounters, NodeFaults};
pub use random::Random;
pub use server::Policy;
pub use shrink::{Shrunk, shrink};
pub use tokens::Issuer;

use super::oracle::{Checked, PromiseError};
use crate::export::Export;
use crate::limits::Limits;
use crate::store::MemoryState;
use crate::time::Now;

/// Most that may happen at one moment: beyond it a client keeps itself busy, and time would never
/// pass.
const MOST_AT_ONCE: u32 = 100_000;

/// The time without a change after which every server has told the last one.
const STILL_FOR: Duration = Duration::from_secs(5);

/// Clients, a server and the network between them. See the [module](self).
pub struct Simulation<C> {
    clients: Vec<C>,
    environment: Environment,
}

impl<C: Client> Simulation<C> {
    /// A server that has not started, over this store.
    pub fn new(random: Random, faults: Faults, limits: Limits, store: MemoryState) -> Self {
        Self { clients: Vec::new(), environment: Environment::new(random, faults, limits, store) }
    }

    /// Adds a client, which is woken at once.
    pub fn add(&mut self, client: C) -> ClientId {
        self.clients.push(client);
        let id = self.environment.add_client();
        self.environment.client_sleeps(id, Some(self.environment.now.monotonic));
        id
    }

    /// Has each start of the server draw its policy of teams from these.
    pub fn set_policies(&mut self, policies: Vec<Policy>) {
        self.environment.server.policies = policies;
    }

    /// Starts the server and the faults, except for the entries left out by the plan.
    pub fn begin(&mut self, plan: Plan) {
        self.environment.begin(plan);
    }

    /// Lets time pass and its events happen, up to the first broken promise. Nothing happens after
    /// a broken promise.
    ///
    /// # Errors
    ///
    /// The promise that is broken.
    ///
    /// # Panics
    ///
    /// If a client keeps itself busy without any time passing, which is a fault of the client.
    pub fn run_for(&mut self, span: Duration) -> Result<(), PromiseError> {
        let end = self.environment.now.monotonic.plus(span);
        let mut at_once = 0;
        loop {
            if let Some(broken) = self.environment.broken.clone() {
                return Err(broken);
            }
            let Some((at, what)) = self.environment.schedule.next(end) else { break };
            at_once = if at > self.environment.now.monotonic { 0 } else { at_once + 1 };
            assert!(at_once < MOST_AT_ONCE, "time stands still: {what:?} again and again");
            self.environment.set_time(at);
            if let Some((client, heard)) = self.environment.happen(what) {
                if !matches!(heard, Heard::Woken) {
                    self.environment.note(|| format!("{client:?} hears {heard:?}"));
                }
                self.tell(client, |client, around| client.handle(heard, around));
            }
        }
        self.environment.set_time(end);
        Ok(())
    }

    /// Lets time pass until nothing was stored for a while: alerts of emergencies never end.
    ///
    /// # Errors
    ///
    /// The promise that is broken.
    pub fn rest_for(&mut self, span: Duration) -> Result<(), PromiseError> {
        self.run_for(span)?;
        while self.environment.now.monotonic.since(self.environment.oracle().last_look()) < STILL_FOR {
            self.run_for(STILL_FOR)?;
        }
        Ok(())
    }

    /// Checks the rest of the promises in a run at rest: every request that reached the server is
    /// answered, and each connection has heard everything due.
    ///
    /// # Errors
    ///
    /// The promise that is broken.
    pub fn settled(&self) -> Result<(), PromiseError> {
        self.environment.oracle().alerts_are_timely(self.environment.now.monotonic)?;
        // The clocks were wrong until the faults were healed.
        let has_clocks = self.environment.faults.nodes.shared;
        let error = if has_clocks { CLOCK_ERROR_MOST } else { Duration::ZERO };
        self.environment.oracle().orders_are_ended(self.environment.now.monotonic, error)?;
        self.environment.oracle().settled(self.export())
    }

    /// Checks that each connection of an active control user that has walked through its list at
    /// rest was shown all conversations of the user's teams. Returns their number.
    ///
    /// # Errors
    ///
    /// The promise that is broken.
    pub fn control_sees_all(&self) -> Result<u64, PromiseError> {
        self.environment.oracle().control_sees_all(self.export())
    }

    /// Has a client do something.
    pub fn tell<T>(&mut self, client: ClientId, act: impl FnOnce(&mut C, &mut Surroundings<'_>) -> T) -> T {
        let mut around = Surroundings { client, environment: &mut self.environment };
        act(&mut self.clients[client.0], &mut around)
    }

    /// Ends all faults, and makes new tokens good for a day. Network and store are no faster, and
    /// broken connections are still detected only by their heartbeats.
    ///
    /// The server starts once more if the answer to a completed commit was lost. Its engine has
    /// announced nothing of such a commit: a client catches up only by a new connection or at the
    /// next message.
    pub fn heal(&mut self) {
        self.environment.heal();
        if self.environment.server.has_untold() {
            self.environment.crash(0);
        }
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.environment.now
    }

    /// The issuer of tokens.
    pub fn tokens(&mut self) -> &mut Issuer {
        &mut self.environment.tokens
    }

    /// The clients' ids, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = ClientId> + use<C> {
        (0..self.clients.len()).map(ClientId)
    }

    /// The clients, in the order in which they were added.
    pub fn clients(&self) -> &[C] {
        &self.clients
    }

    /// Everything that the server has on its disk.
    pub fn export(&self) -> &Export {
        self.environment.server.exported()
    }

    /// The stores that a backup has replaced, the oldest first.
    pub fn past(&self) -> &[Export] {
        self.environment.server.past()
    }

    /// The number of faults so far.
    pub fn counters(&self) -> Counters {
        self.environment.counters
    }

    /// Counts of the situations that only nodes of a shared store know.
    pub fn node_counters(&self) -> NodeCounters {
        self.environment.server.counters
    }

    /// How often each promise could have been broken so far.
    pub fn checked(&self) -> Checked {
        self.environment.oracle().checked()
    }

    /// How often a client was woken, tried to connect or sent something: at rest this stands still.
    pub fn activity(&self) -> u64 {
        self.environment.activity
    }
}
