//! An open WebSocket: frames in and out, and the heartbeat.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::TokioAdapter;
use async_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use bytes::Bytes;
use chat_core::frame::Frame;
use chat_core::protocol::CloseCode;
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::error::{broken, closed, lost};
use super::link::{Link, Watched};
use crate::transport::TransportError;

/// Maximum of bytes of an incoming message. The longest is the list of 1,000 conversations with
/// 20,000 participants in all: 23 MB with every name and address at its 256 bytes, and 24 MB of
/// last messages with every character escaped. A frame's memory is allocated when its length is
/// known: a hostile server can make an app allocate up to this much.
const MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of the read buffer. The library's default of 128 KiB is allocated at once, and most frames
/// have a few hundred bytes.
const READ_BUFFER: usize = 4 * 1024;

/// Bytes gathered before a write without a flush.
const WRITE_BUFFER: usize = 8 * 1024;

/// Maximum of bytes waiting to be written: many times the server's limit on a frame. A frame beyond
/// it is an error. Of pongs only the newest is kept: a server that pings and does not read can't
/// pile them up.
const WRITE_BUFFER_MOST: usize = 1024 * 1024;

/// The time between a ping and the end of the heartbeat: enough for an answer over the worst radio.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Time to wait for the server's answer to a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// An open WebSocket as `Stream<Item = Result<Frame, TransportError>> + Sink<Frame, Error =
/// TransportError>`.
///
/// One task must poll both. After a [`TransportError`] or a [`Frame::Close`] the stream ends. After
/// silence until 10 s before the end of the heartbeat (half of a heartbeat below 20 s), the client
/// pings the server. At the end of the heartbeat the connection is given up, also if the server has
/// accepted no byte of a write for as long.
pub struct Socket<S> {
    websocket: WebSocketStream<TokioAdapter<Link<S>>>,
    heartbeat: Duration,
    /// The timer of the next ping or the end, whichever comes first.
    timer: Pin<Box<Sleep>>,
    /// The last sign of life before the last ping.
    pinged_after: Option<Instant>,
    /// Whether a close was sent or answered.
    said_goodbye: bool,
    ended: bool,
    /// The end of the wait for the server's close.
    closes_at: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Creates the client's end after the handshake, with the bytes received behind it.
    pub(super) async fn new(link: Link<S>, leftover: Vec<u8>, heartbeat: Duration) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(WRITE_BUFFER_MOST)
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES));
        let stream = TokioAdapter::new(link);
        Self {
            websocket: WebSocketStream::from_partially_read(stream, leftover, Role::Client, Some(config))
                .await,
            heartbeat,
            timer: Box::pin(sleep_until(Instant::now())),
            pinged_after: None,
            said_goodbye: false,
            ended: false,
            closes_at: None,
        }
    }

    /// Reads until there is a frame for the client.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        loop {
            if self.watched().stuck_since().is_some()
                && let Poll::Ready(Err(error)) = self.websocket.poll_flush_unpin(cx)
            {
                return Poll::Ready(Some(Err(broken(&error))));
            }
            let Poll::Ready(message) = self.websocket.poll_next_unpin(cx) else {
                return self.poll_deadline(cx, true).map(|failure| Some(Err(failure)));
            };
            match message.transpose().map_err(|error| broken(&error))? {
                None => return Poll::Ready(None),
                Some(Message::Text(text)) => return Poll::Ready(Some(Ok(Frame::Text(text.into())))),
                Some(Message::Binary(bytes)) => return Poll::Ready(Some(Ok(Frame::Binary(bytes)))),
                Some(Message::Close(close)) => return Poll::Ready(Some(self.on_close(cx, close.as_ref()))),
                // The library answers a ping upon the next read.
                Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            }
        }
    }

    /// Handles a received close. The library has queued the answer, which is flushed now, because
    /// the stream may not be polled again.
    fn on_close(
        &mut self,
        cx: &mut Context<'_>,
        close: Option<&CloseFrame>,
    ) -> Result<Frame, TransportError> {
        self.said_goodbye = true;
        // A server that is gone needs no answer.
        let _ = self.websocket.poll_flush_unpin(cx);
        closed(close)
    }

    /// Maps the result of a write. While the write waits, the link may turn out to be dead.
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<Result<(), Error>>,
    ) -> Poll<Result<(), TransportError>> {
        if let Some(failure) = self.write_failure() {
            return Poll::Ready(Err(failure));
        }
        match written {
            Poll::Ready(written) => Poll::Ready(written.map_err(|error| broken(&error))),
            Poll::Pending => self.poll_deadline(cx, false).map(Err),
        }
    }

    /// Waits for the end of the link's life, and pings before.
    ///
    /// Silence counts only after all received bytes were read.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, all_read: bool) -> Poll<TransportError> {
        while let Some(deadline) = self.next_deadline(all_read) {
            if self.timer.deadline() != deadline {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(cx));
            if let Err(failure) = self.on_deadline(cx, all_read) {
                return Poll::Ready(failure);
            }
        }
        Poll::Pending
    }

    fn next_deadline(&self, all_read: bool) -> Option<Instant> {
        let silence = if self.is_pinged() {
            Some(self.silent_at()).filter(|at| all_read || *at > Instant::now())
        } else {
            Some(self.ping_at())
        };
        self.stuck_at().into_iter().chain(silence).min()
    }

    fn on_deadline(&mut self, cx: &mut Context<'_>, all_read: bool) -> Result<(), TransportError> {
        let now = Instant::now();
        if self.stuck_at().is_some_and(|at| at <= now) {
            return Err(self.dead("took nothing"));
        }
        if all_read && self.silent_at() <= now {
            return Err(self.dead("gave no sign of life"));
        }
        if !self.is_pinged() && self.ping_at() <= now {
            self.pinged_after = Some(self.watched().alive_at());
            self.websocket.start_send_unpin(Message::Ping(Bytes::new())).map_err(|error| broken(&error))?;
            if let Poll::Ready(Err(error)) = self.websocket.poll_flush_unpin(cx) {
                return Err(broken(&error));
            }
        }
        Ok(())
    }

    fn write_failure(&self) -> Option<TransportError> {
        self.watched().write_error().map(lost)
    }

    fn dead(&self, what: &str) -> TransportError {
        TransportError::network(format_args!("the link is dead: the server {what} for {:?}", self.heartbeat))
    }

    /// Whether no ping is due before the next sign of life. After a close none is allowed.
    fn is_pinged(&self) -> bool {
        self.said_goodbye || self.pinged_after == Some(self.watched().alive_at())
    }

    fn ping_at(&self) -> Instant {
        let pause = self.heartbeat.saturating_sub(PONG_WITHIN).max(self.heartbeat / 2);
        self.watched().alive_at() + pause
    }

    fn silent_at(&self) -> Instant {
        self.watched().alive_at() + self.heartbeat
    }

    fn stuck_at(&self) -> Option<Instant> {
        self.watched().stuck_since().map(|since| since + self.heartbeat)
    }

    fn watched(&self) -> &Watched<S> {
        self.websocket.get_ref().get_ref().watched()
    }

    /// Closes in good order. Dropping a socket with unread bytes resets the connection, and a reset
    /// takes from the server the bytes it had not read yet.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.closes_at.is_none() {
            let closes_at = Instant::now() + CLOSE_WITHIN;
            self.closes_at = Some(closes_at);
            self.timer.as_mut().reset(closes_at);
            self.said_goodbye = true;
            // Fails if a close was sent already, or if nobody is left to receive it.
            let _ = self.websocket.start_send_unpin(close_message(CloseCode::Normal));
        }
        if self.timer.as_mut().poll(cx).is_ready() || ready!(self.websocket.poll_flush_unpin(cx)).is_err() {
            return Poll::Ready(());
        }
        while let Some(Ok(_)) = ready!(self.websocket.poll_next_unpin(cx)) {}
        Poll::Ready(())
    }
}

