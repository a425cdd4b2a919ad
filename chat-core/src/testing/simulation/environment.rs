//! All of a simulation but its clients: time, chance, what is to happen, and what goes wrong by itself.

use std::time::Duration;

use super::client::{ClientId, Heard};
use super::faults::{Counters, Fault, Faults};
use super::network::Network;
use super::random::Random;
use super::schedule::Schedule;
use super::server::{Fate, LoadAnswer, Server};
use super::tokens::Issuer;
use crate::engine::{ConnectionId, Input, Ticket};
use crate::frame::Frame;
use crate::limits::Limits;
use crate::store::MemoryState;
use crate::time::{Monotonic, Now};

/// Where the lines of a trace go, each with its time.
pub type Trace = Box<dyn FnMut(Monotonic, &str)>;

/// Something that is to happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// A client is to be woken, if this is still the time that it wants.
    Wake(ClientId),
    /// An attempt to connect reaches the server.
    Reaches { conn: ConnectionId, token: String },
    /// The client hears that the connection stands.
    Stands(ConnectionId),
    /// A frame reaches the server (`up`) or the client.
    Arrives { conn: ConnectionId, up: bool, frame: Frame },
    /// The server reads a connection again.
    Reads(ConnectionId),
    /// The client hears of the end of its connection.
    ClientHears(ConnectionId, &'static str),
    /// The server hears of it.
    ServerHears(ConnectionId),
    /// The engine of this life is to be woken.
    EngineWakes { life: u64 },
    /// The store has an answer for the engine of this life.
    Loaded { life: u64, ticket: Ticket, answer: LoadAnswer },
    /// What is under way to the disk has come there, or not.
    Synced { life: u64, fate: Fate },
    /// The store says so.
    Committed { life: u64, ticket: Ticket },
    /// The server crashes.
    Crashes,
    /// The server starts again.
    Starts,
    /// The store is backed up.
    BackedUp,
    /// Something goes wrong.
    Fails(Fault),
}

/// All of a simulation but its clients.
pub(super) struct Environment {
    pub(super) now: Now,
    pub(super) random: Random,
    pub(super) faults: Faults,
    pub(super) tokens: Issuer,
    pub(super) schedule: Schedule<Happening>,
    pub(super) network: Network,
    pub(super) server: Server,
    pub(super) counters: Counters,
    /// How often a client was woken, connected or sent something.
    pub(super) activity: u64,
    /// When each client wants to be woken.
    wakes: Vec<Option<Monotonic>>,
    trace: Option<Trace>,
}

impl Environment {
    pub(super) fn new(random: Random, faults: Faults, limits: Limits, store: MemoryState) -> Self {
        Self {
            now: Now { monotonic: Monotonic::default(), wall: crate::testing::world::START },
            random,
            faults,
            tokens: Issuer::new(Duration::from_hours(24)),
            schedule: Schedule::default(),
            network: Network::default(),
            server: Server::new(limits, store),
            counters: Counters::default(),
            activity: 0,
            wakes: Vec::new(),
            trace: None,
        }
    }

    /// The server starts, and things begin to go wrong.
    pub(super) fn begin(&mut self, trace: Option<Trace>) {
        self.trace = trace;
        self.note_faults();
        self.start();
        Fault::ALL.into_iter().for_each(|fault| self.fail_later(fault));
        self.back_up_later();
    }

    fn note_faults(&mut self) {
        let faults = self.faults.clone();
        self.note(|| format!("{faults:?}"));
    }

    /// From now on nothing goes wrong any more.
    pub(super) fn heal(&mut self) {
        self.note(|| "everything heals".to_owned());
        let (latency, store_takes) = (self.faults.latency.clone(), self.faults.store_takes.clone());
        self.faults = Faults { latency, store_takes, ..Faults::none() };
        self.server.crashes_while_syncing = false;
        self.network.heal();
        self.tokens.lifetime = Duration::from_hours(24);
    }

    pub(super) fn add_client(&mut self) -> ClientId {
        self.wakes.push(None);
        ClientId(self.wakes.len() - 1)
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace(self.now.monotonic, &line());
        }
    }

    pub(super) fn set_time(&mut self, to: Monotonic) {
        self.now.wall = self.now.wall.plus(to.since(self.now.monotonic));
        self.now.monotonic = to.max(self.now.monotonic);
    }

    pub(super) fn later(&mut self, pause: Duration, what: Happening) {
        self.schedule.put(self.now.monotonic.plus(pause), what);
    }

    pub(super) fn client_sleeps(&mut self, client: ClientId, at: Option<Monotonic>) {
        let wake = &mut self.wakes[client.0];
        if *wake == at {
            return;
        }
        *wake = at;
        if let Some(at) = at {
            self.schedule.put(at.max(self.now.monotonic), Happening::Wake(client));
        }
    }

    /// Lets it happen. What a client hears of it is for the caller to tell.
    pub(super) fn happen(&mut self, what: Happening) -> Option<(ClientId, Heard)> {
        match what {
            Happening::Wake(client) => return self.wake(client),
            Happening::Stands(conn) => return self.stands(conn),
            Happening::Arrives { conn, up: false, frame } => return self.arrives_at_client(conn, frame),
            Happening::ClientHears(conn, reason) => return self.client_hears_the_end(conn, reason),
            Happening::Reaches { conn, token } => self.reaches(conn, &token),
            Happening::Arrives { conn, up: true, frame } => self.arrives_at_server(conn, frame),
            Happening::Reads(conn) => self.read(conn),
            Happening::ServerHears(conn) => self.server_hears_the_end(conn),
            Happening::EngineWakes { life } => self.engine_wakes(life),
            Happening::Loaded { life, ticket, answer } => self.loaded(life, ticket, answer),
            Happening::Synced { life, fate } => self.synced(life, fate),
            Happening::Committed { life, ticket } => self.committed(life, ticket),
            Happening::Crashes => self.crash(),
            Happening::Starts => self.start(),
            Happening::BackedUp => {
                self.server.back_up();
                self.back_up_later();
            }
            Happening::Fails(fault) => self.fails(fault),
        }
        None
    }

    fn wake(&mut self, client: ClientId) -> Option<(ClientId, Heard)> {
        let wake = &mut self.wakes[client.0];
        wake.take_if(|at| *at <= self.now.monotonic)?;
        self.activity += 1;
        Some((client, Heard::Woken))
    }

    fn fails(&mut self, fault: Fault) {
        if fault.pause(&self.faults).is_none() {
            return;
        }
        match fault {
            Fault::Cut => self.cut_any(),
            Fault::BlackHole => self.swallow_any(),
            Fault::Crash if self.random.percent(50) => self.server.crashes_while_syncing = true,
            Fault::Crash => self.crash(),
            Fault::Restore => self.restore(),
        }
        self.fail_later(fault);
    }

    /// Around the mean pause.
    fn fail_later(&mut self, fault: Fault) {
        if let Some(pause) = fault.pause(&self.faults) {
            let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            let pause = self.random.span(millis / 2..millis / 2 * 3);
            self.later(pause, Happening::Fails(fault));
        }
    }

    fn back_up_later(&mut self) {
        if self.faults.restores.is_some() {
            let pause = self.random.span(3_000..20_000);
            self.later(pause, Happening::BackedUp);
        }
    }

    /// Gives the engine an input, if there is one, and does what it asks for.
    pub(super) fn input(&mut self, input: Input) {
        if let Some(engine) = &mut self.server.engine {
            engine.handle(self.now, input);
            self.act();
        }
    }
}
