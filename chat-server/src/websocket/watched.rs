//! A stream with traffic statistics: whether the peer reads, and whether anything arrives.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

/// Time after which a peer that reads nothing is given up, beside the time for buffered bytes.
pub const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Buffered bytes that extend the deadline of a blocked write. The kernel holds up to 128 KiB per
/// connection, and reports a socket as writable only after a good part is gone. On a link of 40
/// kbit/s that takes more than ten seconds.
const HELD_MOST: u64 = 64 * 1024;

/// The slowest supported link, in bytes per second: 32 kbit/s.
const SLOWEST_LINK: u64 = 4 * 1024;

/// The time in which the slowest supported link carries these bytes, in whole seconds.
pub(super) fn time_for(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_LINK)
}

/// The traffic of a stream: since when a write is blocked, when a blocked write last progressed,
/// and bytes in each direction. Without a clock of its own.
#[derive(Debug, Default)]
pub struct Traffic {
    blocked_since: Option<Instant>,
    progress_at: Option<Instant>,
    read: u64,
    written: u64,
}

/// A stream that counts its traffic at the lowest layer.
pub trait Watch {
    /// The traffic in both directions.
    fn traffic(&self) -> &Traffic;
}

/// The lowest stream, which counts.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    traffic: Traffic,
}

impl<S> Watched<S> {
    /// Starts counting.
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

/// TLS buffers more than the peer has read. Only the traffic below it counts.
impl<S: Watch> Watch for TlsStream<S> {
    fn traffic(&self) -> &Traffic {
        self.get_ref().0.traffic()
    }
}

impl Traffic {
    /// Whether a write is blocked.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// The deadline of the blocked write.
    pub(super) fn stalls_at(&self) -> Option<Instant> {
        let patience = STALLED_AFTER + time_for(self.written.min(HELD_MOST));
        self.blocked_since.map(|since| since + patience)
    }

    /// The last time at which a blocked write progressed, and therefore the peer had read
    /// something.
    ///
    /// A write that was not blocked proves nothing, because the kernel's buffer took the bytes.
    pub(super) fn progress_at(&self) -> Option<Instant> {
        self.progress_at
    }

    /// Bytes received.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Bytes taken by the kernel. The peer may not have received all.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Records the result of a write.
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
