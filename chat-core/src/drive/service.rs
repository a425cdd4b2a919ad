//! The engine's own task.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::future::{BoxFuture, Fuse, FutureExt};
use futures::stream::{FusedStream, FuturesUnordered, StreamExt};

use super::batch::Batch;
use super::budget::Budget;
use super::message::{NewConnection, ServiceMessage};
use super::queue::{Entry, Pushed, Refused, Tail};
use super::stats::DriveStats;
use super::{Clock, Drive, Framing, Log, Observer, Verifier};
use crate::engine::{Class, CommandId, ConnectionId, Engine, Input, Output};
use crate::frame::Frame;
use crate::id::UserId;
use crate::protocol::{Error, Reply};
use crate::store::Store;
use crate::time::{Monotonic, Now};

/// Messages that are taken at most before outputs are done: what makes one commit of many requests.
const TURN: usize = 256;

struct Service<'a, S, V, C> {
    engine: Engine,
    store: &'a S,
    verifier: &'a V,
    clock: &'a C,
    observer: Observer,
    log: Log,
    framing: Option<Framing>,
    /// Empty between two turns.
    batch: Batch,
    queues: BTreeMap<ConnectionId, Tail>,
    /// Whose queues have frames that are pushed and not sent.
    pushed: Vec<ConnectionId>,
    /// Somebody has so much to read that they must have their turn before there is more.
    crowded: bool,
    /// Bytes that wait in all queues.
    budget: Arc<Budget>,
    typing_shed: u64,
    next_command: u64,
    /// Bounded by the commands under way.
    answers: BTreeMap<CommandId, oneshot::Sender<Result<Reply, Error>>>,
    /// Questions under way. Bounded by the engine: one a request, one commit.
    asked: FuturesUnordered<BoxFuture<'a, Input>>,
    /// The wake-up that the engine has asked for.
    timer: Fuse<BoxFuture<'a, ()>>,
    drained: bool,
}

/// Runs until it is drained, or nobody is left to say anything and all that was asked of the store is answered.
pub(super) async fn run<S: Store, V: Verifier, C: Clock>(
    drive: Drive<S, V, C>,
    budget: Arc<Budget>,
    mut messages: mpsc::Receiver<ServiceMessage>,
) -> S {
    let Drive { engine, store, verifier, clock, observer, log, framing } = drive;
    let most_in_batch = engine.limits().outbound.live_events / 4;
    let mut service = Service {
        engine,
        store: &store,
        verifier: &verifier,
        clock: &clock,
        observer,
        log,
        framing,
        batch: Batch::new(most_in_batch),
        queues: BTreeMap::new(),
        pushed: Vec::new(),
        crowded: false,
        budget,
        typing_shed: 0,
        next_command: 0,
        answers: BTreeMap::new(),
        asked: FuturesUnordered::new(),
        timer: Fuse::terminated(),
        drained: false,
    };
    service.act().await;
    while !service.has_ended(&messages) {
        futures::select_biased! {
            input = service.asked.select_next_some() => {
                service.take_what_came(&mut messages);
                service.handle(input);
            }
            message = messages.next() => if let Some(message) = message {
                service.take(message, service.clock.now());
                yield_now().await;
                service.take_what_came(&mut messages);
            },
            () = &mut service.timer => service.handle(Input::Tick),
        }
        service.act().await;
    }
    drop(service);
    store
}

