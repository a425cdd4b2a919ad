//! A WebSocket as a transport of the core.
//!
//! Handles pings, the limit on frame lengths, dead and stalled peers, and the orderly end of a
//! connection, with one timer per connection.

mod error;
mod heartbeat;
mod linger;
mod outgoing;
mod watched;

pub(crate) use linger::close;

pub use error::WebSocketError;
pub use heartbeat::{Heartbeat, PONG_WITHIN};
pub use outgoing::frame_texts;
use outgoing::{Outgoing, message};
pub use watched::{STALLED_AFTER, Traffic, Watch, Watched};

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::TokioAdapter;
use async_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::Data;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Message, Utf8Bytes};
use bytes::Bytes;
use chat_core::drive::Frame;
use chat_core::protocol::CloseCode;
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

/// Most bytes of a frame, and of a fragmented message. The longest request of the protocol, with
/// every character escaped, has about 50 KiB.
pub const FRAME_BYTES: usize = 64 * 1024;

/// Size of the read buffer. Allocated per connection, and therefore small: most requests fit, and
/// longer frames allocate more.
const READ_BUFFER: usize = 512;

/// A WebSocket as `Stream<Item = Result<Frame, WebSocketError>> + Sink<Frame>`.
///
/// The stream ends after a [`WebSocketError`]. Call [`finish`](Self::finish) after any end, to
/// close in order.
pub struct WebSocket<S> {
    socket: WebSocketStream<TokioAdapter<S>>,
    heartbeat: Heartbeat,
    timer: Pin<Box<Sleep>>,
    /// A ping has arrived. The pong is sent before more is read, because pongs must not pile up.
    pong_owed: bool,
    outgoing: Outgoing,
    writer: FrameWriter,
    /// The close frame that explains a failure, still to be sent.
    last_words: Option<CloseFrame>,
    said_goodbye: bool,
    ended: bool,
    /// Called at signs of life that are not frames for the core.
    on_sign: Box<dyn Fn() + Send + Sync>,
}

/// Two writers share the socket. The writer that may have a partly written frame on the socket; the
/// other waits until the frame is complete.
#[derive(PartialEq, Eq)]
enum FrameWriter {
    /// The queue of outgoing frames.
    Queue,
    /// The library, with its automatic replies.
    Library,
}

