//! A running drive with clients over channels, on one thread and without time.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use chat_core::drive::{Drive, Frame, Handle, Observed, Session, SessionEnd, Verifier, join};
use chat_core::engine::{Claims, Engine, Settings, VerifyError};
use chat_core::protocol::User;
use chat_core::store::{
    Change, CommitId, Event, Followed, Loaded, MemoryStore, Position, Query, Store, UnavailableError, Verdict,
};
use chat_core::testing::StoppedClock;
use chat_core::time::Timestamp;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::executor::LocalPool;
use futures::task::{AtomicWaker, LocalSpawnExt};
use serde_json::{Value, json};

/// Lets commits through, or has them wait.
#[derive(Clone, Default)]
pub struct Gate(Arc<(AtomicBool, AtomicWaker)>, Arc<AtomicUsize>);

impl Gate {
    pub fn shut(&self) {
        self.0.0.store(true, Ordering::Release);
    }

    pub fn open(&self) {
        self.0.0.store(false, Ordering::Release);
        self.0.1.wake();
    }

    async fn pass(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
        std::future::poll_fn(|cx| {
            self.0.1.register(cx.waker());
            if self.0.0.load(Ordering::Acquire) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

/// A store in memory whose commits pass a gate.
pub struct GatedStore {
    gate: Gate,
    pub inner: MemoryStore,
}

impl Store for GatedStore {
    async fn load(&self, query: Query) -> Result<Loaded, UnavailableError> {
        self.inner.load(query).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        self.gate.pass().await;
        self.inner.commit(changes).await
    }

    async fn commit_as(&self, id: CommitId, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        self.gate.pass().await;
        self.inner.commit_as(id, changes).await
    }

    async fn follow(&self, after: Position) -> Result<Followed, UnavailableError> {
        self.inner.follow(after).await
    }
}

/// Takes `<user>@<exp in ms>` for a token.
pub struct PlainTokens(pub Vec<User>);

impl Verifier for PlainTokens {
    async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        let (id, exp) = token.split_once('@').ok_or(VerifyError::Invalid)?;
        let user = self.0.iter().find(|user| user.id.as_str() == id).cloned().ok_or(VerifyError::Invalid)?;
        let millis = exp.parse().map_err(|_| VerifyError::Invalid)?;
        Ok(Claims { user, expires_at: Timestamp::from_millis(millis), issued_at: None })
    }
}

/// A drive before its start.
pub type ChatDrive = Drive<GatedStore, PlainTokens, StoppedClock>;

/// A running drive.
pub struct Chat {
    pub pool: LocalPool,
    pub handle: Handle,
    pub gate: Gate,
    pub clock: StoppedClock,
    /// Events that the observer was shown, with their positions.
    pub events: mpsc::UnboundedReceiver<(Position, Event)>,
    /// For each of these events, whether this engine has committed it.
    pub here: mpsc::UnboundedReceiver<bool>,
    /// For each of these events, the number of commits begun before it.
    pub begun: mpsc::UnboundedReceiver<usize>,
    /// The store, once the engine has ended.
    pub ended: Rc<RefCell<Option<GatedStore>>>,
}

/// The peer of one connection.
pub struct Client {
    ask: Option<mpsc::UnboundedSender<Frame>>,
    hears: mpsc::Receiver<Frame>,
    /// How the session ended.
    pub ended: Rc<RefCell<Option<SessionEnd<mpsc::SendError>>>>,
}

impl Chat {
    pub fn new(settings: Settings) -> Self {
        Self::start(settings, |drive| drive)
    }

    /// Starts a chat after a change to its drive.
    pub fn start(settings: Settings, change: impl FnOnce(ChatDrive) -> ChatDrive) -> Self {
        Self::over(MemoryStore::new("epoch_1"), Engine::new(settings, [7; 32]), change)
    }

    /// The same over this store.
    pub fn over(store: MemoryStore, engine: Engine, change: impl FnOnce(ChatDrive) -> ChatDrive) -> Self {
        let gate = Gate::default();
        let store = GatedStore { gate: gate.clone(), inner: store };
        let ((shown, events), (count, begun)) = (mpsc::unbounded(), mpsc::unbounded());
        let (origin, here) = mpsc::unbounded();
        let commits = Arc::clone(&gate.1);
        let tokens = PlainTokens(vec![crate::driver(), crate::staff()]);
        let clock = StoppedClock::default();
        let drive = change(Drive::new(engine, store, tokens, clock.clone()));
        let observer = move |observed: Observed<'_>| {
            shown.unbounded_send((observed.position, observed.event.clone())).ok();
            origin.unbounded_send(observed.here).ok();
            count.unbounded_send(commits.load(Ordering::Relaxed)).ok();
        };
        let (handle, service) = drive.observe(observer).start();
        let pool = LocalPool::new();
        let ended = Rc::new(RefCell::new(None));
        let end = ended.clone();
        pool.spawner().spawn_local(async move { *end.borrow_mut() = Some(service.await) }).unwrap();
        Self { pool, handle, gate, clock, events, here, begun, ended }
    }

    /// A session before its start.
    pub fn session(&mut self, user: &User) -> Session {
        let claims =
            Claims { user: user.clone(), expires_at: Timestamp::from_millis(86_400_000), issued_at: None };
        self.pool.run_until(self.handle.open(claims)).unwrap()
    }

    /// A client with room for this many unread frames.
    pub fn connect(&mut self, user: &User, room: usize) -> Client {
        let session = self.session(user);
        let (ask, asked) = mpsc::unbounded();
        let (said, hears) = mpsc::channel(room);
        let transport = join(asked.map(Ok::<_, mpsc::SendError>), said);
        let ended = Rc::new(RefCell::new(None));
        let end = ended.clone();
        let run = async move { *end.borrow_mut() = Some(session.run(transport).await) };
        self.pool.spawner().spawn_local(run).unwrap();
        Client { ask: Some(ask), hears, ended }
    }

    /// Runs until nothing can go on.
    pub fn settle(&mut self) {
        self.pool.run_until_stalled();
    }

    /// The frames of a client, until no more come.
    pub fn hear(&mut self, client: &mut Client) -> Vec<Frame> {
        let mut heard = Vec::new();
        loop {
            self.settle();
            let before = heard.len();
            while let Ok(frame) = client.hears.try_recv() {
                heard.push(frame);
            }
            if heard.len() == before {
                return heard;
            }
        }
    }

    /// The same as JSON.
    pub fn hear_json(&mut self, client: &mut Client) -> Vec<Value> {
        self.hear(client).iter().filter_map(as_json).collect()
    }

    /// Has a client create a conversation, and gives its id.
    pub fn create(&mut self, client: &mut Client) -> String {
        client.request("create_support_conversation", &json!({"title": "Detour", "content": "Road closed"}));
        let heard = self.hear_json(client);
        heard[0]["conversation_id"].as_str().expect("a conversation was created").to_owned()
    }
}

impl Client {
    pub fn request(&self, kind: &str, data: &Value) {
        self.frame(Frame::Text(json!({"type": kind, "data": data}).to_string().into()));
    }

    pub fn send(&self, conversation: &str, content: &str) {
        self.request("send_chat_message", &json!({"conversation_id": conversation, "content": content}));
    }

    pub fn frame(&self, frame: Frame) {
        if let Some(ask) = &self.ask {
            let _gone = ask.unbounded_send(frame);
        }
    }

    /// The peer goes away without a word.
    pub fn hang_up(&mut self) {
        self.ask = None;
    }
}

pub fn as_json(frame: &Frame) -> Option<Value> {
    match frame {
        Frame::Text(text) => serde_json::from_slice(text).ok(),
        _ => None,
    }
}
