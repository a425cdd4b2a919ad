//! The drive: an engine and a store, joined to any transports.
//!
//! A transport is any `Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E>`. The drive names
//! no runtime: [`Drive::start`] returns a future that runs the engine, spawned once, and
//! [`Session::run`] returns one for each connection.
//!
//! `service` runs the engine and carries out its outputs. `queue` holds the frames waiting for one
//! connection. `batch` gathers live events for the same connections, to be framed once. `session`
//! moves frames between a queue and a transport.
//!
//! ```
//! use chat_core::drive::{Drive, Frame, NoRefresh};
//! use chat_core::engine::{Claims, Engine, Settings};
//! use chat_core::protocol::{CloseCode, Role, User};
//! use chat_core::store::MemoryStore;
//! use chat_core::testing::StoppedClock;
//! use futures::channel::mpsc;
//! use futures::executor::LocalPool;
//! use futures::task::LocalSpawnExt;
//! use futures::{FutureExt, SinkExt, StreamExt};
//!
//! let mut pool = LocalPool::new();
//! let engine = Engine::new(Settings::default(), [7; 32]);
//! let (handle, service) =
//!     Drive::new(engine, MemoryStore::new("epoch"), NoRefresh, StoppedClock::default()).start();
//! pool.spawner().spawn_local(service.map(drop)).unwrap();
//!
//! // A pair of channels is a transport.
//! let (mut ask, requests) = mpsc::channel(8);
//! let (replies, mut answers) = mpsc::channel(8);
//! let transport = chat_core::drive::join(requests.map(Ok::<_, mpsc::SendError>), replies);
//!
//! let claims = Claims {
//!     user: User::new("driver_1", Role::BusDriver),
//!     expires_at: chat_core::time::Timestamp::from_millis(1_000_000),
//!     issued_at: None,
//! };
//! let spawner = pool.spawner();
//! pool.run_until(async move {
//!     let session = handle.open(claims).await.unwrap();
//!     spawner.spawn_local(async { drop(session.run(transport).await) }).unwrap();
//!     let list = r#"{"type": "get_active_conversations", "data": {}}"#;
//!     ask.send(Frame::Text(list.into())).await.unwrap();
//!     let Some(Frame::Text(reply)) = answers.next().await else { panic!("no reply") };
//!     assert!(reply.starts_with(br#"{"success":true,"conversations":[],"count":0,"#));
//!     handle.drain().await;
//!     assert_eq!(answers.next().await, Some(Frame::Close(CloseCode::GoingAway)));
//! });
//! ```

mod batch;
mod budget;
mod handle;
mod join;
mod message;
mod queries;
mod queue;
mod service;
mod session;
mod signs;
mod stats;

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures::channel::mpsc;

pub use crate::frame::Frame;
pub use handle::{Handle, QueryError, StoppedError};
pub use join::{Joined, join};
pub use session::{Session, SessionEnd, SessionEvent};
pub use signs::Signs;
pub use stats::DriveStats;

use crate::engine::{Claims, Engine, Handled, TypingHint, VerifyError};
use crate::store::{Event, Position, Store};
use crate::time::{Monotonic, Now};

/// The clock of a drive.
pub trait Clock: Send + Sync {
    /// The current times. `monotonic` must never fall.
    fn now(&self) -> Now;

    /// Completes at this time or a little later.
    fn sleep_until(&self, at: Monotonic) -> impl Future<Output = ()> + Send;
}

/// The check of tokens in `refresh_token`.
pub trait Verifier: Send + Sync {
    /// Returns the claims of a valid token.
    fn verify(&self, token: &str) -> impl Future<Output = Result<Claims, VerifyError>> + Send;
}

impl<C: Clock> Clock for Arc<C> {
    fn now(&self) -> Now {
        self.as_ref().now()
    }

    fn sleep_until(&self, at: Monotonic) -> impl Future<Output = ()> + Send {
        self.as_ref().sleep_until(at)
    }
}

impl<V: Verifier> Verifier for Arc<V> {
    fn verify(&self, token: &str) -> impl Future<Output = Result<Claims, VerifyError>> + Send {
        self.as_ref().verify(token)
    }
}

