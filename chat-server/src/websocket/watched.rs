//! A stream whose traffic is watched: whether the peer takes what it is sent, and whether anything comes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

/// How long a peer may take nothing of what is written to it, behind what the system holds.
pub const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Bytes for which a blocked write is waited for beside that. The system holds up to 128 KiB for a connection, and has a write
/// go on only when a good part of them is gone: on a link of 40 kbit/s that takes longer than ten seconds.
const HELD_MOST: u64 = 64 * 1024;

/// The slowest link that a live peer may have, in bytes a second: 32 kbit/s.
const SLOWEST_LINK: u64 = 4 * 1024;

/// The time in which a live peer takes so many bytes, in whole seconds.
pub(super) fn time_for(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_LINK)
}

/// Since when a write waits, when one that waited went on, and how many bytes went each way. Tells no time by itself.
#[derive(Debug, Default)]
pub struct Traffic {
    blocked_since: Option<Instant>,
    progress_at: Option<Instant>,
    read: u64,
    written: u64,
}

/// A stream that knows its traffic, where it leaves the program.
pub trait Watch {
    /// What went each way.
    fn traffic(&self) -> &Traffic;
}

/// The stream below all others, which watches.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    traffic: Traffic,
}

impl<S> Watched<S> {
    /// Watches from now on.
    pub fn new(stream: S) -> Self {
        Self { stream, traffic: Traffic::default() }
    }
}

impl<S> Watch for Watched<S> {
    fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

impl<S: Watch> Watch for Box<S> {
    fn traffic(&self) -> &Traffic {
        (**self).traffic()
    }
}

/// TLS takes in more than the peer does: what counts is below it.
impl<S: Watch> Watch for TlsStream<S> {
    fn traffic(&self) -> &Traffic {
        self.get_ref().0.traffic()
    }
}

impl Traffic {
    /// Whether a write waits for the peer.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// When the write that waits has waited too long.
    pub(super) fn stalls_at(&self) -> Option<Instant> {
        let patience = STALLED_AFTER + time_for(self.written.min(HELD_MOST));
        self.blocked_since.map(|since| since + patience)
    }

    /// When a write that had waited last went on: the peer had taken something.
    ///
    /// A write that did not wait says nothing about the peer, for the system takes it in the peer's place.
    pub(super) fn progress_at(&self) -> Option<Instant> {
        self.progress_at
    }

    /// Bytes that came in.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Bytes that the system took. The peer may not have them yet.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Takes in what came of a write.
    fn note_written(&mut self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.written += *bytes as u64;
        }
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
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.traffic.read += (buf.filled().len() - before) as u64;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.traffic.note_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.traffic.note_written(&written);
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
