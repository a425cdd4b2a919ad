//! The task that runs the engine.

mod outputs;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::Poll;

use futures::channel::{mpsc, oneshot};
use futures::future::{BoxFuture, Fuse, FutureExt};
use futures::stream::{FusedStream, FuturesUnordered, StreamExt};

use super::batch::FrameBatch;
use super::budget::Budget;
use super::message::{NewConnection, ServiceMessage};
use super::queue::QueueSender;
use super::stats::DriveStats;
use super::{Clock, Drive, Framing, Hinter, Log, Observer, Verifier};
use crate::engine::{CommandId, ConnectionId, Engine, Input};
use crate::id::UserId;
use crate::protocol::{CloseCode, Error, Reply};
use crate::store::{Followed, Loaded, Query, Store, UnavailableError};
use crate::time::Now;

/// The limit of messages taken in one turn, before outputs are carried out. A turn makes one commit
/// of many requests.
const TURN: usize = 256;

struct Service<'a, S, V, C> {
    engine: Engine,
    store: &'a S,
    verifier: &'a V,
    clock: &'a C,
    observer: Observer,
    log: Log,
    hinter: Hinter,
    framing: Option<Framing>,
    /// The open batch, empty between two turns.
    batch: FrameBatch,
    queues: BTreeMap<ConnectionId, QueueSender>,
    /// Connections with frames pushed and not sent.
    pushed: Vec<ConnectionId>,
    /// A queue is half full, so its reader must get a turn before more is queued.
    needs_yield: bool,
    /// Bytes that wait in all queues.
    budget: Arc<Budget>,
    typing_shed: u64,
    commands: PendingCommands,
    /// Calls in flight. Bounded by the engine, with one for each request and one commit, and by the
    /// embedder's queries. A query gives the engine nothing.
    calls: FuturesUnordered<BoxFuture<'a, Option<Input>>>,
    /// The wake-up requested by the engine.
    timer: Fuse<BoxFuture<'a, ()>>,
    /// The next events of a shared store, asked for by the engine.
    follow: Fuse<BoxFuture<'a, Result<Followed, UnavailableError>>>,
    drained: bool,
    /// Callers that wait for the end of the drain.
    awaiting_drain: Vec<oneshot::Sender<()>>,
}

/// Commands whose answers have not come. Bounded by the handles that wait for them.
#[derive(Default)]
struct PendingCommands {
    next: u64,
    answers: BTreeMap<CommandId, oneshot::Sender<Result<Reply, Error>>>,
}

impl PendingCommands {
    fn add(&mut self, answer: oneshot::Sender<Result<Reply, Error>>) -> CommandId {
        let id = CommandId(self.next);
        self.next += 1;
        self.answers.insert(id, answer);
        id
    }

    fn answer(&mut self, id: CommandId, result: Result<Reply, Error>) {
        if let Some(answer) = self.answers.remove(&id) {
            let _gone = answer.send(result);
        }
    }
}

/// Runs an engine until drained, or until every handle and session is gone and every call answered.
pub(super) async fn run<S: Store, V: Verifier, C: Clock>(
    drive: Drive<S, V, C>,
    budget: Arc<Budget>,
    mut messages: mpsc::Receiver<ServiceMessage>,
) -> S {
    let Drive { engine, store, verifier, clock, observer, log, hinter, framing } = drive;
    let service = Service {
        batch: FrameBatch::new(engine.limits().outbound.live_events / 4),
        engine,
        store: &store,
        verifier: &verifier,
        clock: &clock,
        observer,
        log,
        hinter,
        framing,
        queues: BTreeMap::new(),
        pushed: Vec::new(),
        needs_yield: false,
        budget,
        typing_shed: 0,
        commands: PendingCommands::default(),
        calls: FuturesUnordered::new(),
        timer: Fuse::terminated(),
        follow: Fuse::terminated(),
        drained: false,
        awaiting_drain: Vec::new(),
    };
    for done in service.run(&mut messages).await {
        let _gone = done.send(());
    }
    store
}

