//! An engine, a store and any number of connections in one value, with a clock moved by hand.

mod store;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;
pub use store::{Answer, Question};

use crate::engine::{
    Claims, Command, CommandId, ConnectionId, Engine, Handled, Input, Output, Settings, Ticket, TypingHint,
};
use crate::export::Export;
use crate::frame::Frame;
use crate::protocol::{CloseCode, Error, Reply, User};
use crate::store::{CommitId, Event, Loaded, MemoryState, Position};
use crate::testing::oracle::{Oracle, PromiseError};
use crate::time::{Monotonic, Now, Timestamp};

/// The wall time at which every world begins: 2024-01-15T10:30:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_705_314_600_000);

/// The number of the only server, for the oracle.
const SERVER: u64 = 0;

/// The peer's side of a connection.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Every frame so far, in order.
    pub frames: Vec<Value>,
    /// Why it was closed, if the engine closed it.
    pub closed: Option<CloseCode>,
    /// Whether the engine has asked not to read it.
    pub paused: bool,
}

/// An engine in a world of its own.
///
/// The store's questions are answered at once, unless [`hold`](Self::hold) is set: then each waits
/// for [`answer`](Self::answer).
pub struct World {
    /// The engine.
    pub engine: Engine,
    /// The store. All its content is durable.
    pub store: MemoryState,
    /// Whether the store's questions wait.
    pub hold: bool,
    /// The questions that wait.
    pub questions: Vec<Question>,
    /// The facts of each waiting load as they were when it was asked.
    begun: BTreeMap<Ticket, Loaded>,
    /// The connections that were ever opened.
    pub peers: BTreeMap<ConnectionId, Peer>,
    /// The name of the last commit.
    pub commit: Option<CommitId>,
    /// The position behind which the engine has asked for the events of a shared store.
    pub follows: Option<Position>,
    /// Published events that are not taken yet.
    pub events: VecDeque<Event>,
    /// Their positions, and whether the engine has committed them.
    pub published: Vec<(Position, bool)>,
    /// Hints for other engines about typing users.
    pub hints: Vec<TypingHint>,
    /// Answered requests that are not taken yet.
    pub handled: Vec<Handled>,
    /// The answers to commands.
    pub answers: BTreeMap<CommandId, Result<Reply, Error>>,
    /// Whether the engine has said that it is drained.
    pub drained: bool,
    /// The claims of the tokens that `refresh_token` may name.
    pub tokens: BTreeMap<String, Claims>,
    oracle: Option<Oracle>,
    now: Now,
    wake_at: Option<Monotonic>,
    next: u64,
}

impl World {
    /// An engine over an empty store.
    pub fn new(settings: Settings) -> Self {
        Self::over(MemoryState::new("epoch_1"), settings)
    }

    /// An engine over this store, as after a restart.
    pub fn over(store: MemoryState, settings: Settings) -> Self {
        Self::seeded(store, settings, [7; 32])
    }

    /// The same with a seed of its own, for several engines over one store.
    pub fn seeded(store: MemoryState, settings: Settings, seed: [u8; 32]) -> Self {
        let mut world = Self {
            engine: Engine::new(settings, seed),
            store,
            hold: false,
            questions: Vec::new(),
            begun: BTreeMap::new(),
            peers: BTreeMap::new(),
            commit: None,
            follows: None,
            events: VecDeque::new(),
            published: Vec::new(),
            hints: Vec::new(),
            handled: Vec::new(),
            answers: BTreeMap::new(),
            drained: false,
            tokens: BTreeMap::new(),
            oracle: None,
            now: Now { monotonic: Monotonic::default(), wall: START },
            wake_at: None,
            next: 0,
        };
        world.act();
        world
    }

    /// Checks the promises P1 to P8 at each event from now on.
    ///
    /// # Panics
    ///
    /// This function never does. Every later call that moves the world panics if a promise is
    /// broken.
    pub fn watch(&mut self) {
        let limits = self.engine.limits().clone();
        self.oracle = Some(Oracle::new(limits, self.store.exported()));
    }

    /// Checks the promises that hold once nothing is under way.
    ///
    /// # Panics
    ///
    /// If a promise is broken.
    pub fn assert_settled(&mut self) {
        self.show(|oracle, store| oracle.settled(store));
    }

    /// The time of this world.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Opens a connection with a token that is good for a day.
    pub fn connect(&mut self, user: &User) -> ConnectionId {
        self.connect_for(user, Duration::from_hours(24))
    }

    /// Opens a connection with a token that expires after this long, and does not say when it was
    /// issued.
    pub fn connect_for(&mut self, user: &User, token: Duration) -> ConnectionId {
        let expires_at = self.now.wall.plus(token);
        self.connect_by(Claims { user: user.clone(), expires_at, issued_at: None })
    }

    /// Opens a connection with a token that is good for a day, and was issued then.
    pub fn connect_issued(&mut self, user: &User, issued_at: Timestamp) -> ConnectionId {
        let expires_at = self.now.wall.plus(Duration::from_hours(24));
        self.connect_by(Claims { user: user.clone(), expires_at, issued_at: Some(issued_at) })
    }

    fn connect_by(&mut self, claims: Claims) -> ConnectionId {
        let conn = ConnectionId(self.number());
        self.peers.insert(conn, Peer::default());
        self.input(Input::Connected { conn, claims });
        conn
    }

