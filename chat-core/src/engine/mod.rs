//! The engine: the whole chat as one synchronous state machine, without I/O, clock or randomness.
//!
//! # The contract
//!
//! - Give every [`Input`] to [`Engine::handle`] with the current time. `now.monotonic` must not
//!   fall.
//! - After one or more inputs, call [`Engine::poll`] until it returns `None`, and carry out each
//!   [`Output`] in order. More inputs before polling make larger commits.
//! - The same seed and the same inputs always give the same outputs.
//! - A new engine first loads the users of teams. Connections opened earlier wait inside, or are
//!   refused with 1013 if the store is [shared](crate::store::Directory::shared).
//! - An engine of a shared store ends by itself when the store begins another epoch: every
//!   connection gets 1001, then comes [`Output::Drained`]. A new engine goes on.
//!
//! The [crate's documentation](crate) describes the way of a message through these modules.
//!
#![doc = include_str!("../../BY_HAND.md")]

mod apply;
mod budget;
mod cache;
mod charging;
mod command;
mod commit;
mod connection;
mod deliver;
mod directory;
mod emergencies;
mod follow;
mod handled;
mod handler;
mod headroom;
mod ids;
mod in_flight;
mod io;
mod key_locks;
mod load;
mod online;
mod orders;
mod origin;
mod pending_request;
mod progress;
mod rate;
mod rights;
mod session;
mod settings;
mod stats;
mod teams;
mod timers;
mod typing;
mod weight;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use budget::Budgets;
use cache::Cache;
use commit::Commits;
use connection::Connection;
use directory::StaffDirectory;
use emergencies::LiveEmergencies;
use follow::{Follow, StoreAnswer};
pub use handled::Handled;
pub use headroom::Headroom;
use ids::Ids;
pub use io::{Claims, Class, Command, CommandId, ConnectionId, Input, Output, Ticket, VerifyError};
use key_locks::KeyLocks;
use load::PendingCalls;
use online::Online;
use orders::OpenOrders;
use origin::Origin;
use pending_request::{Operation, PendingRequest};
use rate::Rates;
pub use settings::{LONGEST_PERIOD, Settings, SettingsError};
pub use stats::{Answered, EngineStats};
pub use teams::{OneTeam, SupportRequest, Teams};
use timers::{Timer, Timers};
pub use typing::TypingHint;
use typing::{Typing, TypingPlace};

use crate::id::{ConversationId, Epoch, UserId};
use crate::limits::Limits;
use crate::phrases::Phrases;
use crate::store::{Account, StoredAccount};
use crate::time::Now;

/// The chat as a state machine. See the [module](self) for its contract.
pub struct Engine {
    limits: Limits,
    teams: Box<dyn Teams>,
    server: Option<Arc<str>>,
    phrases: Arc<Phrases>,
    now: Now,
    /// The epoch of the store's numbers, known once the directory is loaded.
    epoch: Epoch,
    /// Whether the directory is loaded.
    ready: bool,
    draining: Draining,
    ids: Ids,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The number of connections so far.
    connected: u64,
    /// Connections on which live events may be deferred: see [`Connection::place`].
    deferring: BTreeSet<ConnectionId>,
    online: Online,
    directory: StaffDirectory,
    emergencies: LiveEmergencies,
    orders: OpenOrders,
    rates: Rates,
    budgets: Budgets,
    headroom: Headroom,
    cache: Cache,
    typing: Typing,
    /// Typing states of closed connections, ended after each input.
    ///
    /// A work list instead of recursion, because the events of one end may overflow other
    /// connections and close them too.
    left_typing: VecDeque<(ConnectionId, UserId, ConversationId)>,
    commits: Commits,
    follow: Follow,
    key_locks: KeyLocks,
    calls: PendingCalls,
    /// Pending commands. Bounded by the embedder, because each is answered.
    commands: BTreeMap<CommandId, Box<PendingRequest>>,
    /// Work to retry: blocked on the directory, on an account change, or on an earlier request with
    /// the same key. Bounded by the connections and commands.
    blocked: Vec<Origin>,
    timers: Timers,
    /// Answers to clients since the start.
    answered: Answered,
    joins_beyond: u64,
    outputs: VecDeque<Output>,
}

/// The progress of a shutdown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Draining {
    No,
    Yes,
    /// [`Output::Drained`] was given.
    Done,
}

