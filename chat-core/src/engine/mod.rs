//! The state machine: one plain synchronous value, without I/O, clock or randomness.
//!
//! # The contract
//!
//! - Give every [`Input`] to [`Engine::handle`] with the time at which it is given. `now.monotonic` must not fall.
//! - After one or more inputs, call [`Engine::poll`] until it gives `None`, and do each [`Output`] in that order.
//!   More inputs before polling make larger commits.
//! - The same seed and the same inputs give the same outputs, always.
//! - The first outputs of a new engine load what it needs; connections that come before that wait inside.
//!
//! [`drive`](crate::drive) does all this over any transport. By hand, it is this loop:
//!
//! ```
//! use chat_core::engine::{Claims, ConnectionId, Engine, Input, Output, Settings};
//! use chat_core::drive::Frame;
//! use chat_core::protocol::{Role, User};
//! use chat_core::store::{MemoryStore, Store};
//! use chat_core::time::{Now, Timestamp};
//! use futures::executor::block_on;
//!
//! let store = MemoryStore::new("epoch");
//! let mut engine = Engine::new(Settings::default(), [7; 32]);
//! let conn = ConnectionId(1);
//! let claims = Claims { user: User::new("driver_1", Role::BusDriver), expires_at: Timestamp::from_millis(1_000_000), issued_at: None };
//! let ask = r#"{"type": "create_support_conversation", "data": {"title": "Detour", "content": "Road closed"}}"#;
//!
//! let mut replies = Vec::new();
//! let mut inputs = vec![Input::Frame { conn, frame: Frame::Text(ask.into()) }, Input::Connected { conn, claims }];
//! while let Some(input) = inputs.pop() {
//!     engine.handle(Now::default(), input);
//!     while let Some(output) = engine.poll() {
//!         match output {
//!             Output::Send { frame, .. } => replies.push(frame),
//!             Output::Load { ticket, query } => {
//!                 inputs.push(Input::Loaded { ticket, result: block_on(store.load(query)) });
//!             }
//!             Output::Commit { ticket, changes } => {
//!                 inputs.push(Input::Committed { ticket, result: block_on(store.commit(changes)) });
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//! assert!(replies[0].starts_with(br#"{"success":true,"message":"Support conversation created successfully""#));
//! assert!(replies[1].starts_with(br#"{"type":"new_message""#));
//! ```

mod apply;
mod assignment;
mod budget;
mod cache;
mod command;
mod commit;
mod connection;
mod deliver;
mod directory;
mod enrolment;
mod event;
mod handler;
mod headroom;
mod ids;
mod intent;
mod io;
mod key_locks;
mod load;
mod newcomers;
mod online;
mod origin;
mod pending_request;
mod progress;
mod rate;
mod rights;
mod session;
mod stats;
mod timers;
mod typing;
mod weight;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use assignment::{AllControl, Assignment, SupportRequest};
use budget::Budgets;
use cache::Cache;
use commit::Commits;
use connection::Connection;
use directory::ControlDirectory;
use enrolment::Enrolment;
pub use event::Event;
pub use headroom::Headroom;
use ids::Ids;
pub use io::{Claims, Class, Command, CommandId, ConnectionId, Handled, Input, Output, Ticket, VerifyError};
use key_locks::KeyLocks;
use load::PendingCalls;
use newcomers::Newcomers;
use online::Online;
use origin::Origin;
use pending_request::{Operation, PendingRequest};
use rate::Rates;
pub use stats::{Answered, EngineStats};
use timers::{Timer, Timers};
use typing::Typing;

use crate::id::{ConversationId, Epoch, UserId};
use crate::limits::Limits;
use crate::time::Now;

/// What an embedder may set.
pub struct Settings {
    /// Every bound.
    pub limits: Limits,
    /// Who in control takes part in a support conversation.
    pub assignment: Box<dyn Assignment>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), assignment: Box::new(AllControl) }
    }
}

