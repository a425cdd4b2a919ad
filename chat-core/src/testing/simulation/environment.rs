//! The simulation without its clients: time, chance, the schedule, and spontaneous faults.

use std::collections::BTreeSet;
use std::time::Duration;

use super::agenda::{Entry, Plan};
use super::client::{ClientId, Heard};
use super::faults::{Counters, FaultKind, Faults};
use super::network::Network;
use super::random::Random;
use super::schedule::Schedule;
use super::server::{Fate, LateCommit, LoadAnswer, Server};
use super::tokens::Issuer;
use crate::engine::{ConnectionId, Headroom, Input, Ticket, TypingHint};
use crate::export::Export;
use crate::frame::Frame;
use crate::id::UserId;
use crate::limits::Limits;
use crate::store::MemoryState;
use crate::testing::oracle::{Oracle, PromiseError};
use crate::time::{Monotonic, Now};

/// A scheduled event.
#[derive(Debug)]
pub(super) enum Happening {
    /// A client is woken, unless it has asked for another time since.
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
    /// The server hears of the end of a connection.
    ServerHears(ConnectionId),
    /// The engine of this life is to be woken.
    EngineWakes { life: u64 },
    /// The store has an answer for the engine of this life.
    Loaded { life: u64, ticket: Ticket, answer: LoadAnswer },
    /// A commit has reached the disk, or has failed.
    Synced { life: u64, fate: Fate },
    /// The store reports the end of a commit.
    Committed { life: u64, ticket: Ticket },
    /// A commit is done after its engine has given it up.
    DoneLate(LateCommit),
    /// The engine of this life hears the history of the store.
    Hears { life: u64 },
    /// The engine of this life hears a hint of another one.
    Hinted { life: u64, hint: TypingHint },
    /// The node of this life and the store reach each other again.
    Mends { life: u64 },
    /// A node crashes.
    Crashes(usize),
    /// A node starts again.
    Starts(usize),
    /// The store is backed up.
    BackedUp,
    /// Something goes wrong.
    Fails(FaultKind),
    /// A deactivated user is activated as soon as possible.
    Activates(UserId),
    /// The storage has enough room again.
    HasRoom,
}

/// The simulation without its clients.
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
    /// The number of the last command.
    pub(super) commands: u64,
    /// The deactivated users who are not activated any more.
    pub(super) kept_out: BTreeSet<UserId>,
    oracle: Oracle,
    /// The first promise that did not hold.
    pub(super) broken: Option<PromiseError>,
    around: Vec<Around>,
    pub(super) plan: Plan,
}

/// The environment's state of one client.
struct Around {
    /// When it wants to be woken.
    wake: Option<Monotonic>,
    random: Random,
    acts: u64,
    /// Whether the client takes part, once decided.
    takes_part: Option<bool>,
}

impl Environment {
    pub(super) fn new(random: Random, faults: Faults, limits: Limits, store: MemoryState) -> Self {
        let nodes = &faults.nodes;
        let server = Server::new(limits.clone(), store, nodes.count, nodes.shared);
        Self {
            now: Now { monotonic: Monotonic::default(), wall: crate::testing::world::START },
            random,
            faults,
            tokens: Issuer::new(Duration::from_hours(24)),
            schedule: Schedule::default(),
            network: Network::default(),
            oracle: Oracle::new(limits, server.exported()),
            server,
            counters: Counters::default(),
            activity: 0,
            commands: 0,
            kept_out: BTreeSet::new(),
            broken: None,
            around: Vec::new(),
            plan: Plan::default(),
        }
    }

    /// The server starts, and things begin to go wrong.
    pub(super) fn begin(&mut self, plan: Plan) {
        self.plan = plan;
        self.note_faults();
        (0..self.server.nodes.len()).for_each(|node| self.start(node));
        FaultKind::ALL.into_iter().for_each(|fault| self.fail_later(fault));
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
        self.faults = Faults { latency, store_takes, nodes: self.faults.nodes.healed(), ..Faults::none() };
        self.heal_nodes();
        self.set_headroom(Headroom::Ample);
        self.network.heal();
        self.tokens.lifetime = Duration::from_hours(24);
    }

    pub(super) fn add_client(&mut self) -> ClientId {
        let random = Random::new(self.random.below(u64::MAX));
        self.around.push(Around { wake: None, random, acts: 0, takes_part: None });
        ClientId(self.around.len() - 1)
    }

    pub(super) fn chance_of(&mut self, client: ClientId) -> &mut Random {
        &mut self.around[client.0].random
    }

    pub(super) fn acts(&mut self, client: ClientId) -> bool {
        let around = &mut self.around[client.0];
        around.acts += 1;
        let entry = Entry::Act(client, around.acts);
        self.plan.allows(entry)
    }

