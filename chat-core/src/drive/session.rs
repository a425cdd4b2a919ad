//! One connection: frames in and frames out, in one future.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::channel::mpsc;
use futures::{Sink, Stream};

use super::Frame;
use super::message::ServiceMessage;
use super::queue::{Outbound, QueueItem, QueueReceiver};
use super::signs::Signs;
use crate::engine::{Class, ConnectionId};
use crate::protocol::CloseCode;
use crate::time::Monotonic;

/// An open connection. Live events begin when the session is opened. Dropping the session closes
/// the connection.
pub struct Session {
    conn: ConnectionId,
    messages: mpsc::Sender<ServiceMessage>,
    queue: QueueReceiver,
    #[expect(dead_code, reason = "held for its drop")]
    closing: ReportsClosing,
}

/// The end of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionEnd<E> {
    /// The peer closed the connection, or the transport ended without a close.
    ByPeer,
    /// The engine closed the connection with this code.
    ByServer(CloseCode),
    /// The transport failed.
    Failed(E),
}

/// An event of a session, for measurements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionEvent {
    /// A frame was given to the engine, which owes one reply. Replies keep the order of requests.
    Request,
    /// Frames were given to the transport, one behind the other.
    Frames {
        /// The number of frames.
        count: usize,
        /// The class of the frames.
        class: Class,
        /// The time when the engine gave them, by the clock of the drive.
        since: Monotonic,
    },
}

/// A run of written frames that is not reported yet. Most frames come in runs, because the engine
/// gives many at once.
#[derive(Default)]
struct Run {
    count: usize,
    of: Option<(Class, Monotonic)>,
}

impl Run {
    /// Adds frames. If they do not belong to the current run, the run is reported first.
    fn add(
        &mut self,
        count: usize,
        (class, since): (Class, Monotonic),
        observer: &mut impl FnMut(SessionEvent),
    ) {
        if self.of != Some((class, since)) {
            std::mem::take(self).tell(observer);
            self.of = Some((class, since));
        }
        self.count += count;
    }

    fn tell(self, observer: &mut impl FnMut(SessionEvent)) {
        if let Some((class, since)) = self.of {
            observer(SessionEvent::Frames { count: self.count, class, since });
        }
    }
}

/// Reports the end of a connection when dropped, however the session ends.
struct ReportsClosing {
    conn: ConnectionId,
    /// Used once. A sender's first message always finds room.
    messages: mpsc::Sender<ServiceMessage>,
}

impl Drop for ReportsClosing {
    fn drop(&mut self) {
        let _stopped = self.messages.try_send(ServiceMessage::Closed { conn: self.conn });
    }
}

impl Session {
    pub(super) fn new(
        conn: ConnectionId,
        messages: mpsc::Sender<ServiceMessage>,
        queue: QueueReceiver,
    ) -> Self {
        let closing = ReportsClosing { conn, messages: messages.clone() };
        Self { conn, messages, queue, closing }
    }

    /// The number of the connection, as in logs.
    pub fn id(&self) -> ConnectionId {
        self.conn
    }

    /// The place where the transport notes signs of life other than frames.
    pub fn signs(&self) -> Signs {
        self.queue.signs()
    }

    /// Carries frames between the engine and a transport until either ends.
    ///
    /// All queued frames are written, then flushed once. The transport itself must give up on a
    /// peer that takes nothing. Until then the session keeps the waiting frames, within the bounds
    /// of [`OutboundLimits`](crate::limits::OutboundLimits).
    ///
    /// Frames sent before the peer closed the transport, or before the transport failed, are still
    /// processed, and then the session ends. Their replies are dropped.
    ///
    /// A transport closed by the peer is left as it is. If the peer expects an answer to its close,
    /// as with a WebSocket, lend the transport (`session.run(&mut transport)`) and close it
    /// afterwards.
    pub fn run<T, E>(self, transport: T) -> impl Future<Output = SessionEnd<E>>
    where
        T: Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E> + Unpin,
    {
        self.run_with_observer(transport, |_| {})
    }

    /// The same as [`run`](Self::run), with an observer of each carried frame, which must be quick.
    pub fn run_with_observer<T, E>(
        self,
        transport: T,
        observer: impl FnMut(SessionEvent),
    ) -> impl Future<Output = SessionEnd<E>>
    where
        T: Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E> + Unpin,
    {
        // A plain function, because the future of an async one would hold its arguments twice.
        let mut running = Running {
            session: self,
            transport,
            observer,
            written: false,
            closing: None,
            ended: None,
            told: false,
        };
        std::future::poll_fn(move |cx| running.poll(cx))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("conn", &self.conn).finish_non_exhaustive()
    }
}

struct Running<T, W, E> {
    session: Session,
    transport: T,
    observer: W,
    /// Frames were written and are not flushed.
    written: bool,
    /// The close frame is being written.
    closing: Option<CloseCode>,
    /// The end of the peer's side, while the engine finishes the pending requests.
    ended: Option<SessionEnd<E>>,
    /// The engine was told of the peer's end.
    told: bool,
}

/// No field is pinned.
impl<T, W, E> Unpin for Running<T, W, E> {}