impl<S: AsyncRead + AsyncWrite + Watch + Unpin> WebSocket<S> {
    /// The server's end of a connection after the HTTP handshake, with the bytes received beyond
    /// the request.
    pub async fn new(stream: S, leftover: &[u8], heartbeat: Heartbeat) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(FRAME_BYTES))
            .max_frame_size(Some(FRAME_BYTES));
        let stream = TokioAdapter::new(stream);
        let socket =
            WebSocketStream::from_partially_read(stream, leftover.to_vec(), Role::Server, Some(config)).await;
        let timer = Box::pin(sleep_until(heartbeat.deadline()));
        Self {
            socket,
            heartbeat,
            timer,
            pong_owed: false,
            outgoing: Outgoing::default(),
            writer: FrameWriter::Queue,
            last_words: None,
            said_goodbye: false,
            ended: false,
            // A closure without captures needs no allocation.
            on_sign: Box::new(|| ()),
        }
    }

    /// Sets a function that is called at each ping and pong of the peer. The function must be
    /// quick.
    pub fn on_sign(&mut self, on_sign: impl Fn() + Send + Sync + 'static) {
        self.on_sign = Box::new(on_sign);
    }

    /// Ends the connection: sends the reason unless sent already, and lets the peer read
    /// everything.
    ///
    /// `code` is the core's reason; a failure of the connection takes precedence. Takes a bounded
    /// time, whatever the peer does.
    pub async fn finish(&mut self, code: Option<CloseCode>) {
        let code = code.filter(|_| !self.said_goodbye);
        self.last_words = self.last_words.take().or(code.map(close_frame));
        linger::finish(self).await;
    }

    /// Reads until there is a frame for the core.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, WebSocketError>>> {
        loop {
            if self.pong_owed {
                ready!(self.poll_flushed(cx))?;
                self.pong_owed = false;
            } else if self.traffic().is_blocked() {
                let _ = self.poll_flushed(cx)?;
            }
            let Poll::Ready(message) = self.socket.poll_next_unpin(cx) else {
                return self.poll_timer(cx, true).map(|failure| Some(Err(failure)));
            };
            self.heartbeat.heard_now();
            match message.transpose()? {
                None => return Poll::Ready(None),
                Some(Message::Text(text)) => return Poll::Ready(Some(Ok(Frame::Text(text.into())))),
                Some(Message::Binary(bytes)) => return Poll::Ready(Some(Ok(Frame::Binary(bytes)))),
                Some(Message::Close(_)) => return Poll::Ready(Some(Ok(Frame::Close(CloseCode::Normal)))),
                Some(Message::Ping(_)) => self.pong_owed = true,
                Some(Message::Pong(_)) => self.heartbeat.answered(),
                Some(Message::Frame(_)) => {}
            }
            (self.on_sign)();
        }
    }

    /// Writes everything queued. Fails if the peer stalls.
    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        match self.poll_written(cx) {
            Poll::Ready(written) => Poll::Ready(written),
            Poll::Pending => self.poll_timer(cx, false).map(Err),
        }
    }

    /// Writes the queue and the library's replies, each completely before the other begins.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        loop {
            if self.writer == FrameWriter::Queue {
                let stream = self.socket.get_mut().get_mut();
                ready!(self.outgoing.poll_write(stream, cx)).map_err(WebSocketError::Broken)?;
                self.writer = FrameWriter::Library;
            }
            ready!(self.socket.poll_flush_unpin(cx))?;
            self.writer = FrameWriter::Queue;
            if self.outgoing.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Waits for the next deadline. Completes only with a failure.
    ///
    /// A peer counts as silent only after all received bytes were read.
    fn poll_timer(&mut self, cx: &mut Context<'_>, all_read: bool) -> Poll<WebSocketError> {
        loop {
            let stalls = self.traffic().stalls_at();
            let beats = all_read.then(|| self.heartbeat.deadline());
            let Some(deadline) = stalls.into_iter().chain(beats).min() else {
                return Poll::Pending;
            };
            if self.timer.deadline() != deadline {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(cx));
            if let Err(failure) = self.on_deadline(cx, Instant::now()) {
                return Poll::Ready(failure);
            }
        }
    }

    fn on_deadline(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), WebSocketError> {
        if self.traffic().stalls_at().is_some_and(|at| at <= now) {
            return Err(WebSocketError::Stalled);
        }
        if self.heartbeat.beat(now, self.socket.get_ref().get_ref().traffic())? {
            self.outgoing.push(RawFrame::ping(Bytes::new()));
            if let Poll::Ready(written) = self.poll_written(cx) {
                written?;
            }
        }
        Ok(())
    }

    fn traffic(&self) -> &Traffic {
        self.socket.get_ref().get_ref().traffic()
    }
}

impl<S: AsyncRead + AsyncWrite + Watch + Unpin> Stream for WebSocket<S> {
    type Item = Result<Frame, WebSocketError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(this.poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            this.ended = true;
        }
        if let Some(Err(failure)) = &frame {
            this.last_words = failure.last_words();
        }
        Poll::Ready(frame)
    }
}

impl<S: AsyncRead + AsyncWrite + Watch + Unpin> Sink<Frame> for WebSocket<S> {
    type Error = WebSocketError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        if self.outgoing.is_full() { self.get_mut().poll_flushed(cx) } else { Poll::Ready(Ok(())) }
    }

    /// Texts of the core are valid UTF-8, and need no check per connection.
    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), WebSocketError> {
        let this = self.get_mut();
        match frame {
            Frame::Text(text) => this.outgoing.push(message(Data::Text, text)),
            Frame::Binary(bytes) => this.outgoing.push(message(Data::Binary, bytes)),
            Frame::Framed(frames) => this.outgoing.push_framed(frames),
            Frame::Close(code) => {
                this.said_goodbye = true;
                this.outgoing.push(RawFrame::close(Some(close_frame(code))));
            }
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.get_mut().poll_flushed(cx)
    }

    /// Flushes. [`finish`](WebSocket::finish) closes the connection itself.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        self.get_mut().poll_flushed(cx)
    }
}

/// The close frame with this code and its reason.
fn close_frame(code: CloseCode) -> CloseFrame {
    CloseFrame { code: code.code().into(), reason: Utf8Bytes::from_static(code.reason()) }
}

#[cfg(test)]
mod tests;
