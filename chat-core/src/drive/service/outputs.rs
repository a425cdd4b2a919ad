//! The engine's outputs, carried out.

use std::mem;
use std::task::Poll;

use bytes::Bytes;
use futures::future::{Fuse, FutureExt};
use futures::stream::StreamExt;

use super::{Service, yield_now};
use crate::drive::queue::{Outbound, PushError, Pushed, QueueSender};
use crate::drive::{Clock, Observed, Verifier};
use crate::engine::{Class, ConnectionId, Input, Output};
use crate::frame::Frame;
use crate::protocol::CloseCode;
use crate::store::Store;
use crate::time::Monotonic;

impl<'a, S: Store, V: Verifier, C: Clock> Service<'a, S, V, C> {
    /// Carries out every pending output.
    ///
    /// A connection's frames are handed over in one batch. When half its queue is full they are
    /// flushed early and the task yields, because one commit can produce more than a queue holds,
    /// and the executor may have one thread.
    pub(super) async fn process_outputs(&mut self) {
        let now = self.clock.now().monotonic;
        loop {
            while let Some(output) = self.engine.poll() {
                let commits = matches!(output, Output::Commit { .. });
                self.process_output(output, now);
                // The store starts at once, while the events of the previous commit are delivered.
                if commits && let Poll::Ready(Some(input)) = futures::poll!(self.calls.next()) {
                    self.answered(input);
                }
                if mem::take(&mut self.needs_yield) {
                    self.flush_queues();
                    yield_now().await;
                }
            }
            self.end_batch(now);
            self.flush_queues();
            if !self.is_over_budget() {
                return;
            }
            yield_now().await;
            if self.is_over_budget() && !self.disconnect_slowest() {
                return;
            }
        }
    }

    fn flush_queues(&mut self) {
        for conn in self.pushed.drain(..) {
            if let Some(queue) = self.queues.get_mut(&conn) {
                queue.send();
            }
        }
    }

    fn process_output(&mut self, output: Output, now: Monotonic) {
        let (store, verifier) = (self.store, self.verifier);
        match output {
            Output::Send { conns, class, frame } => self.send(conns, class, frame, now),
            Output::Load { ticket, query } => {
                self.call(async move { Input::Loaded { ticket, result: store.load(query).await } });
            }
            Output::Commit { ticket, id, changes } => {
                self.call(
                    async move { Input::Committed { ticket, result: store.commit_as(id, changes).await } },
                );
            }
            Output::Follow { after } => self.follow = store.follow(after).boxed().fuse(),
            Output::Verify { ticket, token } => {
                self.call(async move { Input::Verified { ticket, result: verifier.verify(&token).await } });
            }
            Output::Answer { id, result } => self.commands.answer(id, result),
            Output::Publish { position, event, here } => {
                (self.observer)(Observed { position, event: &event, here });
            }
            Output::HintTyping(hint) => (self.hinter)(hint),
            Output::Handled(handled) => (self.log)(&handled),
            Output::Pause { conn } => self.set_paused(conn, true),
            Output::Resume { conn } => self.set_paused(conn, false),
            Output::Close { conn, code } => self.close(conn, code, now),
            Output::WakeAt(at) => {
                let clock = self.clock;
                self.timer = at.map_or_else(Fuse::terminated, |at| clock.sleep_until(at).boxed().fuse());
            }
            Output::Drained => self.drained = true,
        }
    }

    fn call(&mut self, call: impl Future<Output = Input> + Send + 'a) {
        self.calls.push(call.map(Some).boxed());
    }

    /// Ends a connection behind the frames that wait for it.
    fn close(&mut self, conn: ConnectionId, code: CloseCode, now: Monotonic) {
        self.end_batch(now);
        if let Some(mut queue) = self.queues.remove(&conn) {
            queue.close(code);
        }
    }

    fn set_paused(&self, conn: ConnectionId, paused: bool) {
        if let Some(queue) = self.queues.get(&conn) {
            queue.set_paused(paused);
        }
    }

    /// Puts a frame into queues, or into the batch framed once for all of its connections.
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

    /// Ends the batch and puts its messages into the queues.
    fn end_batch(&mut self, now: Monotonic) {
        let (conns, texts) = self.batch.end();
        if let Some(framing) = self.framing
            && !texts.is_empty()
        {
            self.push(&conns, Class::Message, (&Frame::Framed(framing(&texts)), texts.len()), now);
        }
    }

    /// Pushes a frame into queues, and disconnects every reader that is too slow.
    fn push(
        &mut self,
        conns: &[ConnectionId],
        class: Class,
        (frame, count): (&Frame, usize),
        since: Monotonic,
    ) {
        let reservation = self.budget.reserve(frame.bytes());
        for conn in conns {
            let Some(queue) = self.queues.get_mut(conn) else { continue };
            match queue.push(Outbound {
                class,
                frame: frame.clone(),
                reservation: reservation.clone(),
                count,
                since,
            }) {
                Ok(Pushed::First) => self.pushed.push(*conn),
                Ok(Pushed::Behind) => {}
                Ok(Pushed::Sent) => self.needs_yield = true,
                Err(PushError::Shed) => self.typing_shed += 1,
                Err(PushError::TooSlow) => {
                    self.disconnect_slow(*conn);
                    continue;
                }
            }
            if class == Class::Reply && self.has_backlog(*conn) {
                self.handle(Input::Backlog { conn: *conn, waits: true });
            }
        }
    }

    /// Whether replies to this connection must be written before more are made.
    pub(super) fn has_backlog(&self, conn: ConnectionId) -> bool {
        self.queues.get(&conn).is_some_and(QueueSender::has_backlog)
    }

    /// Whether more bytes wait on all connections together than allowed.
    fn is_over_budget(&self) -> bool {
        self.budget.exceeds(self.engine.limits().outbound.total_bytes)
    }

    /// Disconnects the connection with the most waiting bytes, if any.
    ///
    /// Frames that others wait for stay counted. If the budget is still exceeded, the next turn
    /// disconnects the next one.
    fn disconnect_slowest(&mut self) -> bool {
        let waiting = self.queues.iter().map(|(conn, queue)| (queue.bytes(), *conn));
        let slowest = waiting.filter(|(bytes, _)| *bytes > 0).max_by_key(|(bytes, _)| *bytes);
        slowest.inspect(|(_, conn)| self.disconnect_slow(*conn)).is_some()
    }

    /// Closes a connection that is too slow (4008), and drops its queue.
    fn disconnect_slow(&mut self, conn: ConnectionId) {
        if let Some(queue) = self.queues.remove(&conn) {
            queue.abandon();
            self.handle(Input::Closed { conn });
        }
    }
}