/// The chat as a state machine. See the [module](self) for its contract.
pub struct Engine {
    limits: Limits,
    assignment: Box<dyn Assignment>,
    now: Now,
    /// Of the store's numbers, once the directory is loaded: see `ready`.
    epoch: Epoch,
    /// Whether the directory is loaded.
    ready: bool,
    draining: Draining,
    ids: Ids,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Those that live events may have to wait on: see [`Connection::place`].
    deferring: BTreeSet<ConnectionId>,
    /// Connections by a token of field staff whose user is in control, or was: see [`rights`].
    restricted: BTreeSet<ConnectionId>,
    online: Online,
    directory: ControlDirectory,
    rates: Rates,
    budgets: Budgets,
    headroom: Headroom,
    cache: Cache,
    typing: Typing,
    /// Where connections that are gone were typing: ended at the end of each input. A work list and no call for each,
    /// because what others hear of one end may be too much for them, and end them too.
    left_typing: VecDeque<(ConnectionId, UserId, ConversationId)>,
    enrolment: Enrolment,
    commits: Commits,
    key_locks: KeyLocks,
    newcomers: Newcomers,
    calls: PendingCalls,
    /// Commands under way. Bounded by whoever gives them: each is answered.
    commands: BTreeMap<CommandId, Box<PendingRequest>>,
    /// What can't go on before the directory is loaded, or a user's account is settled; and what goes on next, for what it
    /// may repeat has ended.
    /// Bounded by the connections and commands that it holds.
    blocked: Vec<Origin>,
    timers: Timers,
    /// Answers to clients since the start.
    answered: Answered,
    outputs: VecDeque<Output>,
}

/// How far the end of the service has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Draining {
    No,
    Yes,
    /// [`Output::Drained`] was given.
    Done,
}

impl Engine {
    /// An engine that knows nothing yet. `seed` makes its ids: in production it must be fresh random bytes.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let Settings { limits, assignment } = settings;
        let mut engine = Self {
            assignment,
            now: Now::default(),
            epoch: Epoch::from(""),
            ready: false,
            draining: Draining::No,
            ids: Ids::new(seed),
            connections: BTreeMap::new(),
            deferring: BTreeSet::new(),
            restricted: BTreeSet::new(),
            online: Online::default(),
            directory: ControlDirectory::default(),
            headroom: Headroom::default(),
            budgets: Budgets::new(&limits.rates, limits.engine.rated_users),
            rates: Rates::new(limits.rates.clone(), limits.engine.rated_users),
            cache: Cache::new(limits.engine.cached_conversations),
            typing: Typing::default(),
            left_typing: VecDeque::new(),
            enrolment: Enrolment::default(),
            commits: Commits::default(),
            key_locks: KeyLocks::default(),
            newcomers: Newcomers::default(),
            calls: PendingCalls::default(),
            commands: BTreeMap::new(),
            blocked: Vec::new(),
            timers: Timers::default(),
            answered: Answered::new(),
            outputs: VecDeque::new(),
            limits,
        };
        engine.load_directory();
        engine
    }

    /// Takes in what has happened. What it leads to is given by [`poll`](Self::poll).
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
            Input::Loaded { ticket, result } => self.loaded(ticket, result),
            Input::Committed { ticket, result } => self.committed(ticket, result),
            Input::Headroom(headroom) => self.headroom = headroom,
            Input::Disconnect { conn } => self.disconnect_gracefully(conn),
            Input::Drain => self.drain(),
            Input::Tick => self.timers.woken(),
        }
        while let Some(timer) = self.timers.fire(self.now.monotonic) {
            self.on_timer(timer);
        }
        let ready = self.newcomers.ready();
        self.resume(ready);
        while let Some((conn, user, conversation)) = self.left_typing.pop_front() {
            self.stop_typing(conn, &user, &conversation);
        }
    }

    /// The next thing to do, or `None` until there is another input.
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

    /// The bounds that were set.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Typing(conversation, user) => self.typing_due(conversation, user),
            Timer::Token(conn) => self.token_due(conn),
            Timer::Rest(conn) => self.rested(conn),
            Timer::Directory => self.load_directory(),
            Timer::Enrolment => self.enrolment_step(),
        }
    }

    fn command(&mut self, id: CommandId, command: Command) {
        let user = std::sync::Arc::new(command::acting_user(&command));
        let pending = Box::new(PendingRequest::new(Operation::Command(command), user));
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