impl<S> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("heartbeat", &self.heartbeat).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Socket<S> {
    type Item = Result<Frame, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(this.poll_frame(cx));
        this.ended = !matches!(frame, Some(Ok(Frame::Text(_) | Frame::Binary(_))));
        Poll::Ready(frame)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Frame> for Socket<S> {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        let ready = this.websocket.poll_ready_unpin(cx);
        this.poll_written(cx, ready)
    }

    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), TransportError> {
        let this = self.get_mut();
        let message = match frame {
            Frame::Text(text) => whole(text, Data::Text),
            Frame::Binary(bytes) | Frame::Framed(bytes) => whole(bytes, Data::Binary),
            Frame::Close(code) => {
                this.said_goodbye = true;
                close_message(code)
            }
        };
        this.websocket.start_send_unpin(message).map_err(|error| broken(&error))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        let flushed = this.websocket.poll_flush_unpin(cx);
        this.poll_written(cx, flushed)
    }

    /// Sends a close unless one was sent, and waits at most 2 s for the server's close. Never
    /// fails, because a failure has no effect any more.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.get_mut().poll_goodbye(cx).map(Ok)
    }
}

/// Makes a message of one frame. An outgoing text is valid UTF-8 by the contract of
/// [`Frame::Text`].
fn whole(payload: Bytes, kind: Data) -> Message {
    Message::Frame(RawFrame::message(payload, OpCode::Data(kind), true))
}

fn close_message(code: CloseCode) -> Message {
    let reason = Utf8Bytes::from_static(code.reason());
    Message::Close(Some(CloseFrame { code: code.code().into(), reason }))
}

#[cfg(test)]
mod tests;
