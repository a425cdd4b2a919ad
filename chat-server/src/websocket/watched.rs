//! A stream whose writes are watched: whether the peer takes what it is sent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

/// How long a peer may take nothing of what is written to it.
pub const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Since when a write waits, and when one that waited went on. Tells no time by itself.
#[derive(Debug, Default)]
pub struct Writes {
    blocked_since: Option<Instant>,
    progress_at: Option<Instant>,
}

/// A stream that knows how its writes fare, where they leave the program.
pub trait Watch {
    /// How they fare.
    fn writes(&self) -> &Writes;
}

/// The stream below all others, which watches.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    writes: Writes,
}

impl<S> Watched<S> {
    /// Watches from now on.
    pub fn new(stream: S) -> Self {
        Self { stream, writes: Writes::default() }
    }
}

impl<S> Watch for Watched<S> {
    fn writes(&self) -> &Writes {
        &self.writes
    }
}

impl<S: Watch> Watch for Box<S> {
    fn writes(&self) -> &Writes {
        (**self).writes()
    }
}

/// TLS takes in more than the peer does: what counts is below it.
impl<S: Watch> Watch for TlsStream<S> {
    fn writes(&self) -> &Writes {
        self.get_ref().0.writes()
    }
}

impl Writes {
    /// Whether a write waits for the peer.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// When the write that waits has waited too long.
    pub(super) fn stalls_at(&self) -> Option<Instant> {
        self.blocked_since.map(|since| since + STALLED_AFTER)
    }

    /// When a write that had waited last went on: the peer had taken something.
    ///
    /// A write that did not wait says nothing about the peer, for the system takes it in the peer's place.
    pub(super) fn progress_at(&self) -> Option<Instant> {
        self.progress_at
    }

    /// Takes in what came of a write.
    fn note<T>(&mut self, written: &Poll<T>) {
        match written {
            Poll::Pending if self.blocked_since.is_none() => self.blocked_since = Some(Instant::now()),
            Poll::Ready(_) if self.blocked_since.take().is_some() => self.progress_at = Some(Instant::now()),
            _ => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.writes.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.writes.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