impl Engine {
    /// Creates an engine without any state.
    ///
    /// Ids are derived from `seed`. In production, use fresh random bytes. Any settings are taken:
    /// [`Settings::check`] finds senseless ones.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let Settings { limits, teams, server, phrases } = settings;
        let mut engine = Self {
            teams,
            server,
            phrases,
            now: Now::default(),
            epoch: Epoch::from(""),
            ready: false,
            draining: Draining::No,
            ids: Ids::new(seed),
            connections: BTreeMap::new(),
            connected: 0,
            deferring: BTreeSet::new(),
            online: Online::default(),
            directory: StaffDirectory::default(),
            emergencies: LiveEmergencies::default(),
            orders: OpenOrders::default(),
            headroom: Headroom::default(),
            budgets: Budgets::new(&limits.rates, limits.engine.rated_users),
            rates: Rates::new(limits.rates.clone(), limits.engine.rated_users),
            cache: Cache::new(limits.engine.cached_conversations),
            typing: Typing::default(),
            left_typing: VecDeque::new(),
            commits: Commits::default(),
            follow: Follow::new(ids::life(seed)),
            key_locks: KeyLocks::default(),
            calls: PendingCalls::default(),
            commands: BTreeMap::new(),
            blocked: Vec::new(),
            timers: Timers::default(),
            answered: Answered::new(),
            joins_beyond: 0,
            outputs: VecDeque::new(),
            limits,
        };
        engine.load_directory();
        engine
    }

    /// Processes an input. Its outputs are returned by [`poll`](Self::poll).
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = Now { monotonic: now.monotonic.max(self.now.monotonic), wall: now.wall };
        match input {
            Input::Connected { conn, claims } => self.connected(conn, claims),
            Input::Frame { conn, frame } => self.frame(conn, &frame),
            Input::Alive { conn, at } => self.alive(conn, at),
            Input::Closed { conn } => self.forget(conn),
            Input::Backlog { conn, waits } => self.backlog(conn, waits),
            Input::Command { id, command } => self.command(id, command),
            Input::Verified { ticket, result } => self.verified(ticket, result),
            Input::Loaded { ticket, result } => self.answered(StoreAnswer::Loaded(ticket, result)),
            Input::Committed { ticket, result } => self.answered(StoreAnswer::Committed(ticket, result)),
            Input::Heard { result } => self.followed(result),
            Input::Headroom(headroom) => self.headroom = headroom,
            Input::TypingHint(hint) => self.typing_elsewhere(hint),
            Input::Phrases(phrases) => self.phrases = phrases,
            Input::Disconnect { conn, code } => self.disconnect_gracefully(conn, code),
            Input::Drain => self.drain(),
            Input::Tick => self.timers.woken(),
        }
        while let Some(timer) = self.timers.fire(self.now.monotonic) {
            self.on_timer(timer);
        }
        while let Some((conn, user, conversation)) = self.left_typing.pop_front() {
            self.stop_typing(TypingPlace::Here(conn), &user, &conversation);
        }
    }

    /// Returns the next output, or `None` until another input arrives.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if let Some(commit) = self.start_commit() {
            return Some(commit);
        }
        if self.draining == Draining::Yes && self.is_idle() {
            self.draining = Draining::Done;
            return Some(Output::Drained);
        }
        self.timers.announce().map(Output::WakeAt)
    }

    /// The limits of this engine.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Typing(conversation, user) => self.typing_due(conversation, user),
            Timer::Token(conn) => self.token_due(conn),
            Timer::Rest(conn) => self.rested(conn),
            Timer::Directory => self.load_directory(),
            Timer::Emergencies => self.load_emergencies(),
            Timer::Alert(id) => self.alert_due(id),
            Timer::Orders => self.load_orders(),
            Timer::Order(place) => self.order_due(place),
            Timer::Follow => self.follow_due(),
            Timer::Parked => self.parked_due(),
        }
    }

    fn command(&mut self, id: CommandId, command: Command) {
        if self.commands.contains_key(&id) {
            return;
        }
        let account = StoredAccount::unplaced(Account::new(command::acting_user(&command))).into();
        let pending = Box::new(PendingRequest::new(Operation::Command(command), account));
        if self.ready {
            return self.proceed(&Origin::Command(id), pending);
        }
        self.commands.insert(id, pending);
        self.blocked.push(Origin::Command(id));
    }

    fn is_idle(&self) -> bool {
        self.connections.is_empty() && self.commands.is_empty() && self.commits.is_idle()
    }
}
