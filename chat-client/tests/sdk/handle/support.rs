//! A chat in this process, and its clients, whose network can be cut.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chat_client::outbox::InMemory;
use chat_client::transport::{Attempt, Connector, TransportError};
use chat_client::{Builder, ChatClient, ConnectionState, Event, Events, StartError, TokenProvider, Update};
use chat_core::drive::{Clock, Drive, Frame, Handle, Joined, Verifier, join};
use chat_core::engine::{Claims, Engine, Settings, VerifyError};
use chat_core::protocol::{Role, User};
use chat_core::store::MemoryStore;
use chat_core::time::{Monotonic, Now, Timestamp};
use futures::channel::mpsc;
use futures::stream::BoxStream;
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Time limit of awaited events, in virtual time.
const PATIENCE: Duration = Duration::from_mins(10);

/// Delay of a frame from the server.
pub(crate) const DELAY: Duration = Duration::from_millis(5);

/// Tokio's clock, paused in tests. The wall time begins in 2024.
#[derive(Clone, Copy)]
pub(crate) struct TestClock(Instant);

impl TestClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let since = self.0.elapsed();
        let wall = Timestamp::from_millis(1_705_314_600_000).plus(since);
        Now { monotonic: Monotonic(since), wall }
    }

    async fn sleep_until(&self, at: Monotonic) {
        tokio::time::sleep_until(self.0 + at.0).await;
    }
}

/// The chat that clients connect to.
#[derive(Clone)]
pub(crate) struct Chat {
    pub(crate) clock: TestClock,
    world: Arc<Mutex<World>>,
    /// Rises whenever all connections are cut.
    cuts: Arc<watch::Sender<u32>>,
}

struct World {
    handle: Handle,
    is_up: bool,
    attempts: Vec<Attempt>,
    clients: u8,
}

/// A token of these tests is plain text: `user role lifetime-in-milliseconds-of-the-clock`.
pub(crate) fn token(user: &User, expires_at: Timestamp) -> String {
    format!("{} {} {}", user.id, user.role.as_str(), expires_at.as_millis())
}

fn claims(token: &str) -> Option<Claims> {
    let mut words = token.split(' ');
    let (id, role, millis) = (words.next()?, words.next()?, words.next()?);
    let role = Role::ALL.into_iter().find(|known| known.as_str() == role)?;
    let expires_at = Timestamp::from_millis(millis.parse().ok()?);
    Some(Claims { user: User::new(id, role), expires_at, issued_at: None })
}

struct Tokens;

impl Verifier for Tokens {
    async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        claims(token).ok_or(VerifyError::Invalid)
    }
}

impl Chat {
    pub(crate) fn start() -> Self {
        let clock = TestClock::start();
        let world = World { handle: serve("epoch_1", clock), is_up: true, attempts: Vec::new(), clients: 0 };
        Self { clock, world: Arc::new(Mutex::new(world)), cuts: Arc::default() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Replaces the chat by an empty one with another epoch.
    pub(crate) fn replace(&self) {
        self.world().handle = serve("epoch_2", self.clock);
        self.cut();
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Opens or closes the network.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.world().is_up = is_up;
        if !is_up {
            self.cut();
        }
    }

    /// Returns the attempts to connect so far.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.world().attempts.clone()
    }

    /// Returns a token of this user, valid for a day.
    pub(crate) fn token(&self, user: &User) -> String {
        token(user, self.clock.now().wall.plus(Duration::from_hours(24)))
    }

    /// Returns the builder of a client with these tokens.
    pub(crate) fn builder<T: TokenProvider>(&self, tokens: T) -> Builder<Self, TestClock, T> {
        ChatClient::over(self.clone(), self.clock).token(tokens).seed(self.seed())
    }

    /// A seed of its own for each client: with the same seed they would take each other's messages
    /// for their own.
    fn seed(&self) -> [u8; 32] {
        let mut world = self.world();
        world.clients += 1;
        [world.clients; 32]
    }

    /// Starts a client of this user, and returns its events.
    pub(crate) async fn client(&self, user: &User) -> (ChatClient, Events) {
        run(self.builder(self.token(user))).await
    }

    /// Starts a client, and waits until it is live and has its list.
    pub(crate) async fn live(&self, user: &User) -> (ChatClient, Events) {
        let (client, mut events) = self.client(user).await;
        until(&mut events, |event| matches!(event, Event::Conversations(_))).await;
        (client, events)
    }
}

fn serve(epoch: &str, clock: TestClock) -> Handle {
    let engine = Engine::new(Settings::default(), [7; 32]);
    let (handle, service) = Drive::new(engine, MemoryStore::new(epoch), Tokens, clock).start();
    tokio::spawn(service);
    handle
}

/// Starts a client.
pub(crate) async fn run<T: TokenProvider>(
    builder: Builder<Chat, TestClock, T, InMemory>,
) -> (ChatClient, Events) {
    let (client, driver) = builder.start().await.unwrap();
    let events = client.events();
    tokio::spawn(driver);
    (client, events)
}

type Outgoing = Pin<Box<dyn Sink<Frame, Error = TransportError> + Send>>;

impl Connector for Chat {
    type Transport = Joined<BoxStream<'static, Result<Frame, TransportError>>, Outgoing>;