/// Yields once. Requests that are ready join this commit, and readers empty their queues before
/// more is queued.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl<S: Store, V: Verifier, C: Clock> Service<'_, S, V, C> {
    /// Runs until the end, and returns the callers to tell of it.
    async fn run(mut self, messages: &mut mpsc::Receiver<ServiceMessage>) -> Vec<oneshot::Sender<()>> {
        self.process_outputs().await;
        while !self.has_ended(messages) {
            futures::select_biased! {
                input = self.calls.select_next_some() => {
                    self.drain_inbox(messages);
                    self.answered(input);
                }
                result = &mut self.follow => {
                    self.drain_inbox(messages);
                    self.handle(Input::Heard { result });
                }
                message = messages.next() => if let Some(message) = message {
                    self.receive(message, self.clock.now());
                    yield_now().await;
                    self.drain_inbox(messages);
                },
                () = &mut self.timer => self.handle(Input::Tick),
            }
            self.process_outputs().await;
        }
        self.awaiting_drain
    }

    /// Whether no more input can come, neither from handles nor from calls.
    fn has_ended(&self, messages: &mpsc::Receiver<ServiceMessage>) -> bool {
        self.drained || (messages.is_terminated() && self.calls.is_empty())
    }

    /// Has the store answer a query of the embedder.
    fn query(&mut self, query: Query, answer: oneshot::Sender<Result<Loaded, UnavailableError>>) {
        let store = self.store;
        let call = async move {
            let _gone = answer.send(store.load(query).await);
            None
        };
        self.calls.push(call.boxed());
    }

    fn answered(&mut self, input: Option<Input>) {
        if let Some(input) = input {
            self.handle(input);
        }
    }

    fn handle(&mut self, input: Input) {
        self.engine.handle(self.clock.now(), input);
    }

    /// Takes the messages that arrived meanwhile, all at the same time.
    fn drain_inbox(&mut self, messages: &mut mpsc::Receiver<ServiceMessage>) {
        let now = self.clock.now();
        for _ in 1..TURN {
            let Some(Some(message)) = messages.next().now_or_never() else { return };
            self.receive(message, now);
        }
    }

    fn receive(&mut self, message: ServiceMessage, now: Now) {
        match message {
            ServiceMessage::Open(connection) => self.open(*connection, now),
            ServiceMessage::Frame { conn, frame } => self.engine.handle(now, Input::Frame { conn, frame }),
            ServiceMessage::Relieved { conn } => {
                let waits = self.has_backlog(conn);
                self.engine.handle(now, Input::Backlog { conn, waits });
            }
            ServiceMessage::Left { conn } => {
                self.engine.handle(now, Input::Disconnect { conn, code: CloseCode::GoingAway });
            }
            ServiceMessage::Closed { conn } => {
                self.queues.remove(&conn);
                self.engine.handle(now, Input::Closed { conn });
            }
            ServiceMessage::Load { query, answer } => self.query(query, answer),
            ServiceMessage::Command { command, answer } => {
                let id = self.commands.add(answer);
                self.engine.handle(now, Input::Command { id, command });
            }
            ServiceMessage::Stats { answer } => {
                let _gone = answer.send(self.stats());
            }
            ServiceMessage::Absent { conversation, except, answer } => {
                let _gone = answer.send(self.engine.absent(&conversation, &except));
            }
            ServiceMessage::Headroom(headroom) => self.engine.handle(now, Input::Headroom(headroom)),
            ServiceMessage::Hint(hint) => self.engine.handle(now, Input::TypingHint(hint)),
            ServiceMessage::Phrases(phrases) => self.engine.handle(now, Input::Phrases(phrases)),
            ServiceMessage::Disconnect { parts, code } => self.disconnect_part(parts, code, now),
            ServiceMessage::Drain { done } => {
                self.awaiting_drain.push(done);
                self.engine.handle(now, Input::Drain);
            }
        }
    }

    fn open(&mut self, connection: NewConnection, now: Now) {
        let NewConnection { conn, claims, queue, opened } = connection;
        self.report_signs(&claims.user.id, now);
        self.queues.insert(conn, queue);
        self.engine.handle(now, Input::Connected { conn, claims });
        let _gone = opened.send(());
    }

    /// Disconnects one of this many parts of the connections, gracefully.
    fn disconnect_part(&mut self, parts: usize, code: CloseCode, now: Now) {
        let count = self.queues.len().div_ceil(parts.max(1));
        let conns: Vec<_> = self.queues.keys().take(count).copied().collect();
        conns.into_iter().for_each(|conn| self.engine.handle(now, Input::Disconnect { conn, code }));
    }

    /// Reports the signs of life of a user's connections, if a new one may replace the longest
    /// silent.
    fn report_signs(&mut self, user: &UserId, now: Now) {
        let conns = self.engine.connections_of(user);
        if conns.len() < self.engine.limits().engine.connections_per_user {
            return;
        }
        let last_sign = |conn: &ConnectionId| Some((*conn, self.queues.get(conn)?.last_sign()));
        let signs: Vec<_> = conns.iter().filter_map(last_sign).collect();
        for (conn, at) in signs {
            self.engine.handle(now, Input::Alive { conn, at });
        }
    }

    fn stats(&self) -> DriveStats {
        let (engine, waiting_bytes) = (self.engine.stats(), self.budget.waiting());
        DriveStats { engine, waiting_bytes, typing_shed: self.typing_shed }
    }
}