/// Lets others go on that the executor has ready: who is about to ask for something gets into the same commit, and who has
/// something to read has it read before there is more.
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
    /// Whether nothing more can come, from anybody or from the store.
    fn has_ended(&self, messages: &mpsc::Receiver<ServiceMessage>) -> bool {
        self.drained || (messages.is_terminated() && self.asked.is_empty())
    }

    fn handle(&mut self, input: Input) {
        self.engine.handle(self.clock.now(), input);
    }

    /// Takes what has come meanwhile, all of it at one time.
    fn take_what_came(&mut self, messages: &mut mpsc::Receiver<ServiceMessage>) {
        let now = self.clock.now();
        for _ in 1..TURN {
            let Some(Some(message)) = messages.next().now_or_never() else { return };
            self.take(message, now);
        }
    }

    fn take(&mut self, message: ServiceMessage, now: Now) {
        match message {
            ServiceMessage::Open(connection) => {
                let NewConnection { conn, claims, queue, opened } = *connection;
                self.tell_signs(&claims.user.id, now);
                self.queues.insert(conn, queue);
                self.engine.handle(now, Input::Connected { conn, claims });
                let _gone = opened.send(());
            }
            ServiceMessage::Frame { conn, frame } => self.engine.handle(now, Input::Frame { conn, frame }),
            ServiceMessage::Relieved { conn } => {
                let waits = self.has_backlog(conn);
                self.engine.handle(now, Input::Backlog { conn, waits });
            }
            ServiceMessage::Left { conn } => self.engine.handle(now, Input::Disconnect { conn }),
            ServiceMessage::Closed { conn } => {
                self.queues.remove(&conn);
                self.engine.handle(now, Input::Closed { conn });
            }
            ServiceMessage::Command { command, answer } => {
                let id = CommandId(self.next_command);
                self.next_command += 1;
                self.answers.insert(id, answer);
                self.engine.handle(now, Input::Command { id, command });
            }
            ServiceMessage::Stats { answer } => {
                let _gone = answer.send(self.stats());
            }
            ServiceMessage::NotConnected { mut users, answer } => {
                users.retain(|user| !self.engine.is_connected(user));
                let _gone = answer.send(users);
            }
            ServiceMessage::Headroom(headroom) => self.engine.handle(now, Input::Headroom(headroom)),
            ServiceMessage::Disconnect { parts } => {
                let count = self.queues.len().div_ceil(parts.max(1));
                let conns: Vec<_> = self.queues.keys().take(count).copied().collect();
                conns.into_iter().for_each(|conn| self.engine.handle(now, Input::Disconnect { conn }));
            }
            ServiceMessage::Drain => self.engine.handle(now, Input::Drain),
        }
    }

    /// Tells the engine the signs of life of a user's connections, if one more may replace the longest silent.
    fn tell_signs(&mut self, user: &UserId, now: Now) {
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

    /// Does all that the engine asks for. What a connection gets by that it gets at once, but for more than half of what may
    /// wait for it: a commit may lead to far more than there is room for, and the executor may have one thread.
    async fn act(&mut self) {
        let now = self.clock.now().monotonic;
        loop {
            while let Some(output) = self.engine.poll() {
                let commits = matches!(output, Output::Commit { .. });
                self.act_on(output, now);
                // The store begins at once, while what the commit before has led to is delivered.
                if commits && let Poll::Ready(Some(input)) = futures::poll!(self.asked.next()) {
                    self.handle(input);
                }
                if mem::take(&mut self.crowded) {
                    self.send_pushed();
                    yield_now().await;
                }
            }
            self.end_batch(now);
            self.send_pushed();
            if !self.is_over_budget() {
                return;
            }
            yield_now().await;
            if self.is_over_budget() && !self.cut_slowest() {
                return;
            }
        }
    }

    fn send_pushed(&mut self) {
        for conn in self.pushed.drain(..) {
            if let Some(queue) = self.queues.get_mut(&conn) {
                queue.send();
            }
        }
    }

    fn act_on(&mut self, output: Output, now: Monotonic) {
        let (store, verifier) = (self.store, self.verifier);
        match output {
            Output::Send { conns, class, frame } => self.send(conns, class, frame, now),
            Output::Load { ticket, query } => {
                let asked = async move { Input::Loaded { ticket, result: store.load(query).await } };
                self.asked.push(asked.boxed());
            }
            Output::Commit { ticket, changes } => {
                let asked = async move { Input::Committed { ticket, result: store.commit(changes).await } };
                self.asked.push(asked.boxed());
            }
            Output::Verify { ticket, token } => {
                let asked = async move { Input::Verified { ticket, result: verifier.verify(&token).await } };
                self.asked.push(asked.boxed());
            }
            Output::Answer { id, result } => {
                let _gone = self.answers.remove(&id).map(|answer| answer.send(result));
            }
            Output::Publish(event) => (self.observer)(&event),
            Output::Handled(handled) => (self.log)(&handled),
            Output::Pause { conn } => self.set_paused(conn, true),
            Output::Resume { conn } => self.set_paused(conn, false),
            Output::Close { conn, code } => {
                self.end_batch(now);
                if let Some(mut queue) = self.queues.remove(&conn) {
                    queue.close(code);
                }
            }
            Output::WakeAt(at) => {
                let clock = self.clock;
                self.timer = at.map_or_else(Fuse::terminated, |at| clock.sleep_until(at).boxed().fuse());
            }
            Output::Drained => self.drained = true,
        }
    }

    fn set_paused(&self, conn: ConnectionId, paused: bool) {
        if let Some(queue) = self.queues.get(&conn) {
            queue.set_paused(paused);
        }
    }

    /// Puts a frame into queues, or into the batch that is framed for all of them at once.
    fn send(&mut self, conns: Vec<ConnectionId>, class: Class, frame: Bytes, now: Monotonic) {
        let beside = self.batch.is_beside(&conns);
        if class == Class::Message && conns.len() > 1 && self.framing.is_some() && !beside {
            if !self.batch.takes(&conns) {
                self.end_batch(now);
                self.batch.begin(conns);
            }
            return self.batch.push(frame);
        }
        if !beside {
            self.end_batch(now);
        }
        self.push(&conns, class, (&Frame::Text(frame), 1), now);
    }

    /// Puts what is in the batch into its queues.
    fn end_batch(&mut self, now: Monotonic) {
        let (conns, texts) = self.batch.end();
        if let Some(framing) = self.framing
            && !texts.is_empty()
        {
            self.push(&conns, Class::Message, (&Frame::Framed(framing(&texts)), texts.len()), now);
        }
    }

    /// Puts frames that are carried as one into queues, and closes whoever has too much in its own.
    fn push(
        &mut self,
        conns: &[ConnectionId],
        class: Class,
        (frame, count): (&Frame, usize),
        since: Monotonic,
    ) {
        let charge = self.budget.charge(frame.bytes());
        for conn in conns {
            let Some(queue) = self.queues.get_mut(conn) else { continue };
            match queue.push(Entry { class, frame: frame.clone(), charge: charge.clone(), count, since }) {
                Ok(Pushed::First) => self.pushed.push(*conn),
                Ok(Pushed::Behind) => {}
                Ok(Pushed::Sent) => self.crowded = true,
                Err(Refused::Shed) => self.typing_shed += 1,
                Err(Refused::TooSlow) => {
                    self.cut(*conn);
                    continue;
                }
            }
            if class == Class::Reply && self.has_backlog(*conn) {
                self.handle(Input::Backlog { conn: *conn, waits: true });
            }
        }
    }

    fn stats(&self) -> DriveStats {
        let (engine, waiting_bytes) = (self.engine.stats(), self.budget.waiting());
        DriveStats { engine, waiting_bytes, typing_shed: self.typing_shed }
    }

    /// Whether replies to this connection wait to be written before there are more.
    fn has_backlog(&self, conn: ConnectionId) -> bool {
        self.queues.get(&conn).is_some_and(Tail::has_backlog)
    }

    /// Whether more bytes wait on all connections together than may.
    fn is_over_budget(&self) -> bool {
        self.budget.exceeds(self.engine.limits().outbound.total_bytes)
    }

    /// Closes the connection with the most bytes waiting, if there is one. What others wait for too stays counted: if that
    /// is still too much once this one is gone, the next turn closes the next.
    fn cut_slowest(&mut self) -> bool {
        let waiting = self.queues.iter().map(|(conn, queue)| (queue.bytes(), *conn));
        let slowest = waiting.filter(|(bytes, _)| *bytes > 0).max_by_key(|(bytes, _)| *bytes);
        slowest.inspect(|(_, conn)| self.cut(*conn)).is_some()
    }

    /// Closes a connection that is too slow (4008) with all that waits for it.
    fn cut(&mut self, conn: ConnectionId) {
        if let Some(queue) = self.queues.remove(&conn) {
            queue.cut();
            self.handle(Input::Closed { conn });
        }
    }
}