    async fn connect(&mut self, attempt: Attempt) -> Result<Self::Transport, TransportError> {
        let (handle, is_up) = {
            let mut world = self.world();
            world.attempts.push(attempt.clone());
            (world.handle.clone(), world.is_up)
        };
        if !is_up {
            return Err(TransportError::network("in a tunnel"));
        }
        let Some(claims) = claims(attempt.token.expose()) else {
            return Ok(refusing());
        };
        let (mut cuts, mut cut) = (self.cuts.subscribe(), self.cuts.subscribe());
        let (to_server, from_client) = mpsc::channel(8);
        let (to_client, from_server) = mpsc::channel(8);
        let session = handle.open(claims).await.map_err(TransportError::network)?;
        tokio::spawn(async move {
            let transport = join(from_client.map(Ok::<_, mpsc::SendError>), to_client);
            tokio::select! {
                _ = session.run(transport) => {}
                _ = cuts.changed() => {}
            }
        });
        // Frames on their way are lost with a cut connection.
        let delayed = from_server.then(async |frame| {
            tokio::time::sleep(DELAY).await;
            Ok(frame)
        });
        let cut = Box::pin(async move { cut.changed().await });
        let incoming = delayed.take_until(cut).boxed();
        Ok(join(incoming, Box::pin(to_server.sink_map_err(TransportError::network))))
    }
}

/// A server that rejects the user: an error frame, then the close.
fn refusing() -> Joined<BoxStream<'static, Result<Frame, TransportError>>, Outgoing> {
    use chat_core::protocol::{CloseCode, ErrorCode, ErrorReply, encode};
    let error = encode(&ErrorReply::event(ErrorCode::NotAuthenticated.into()));
    let frames = [Ok(Frame::Text(error)), Ok(Frame::Close(CloseCode::NotAuthenticated))];
    let sink = futures::sink::drain().sink_map_err(|never| match never {});
    join(futures::stream::iter(frames).chain(futures::stream::pending()).boxed(), Box::pin(sink))
}

/// Awaits a future within [`PATIENCE`].
pub(crate) async fn must<F: IntoFuture>(future: F) -> F::Output {
    timeout(PATIENCE, future.into_future()).await.expect("it must come")
}

/// Returns the next item, which must arrive.
pub(crate) async fn next<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    must(stream.next()).await.expect("the stream goes on")
}

/// Takes items until one matches, and returns them all.
pub(crate) async fn until<S: Stream + Unpin>(
    stream: &mut S,
    fits: impl Fn(&S::Item) -> bool,
) -> Vec<S::Item> {
    must(async {
        let mut items = Vec::new();
        while items.last().is_none_or(|last| !fits(last)) {
            items.push(next(stream).await);
        }
        items
    })
    .await
}

/// The contents of a view, checked to be numbered without gaps.
#[derive(Default, Debug)]
pub(crate) struct Shown(pub Vec<(u64, String)>);

impl Shown {
    pub(crate) fn apply(&mut self, update: Update) {
        match update {
            Update::Snapshot(snapshot) => {
                let messages = snapshot.messages.iter();
                self.0 =
                    messages.map(|message| (message.seq.unwrap(), message.content.to_string())).collect();
            }
            Update::Message(message) => {
                let seq = message.seq.unwrap();
                assert_eq!(Some(seq), self.0.last().map(|(last, _)| last + 1));
                self.0.push((seq, message.content.to_string()));
            }
            _ => {}
        }
    }

    /// Applies updates until this message is the newest.
    pub(crate) async fn until(&mut self, updates: &mut (impl Stream<Item = Update> + Unpin), content: &str) {
        while self.0.last().is_none_or(|(_, last)| last != content) {
            self.apply(next(updates).await);
        }
    }

    pub(crate) fn contents(&self) -> Vec<&str> {
        self.0.iter().map(|(_, content)| content.as_str()).collect()
    }
}

pub(crate) fn driver() -> User {
    User::new("driver_1", Role::BusDriver)
}

pub(crate) fn control() -> User {
    User::new("control_1", Role::ControlStaff)
}

pub(crate) fn is_live(event: &Event) -> bool {
    *event == Event::Connection(ConnectionState::Live)
}

/// Returns the error's text, to check that it is readable.
pub(crate) fn read_aloud(error: &StartError) -> String {
    error.to_string()
}