impl<T, E, W> Running<T, W, E>
where
    T: Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E> + Unpin,
    W: FnMut(SessionEvent),
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SessionEnd<E>> {
        self.session.queue.register(cx);
        if self.ended.is_some() {
            return self.poll_finished(cx);
        }
        // Write before reading: writing makes room to read, and nothing else would wake this task
        // to notice.
        if let Err(error) = self.write(cx).and_then(|()| self.flush(cx)) {
            // Frames sent before the failure may still be readable.
            let _rest = self.poll_read(cx);
            return self.end(SessionEnd::Failed(error), cx);
        }
        if let Some(code) = self.closing {
            let _best_effort = ready!(Pin::new(&mut self.transport).poll_close(cx));
            return Poll::Ready(SessionEnd::ByServer(code));
        }
        let ended = ready!(self.poll_read(cx));
        self.end(ended, cx)
    }

    /// Ends the peer's side. Received requests are finished before the session ends, and no more
    /// are accepted.
    fn end(&mut self, ended: SessionEnd<E>, cx: &mut Context<'_>) -> Poll<SessionEnd<E>> {
        if !self.session.queue.has_unanswered() {
            return Poll::Ready(ended);
        }
        self.ended = Some(ended);
        self.poll_finished(cx)
    }

    /// Discards frames that nobody reads any more, until the engine has finished and closes the
    /// connection.
    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<SessionEnd<E>> {
        if !self.told {
            if ready!(self.session.messages.poll_ready(cx)).is_ok() {
                let _stopped =
                    self.session.messages.start_send(ServiceMessage::Left { conn: self.session.conn });
            }
            self.told = true;
        }
        while !self.session.queue.is_abandoned()
            && let Some(QueueItem::Frame(_)) = ready!(self.session.queue.poll_next(cx))
        {
            self.session.queue.flushed();
        }
        Poll::Ready(self.ended.take().unwrap_or(SessionEnd::ByPeer))
    }

    /// Gives frames to the engine while reading is allowed.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<SessionEnd<E>> {
        if self.session.queue.is_relieved() {
            if ready!(self.session.messages.poll_ready(cx)).is_err() {
                return Poll::Pending;
            }
            self.session.queue.clear_backlog();
            let _stopped =
                self.session.messages.start_send(ServiceMessage::Relieved { conn: self.session.conn });
        }
        while !self.session.queue.is_abandoned() && self.session.queue.may_read() {
            if ready!(self.session.messages.poll_ready(cx)).is_err() {
                return Poll::Pending;
            }
            let frame = match ready!(Pin::new(&mut self.transport).poll_next(cx)) {
                Some(Ok(Frame::Close(_))) | None => return Poll::Ready(SessionEnd::ByPeer),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(SessionEnd::Failed(error)),
            };
            self.session.queue.count_request();
            (self.observer)(SessionEvent::Request);
            let _stopped =
                self.session.messages.start_send(ServiceMessage::Frame { conn: self.session.conn, frame });
        }
        Poll::Pending
    }

    /// Writes queued frames while the transport takes them.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), E> {
        let mut run = Run::default();
        let written = self.write_frames(cx, &mut run);
        run.tell(&mut self.observer);
        written
    }

    fn write_frames(&mut self, cx: &mut Context<'_>, run: &mut Run) -> Result<(), E> {
        if self.closing.is_some() {
            return Ok(());
        }
        while !self.session.queue.is_abandoned() {
            let Poll::Ready(is_ready) = Pin::new(&mut self.transport).poll_ready(cx) else {
                self.session.queue.release();
                return Ok(());
            };
            is_ready?;
            match self.session.queue.poll_next(cx) {
                Poll::Ready(Some(QueueItem::Frame(Outbound {
                    class,
                    frame,
                    reservation: _,
                    count,
                    since,
                }))) => {
                    Pin::new(&mut self.transport).start_send(frame)?;
                    run.add(count, (class, since), &mut self.observer);
                    self.written = true;
                }
                Poll::Ready(Some(QueueItem::Close(code))) => return self.close(code),
                Poll::Ready(None) => return self.close(CloseCode::GoingAway),
                Poll::Pending => return Ok(()),
            }
        }
        self.give_up(cx)
    }

    /// Flushes once after writing.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), E> {
        if self.written
            && self.closing.is_none()
            && let Poll::Ready(flushed) = Pin::new(&mut self.transport).poll_flush(cx)
        {
            flushed?;
            self.written = false;
            self.session.queue.flushed();
        }
        Ok(())
    }

    /// Drops the queue of a peer that is too slow, and sends a close frame if the transport takes
    /// one.
    fn give_up(&mut self, cx: &mut Context<'_>) -> Result<(), E> {
        self.session.queue.clear();
        match Pin::new(&mut self.transport).poll_ready(cx) {
            Poll::Ready(is_ready) => {
                is_ready?;
                self.close(CloseCode::TooSlow)
            }
            Poll::Pending => {
                self.closing = Some(CloseCode::TooSlow);
                Ok(())
            }
        }
    }

    fn close(&mut self, code: CloseCode) -> Result<(), E> {
        self.closing = Some(code);
        Pin::new(&mut self.transport).start_send(Frame::Close(code))
    }
}