    /// Whether a fault with this chance happens now.
    pub(super) fn mishap(&mut self, percent: u64) -> bool {
        self.random.percent(percent) && self.plan.allows_fault()
    }

    /// Shows the oracle something, together with the store's current content.
    pub(super) fn show(&mut self, see: impl FnOnce(&mut Oracle, &Export) -> Result<(), PromiseError>) {
        if self.broken.is_some() {
            return;
        }
        self.broken = see(&mut self.oracle, self.server.exported()).err();
        if let Some(broken) = self.broken.clone() {
            self.note(|| format!("BROKEN {broken}"));
        }
    }

    pub(super) fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.plan.trace {
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
        let wake = &mut self.around[client.0].wake;
        if *wake == at {
            return;
        }
        *wake = at;
        if let Some(at) = at {
            self.schedule.put(at.max(self.now.monotonic), Happening::Wake(client));
        }
    }

    /// Carries out an event, and returns the news for a client, which the caller delivers.
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
            Happening::DoneLate(late) => self.do_late(late),
            Happening::Hears { life } => self.hears(life),
            Happening::Hinted { life, hint } => self.hinted(life, hint),
            Happening::Mends { life } => self.mends(life),
            Happening::Crashes(node) => self.crash(node),
            Happening::Starts(node) => self.start(node),
            Happening::BackedUp => {
                self.server.back_up();
                self.back_up_later();
            }
            Happening::Fails(fault) => self.fails(fault),
            Happening::Activates(user) => self.activate(user),
            Happening::HasRoom => self.set_headroom(Headroom::Ample),
        }
        None
    }

    fn wake(&mut self, client: ClientId) -> Option<(ClientId, Heard)> {
        let wake = &mut self.around[client.0].wake;
        wake.take_if(|at| *at <= self.now.monotonic)?;
        if !self.takes_part(client) {
            return None;
        }
        self.activity += 1;
        Some((client, Heard::Woken))
    }

    fn takes_part(&mut self, client: ClientId) -> bool {
        let plan = &mut self.plan;
        *self.around[client.0].takes_part.get_or_insert_with(|| plan.allows(Entry::Client(client)))
    }

    fn fails(&mut self, fault: FaultKind) {
        if fault.pause(&self.faults).is_none() {
            return;
        }
        match fault {
            _ if !self.plan.allows_fault() => {}
            FaultKind::Cut => self.cut_any(),
            FaultKind::BlackHole => self.swallow_any(),
            FaultKind::Crash => self.crash_any(),
            FaultKind::Restore => self.restore(),
            FaultKind::Import => self.import_any(),
            FaultKind::Deactivation => self.deactivate_any(),
            FaultKind::Membership => self.change_any_membership(),
            FaultKind::LowStorage => self.storage_runs_low(),
            FaultKind::Partition => self.cut_off_any(),
            FaultKind::Failover => self.fail_over(),
        }
        self.fail_later(fault);
    }

    fn crash_any(&mut self) {
        let is_at_sync = self.random.percent(50);
        match self.any_node() {
            Some(node) if is_at_sync => self.server.nodes[node].crashes_while_syncing = true,
            Some(node) => self.crash(node),
            None => {}
        }
    }

    /// Schedules the next fault of this kind, around the mean pause.
    fn fail_later(&mut self, fault: FaultKind) {
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

    /// Shows the oracle an input before the engine sees it.
    fn show_input(&mut self, node: usize, input: &Input) {
        let server = self.server.life(node);
        match input {
            Input::Connected { conn, claims } => {
                self.note(|| format!("{conn:?} at node {node} is one of {}", claims.user.id));
                self.show(|oracle, _| {
                    oracle.opened(server, conn.0, claims.user.id.as_str(), claims.user.role.is_control())
                });
            }
            Input::Frame { conn, frame: Frame::Text(text) } => {
                let text = String::from_utf8_lossy(text);
                self.note(|| format!("{conn:?} asks {text}"));
                self.show(|oracle, store| oracle.asked(conn.0, &text, store));
            }
            Input::Closed { conn } => self.show(|oracle, _| oracle.ended(conn.0, None)),
            Input::Headroom(headroom) => {
                let room = crate::testing::room(*headroom);
                self.note(|| format!("the storage has {room:?} room"));
                self.show(|oracle, _| {
                    oracle.has_room(server, room);
                    Ok(())
                });
            }
            _ => {}
        }
    }

    /// Gives a running engine an input, and carries out every pending output.
    pub(super) fn input(&mut self, node: usize, input: Input) {
        if self.server.nodes[node].engine.is_some() {
            self.show_input(node, &input);
        }
        let now = self.now_at(node);
        if let Some(engine) = &mut self.server.nodes[node].engine {
            engine.handle(now, input);
            self.act(node);
        }
    }
}