    /// The peer of a connection goes away.
    pub fn disconnect(&mut self, conn: ConnectionId) {
        self.input(Input::Closed { conn });
    }

    /// A client sends a request.
    pub fn request(&mut self, conn: ConnectionId, kind: &str, data: Value) {
        let frame = serde_json::Map::from_iter([("type".to_owned(), kind.into()), ("data".to_owned(), data)]);
        self.text(conn, &Value::Object(frame).to_string());
    }

    /// A client sends any text.
    pub fn text(&mut self, conn: ConnectionId, text: &str) {
        self.input(Input::Frame { conn, frame: Frame::Text(text.to_owned().into()) });
    }

    /// A client sends a request, and this is all that it hears from then on until nothing more
    /// happens.
    pub fn ask(&mut self, conn: ConnectionId, kind: &str, data: Value) -> Vec<Value> {
        self.take(conn);
        self.request(conn, kind, data);
        self.take(conn)
    }

    /// Takes the frames that a peer has got so far.
    pub fn take(&mut self, conn: ConnectionId) -> Vec<Value> {
        self.peers.get_mut(&conn).map(|peer| std::mem::take(&mut peer.frames)).unwrap_or_default()
    }

    /// An embedder gives a command.
    pub fn command(&mut self, command: Command) -> CommandId {
        let id = CommandId(self.number());
        self.input(Input::Command { id, command });
        id
    }

    /// Lets time pass, waking the engine whenever it has asked for it.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.monotonic.plus(by);
        while let Some(at) = self.wake_at.filter(|at| *at <= end) {
            self.set_time(at);
            self.wake_at = None;
            self.input(Input::Tick);
        }
        self.set_time(end);
    }

    /// Sets the wall clock and leaves the monotonic clock alone, as an operator does.
    pub fn set_wall(&mut self, wall: Timestamp) {
        self.now.wall = wall;
    }

    /// Gives the engine an input, and carries out every pending output.
    pub fn input(&mut self, input: Input) {
        self.show_input(&input);
        self.engine.handle(self.now, input);
        self.act();
    }

    fn show(&mut self, see: impl FnOnce(&mut Oracle, &Export) -> Result<(), PromiseError>) {
        if let Some(Err(broken)) = self.oracle.as_mut().map(|oracle| see(oracle, self.store.exported())) {
            panic!("{broken}");
        }
    }

    fn show_input(&mut self, input: &Input) {
        match input {
            Input::Connected { conn, claims } => {
                self.show(|oracle, _| {
                    oracle.opened(SERVER, conn.0, claims.user.id.as_str(), claims.user.role.is_control())
                });
            }
            Input::Frame { conn, frame: Frame::Text(text) } => {
                self.show(|oracle, store| oracle.asked(conn.0, &String::from_utf8_lossy(text), store));
            }
            Input::Closed { conn } => self.show(|oracle, _| oracle.ended(conn.0, None)),
            Input::Headroom(headroom) => {
                let room = crate::testing::room(*headroom);
                self.show(|oracle, _| {
                    oracle.has_room(SERVER, room);
                    Ok(())
                });
            }
            _ => {}
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn set_time(&mut self, to: Monotonic) {
        self.now.wall = self.now.wall.plus(to.since(self.now.monotonic));
        self.now.monotonic = to.max(self.now.monotonic);
    }

    fn act(&mut self) {
        while let Some(output) = self.engine.poll() {
            self.act_on(output);
        }
    }

    fn act_on(&mut self, output: Output) {
        match output {
            Output::Send { conns, frame, .. } => {
                let told: Vec<_> = conns.iter().map(|conn| conn.0).collect();
                self.show(|oracle, store| oracle.told(&told, &frame, store));
                let frame: Value = serde_json::from_slice(&frame).expect("every frame is JSON");
                conns.iter().for_each(|conn| self.peer(*conn).frames.push(frame.clone()));
            }
            Output::Load { ticket, query } => self.ask_store(Question::Load(ticket, query)),
            Output::Commit { ticket, id, changes } => {
                self.commit = Some(id);
                self.ask_store(Question::Commit(ticket, changes));
            }
            Output::Follow { after } => self.follows = Some(after),
            Output::Verify { ticket, token } => {
                let result = self.tokens.get(&token).cloned().ok_or(crate::engine::VerifyError::Invalid);
                self.engine.handle(self.now, Input::Verified { ticket, result });
            }
            Output::Answer { id, result } => drop(self.answers.insert(id, result)),
            Output::Publish { position, event, here } => {
                self.events.push_back(event);
                self.published.push((position, here));
            }
            Output::HintTyping(hint) => self.hints.push(hint),
            Output::Handled(handled) => self.handled.push(handled),
            Output::Pause { conn } => self.peer(conn).paused = true,
            Output::Resume { conn } => self.peer(conn).paused = false,
            Output::Close { conn, code } => {
                self.show(|oracle, _| oracle.ended(conn.0, Some(code)));
                self.peer(conn).closed = Some(code);
            }
            Output::WakeAt(at) => self.wake_at = at,
            Output::Drained => self.drained = true,
        }
    }

    fn peer(&mut self, conn: ConnectionId) -> &mut Peer {
        let peer = self.peers.get_mut(&conn).expect("the engine knows only connections that were opened");
        assert!(peer.closed.is_none(), "{conn:?} was closed, and the engine still talks of it");
        peer
    }
}
