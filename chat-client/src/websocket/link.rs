//! The byte stream below the WebSocket, plain or in TLS, and its signs of life.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::transport::ProgressReport;

/// A stream that remembers the peer's last sign of life, and how long the peer has accepted
/// nothing.
///
/// Bytes are the signs, not frames: a long list that trickles in over a weak link is life.
///
/// A failed write does not end reading: frames sent by the peer before its hang-up are still to
/// come, and the WebSocket above stops reading after a failed write. The failure is therefore only
/// remembered here.
pub(super) struct Watched<S> {
    stream: S,
    alive_at: Instant,
    stuck_since: Option<Instant>,
    /// The error of the failed write. After this nothing is written, and the received bytes are
    /// read to their end.
    write_error: Option<io::Error>,
    meter: Meter,
}

/// Minimum of bytes that count as progress: more than pings and pongs, even in TLS. A server that
/// has stopped may still answer pings.
const PIECE: usize = 512;

/// Minimum between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Counts bytes and reports progress.
struct Meter {
    progress: ProgressReport,
    unreported: usize,
    reported_at: Option<Instant>,
}

impl Meter {
    fn moved(&mut self, bytes: usize) {
        self.unreported = self.unreported.saturating_add(bytes);
        if self.unreported >= PIECE && self.reported_at.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            (self.unreported, self.reported_at) = (0, Some(Instant::now()));
            self.progress.made();
        }
    }
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, progress: ProgressReport) -> Self {
        let meter = Meter { progress, unreported: 0, reported_at: None };
        Self { stream, alive_at: Instant::now(), stuck_since: None, write_error: None, meter }
    }

    /// Returns the error of a failed write, if any.
    pub(super) fn write_error(&self) -> Option<&io::Error> {
        self.write_error.as_ref()
    }

    /// Returns the time of the last incoming bytes, or of the last progress of a blocked write.
    ///
    /// A write that did not block is no sign, because the system buffered it.
    pub(super) fn alive_at(&self) -> Instant {
        self.alive_at
    }

    /// Returns the start of the current blocked write, if any.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.stuck_since
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let came = buf.filled().len() - before;
        if came > 0 {
            self.alive_at = Instant::now();
            self.meter.moved(came);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.write_error.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Pending => {
                self.stuck_since.get_or_insert_with(Instant::now);
                Poll::Pending
            }
            Poll::Ready(Ok(written)) => {
                if self.stuck_since.take().is_some() {
                    self.alive_at = Instant::now();
                    self.meter.moved(written);
                }
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(error)) => {
                (self.stuck_since, self.write_error) = (None, Some(error));
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = std::task::ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.write_error = self.write_error.take().or(flushed.err());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A watched stream, with or without TLS above.
pub(super) enum Link<S> {
    Plain(Watched<S>),
    Tls(Box<TlsStream<Watched<S>>>),
}

impl<S> Link<S> {
    pub(super) fn plain(stream: S, progress: ProgressReport) -> Self {
        Self::Plain(Watched::new(stream, progress))
    }

    pub(super) fn tls(stream: TlsStream<Watched<S>>) -> Self {
        Self::Tls(Box::new(stream))
    }

    pub(super) fn watched(&self) -> &Watched<S> {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Link<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Link<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