/// A verifier for sessions that can't be prolonged: each `refresh_token` is answered
/// `token_mismatch`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRefresh;

impl Verifier for NoRefresh {
    async fn verify(&self, _: &str) -> Result<Claims, VerifyError> {
        Err(VerifyError::Invalid)
    }
}

/// An observer of committed changes: see [`Drive::observe`].
type Observer = Box<dyn FnMut(Observed<'_>) + Send>;

/// A committed change, for an observer.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The position of the event in the store's history.
    pub position: Position,
    /// The event.
    pub event: &'a Event,
    /// Whether the engine of this drive has committed the change. Of all drives over a shared store
    /// at most one says so for an event, and none if the answer to the commit was lost.
    pub here: bool,
}

/// A log of handled requests: see [`Drive::log`].
type Log = Box<dyn FnMut(&Handled) + Send>;

/// A function that tells other engines of typing users: see [`Drive::hint_by`].
type Hinter = Box<dyn FnMut(TypingHint) + Send>;

/// A function that frames texts: see [`Drive::frame_by`].
pub type Framing = fn(&[Bytes]) -> Bytes;

/// Messages from sessions and embedders that may wait for the engine. When this queue is full,
/// senders wait, so connections are not read faster than the engine takes their frames.
const INPUTS: usize = 1_024;

/// An engine with its store, verifier and clock, before the start.
pub struct Drive<S, V, C> {
    engine: Engine,
    store: S,
    verifier: V,
    clock: C,
    observer: Observer,
    log: Log,
    hinter: Hinter,
    framing: Option<Framing>,
}

impl<S: Store, V: Verifier, C: Clock> Drive<S, V, C> {
    /// Creates a drive from an engine, its store, a verifier of new tokens, and a clock.
    pub fn new(engine: Engine, store: S, verifier: V, clock: C) -> Self {
        let (observer, log) = (Box::new(|_: Observed<'_>| {}), Box::new(|_: &_| {}));
        Self { engine, store, verifier, clock, observer, log, hinter: Box::new(|_| {}), framing: None }
    }

    /// Calls `observer` with every committed change, in order. If other engines share the store,
    /// theirs are among them. Runs in the engine's task and must be quick.
    #[must_use]
    pub fn observe(self, observer: impl FnMut(Observed<'_>) + Send + 'static) -> Self {
        Self { observer: Box::new(observer), ..self }
    }

    /// Calls `log` with every handled request. Runs in the engine's task and must be quick.
    #[must_use]
    pub fn log(self, log: impl FnMut(&Handled) + Send + 'static) -> Self {
        Self { log: Box::new(log), ..self }
    }

    /// Calls `hinter` with each hint for the engines of the other drives over a shared store: give
    /// it to their [`Handle::hint`]. Runs in the engine's task and must be quick; it may drop
    /// hints. Without it, typing is shown to users of the same drive only.
    #[must_use]
    pub fn hint_by(self, hinter: impl FnMut(TypingHint) + Send + 'static) -> Self {
        Self { hinter: Box::new(hinter), ..self }
    }

    /// Frames live events for several connections once, in the engine's task, instead of once in
    /// each transport.
    ///
    /// The transports get such events as [`Frame::Framed`], and must all understand the same
    /// framing.
    #[must_use]
    pub fn frame_by(self, framing: Framing) -> Self {
        Self { framing: Some(framing), ..self }
    }

    /// Returns the handle that opens connections, and the future that runs the engine.
    ///
    /// The future ends after [`Handle::drain`], or when every handle and session is gone, and
    /// returns the store. It also ends when a [shared](crate::store::Directory::shared) store has
    /// begun another epoch. Then a new engine over a new handle of the store goes on.
    pub fn start(self) -> (Handle, impl Future<Output = S> + Send)
    where
        S: 'static,
        V: 'static,
        C: 'static,
    {
        let (sender, inputs) = mpsc::channel(INPUTS);
        let budget = Arc::default();
        let handle = Handle::new(sender, self.engine.limits(), Arc::clone(&budget));
        (handle, service::run(self, budget, inputs))
    }
}
