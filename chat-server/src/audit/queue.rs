//! The buffer between the chat and the disk, and the thread that empties it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::warn;

use super::line::AuditLine;

/// Bytes in the buffer, at most: some 30,000 lines. Further lines are dropped and counted.
const BYTES: usize = 8 << 20;

/// Bytes at which the thread is woken early.
const WAKE_AT: usize = 256 << 10;

/// Time after which lines are written.
const WRITE_EVERY: Duration = Duration::from_millis(250);

/// Time for the buffer to be written at exit.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// A destination of lines. Written by one thread.
pub(super) trait Sink: Send + 'static {
    /// Appends whole lines.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;
}

/// The buffer's end at which lines enter. Dropping it ends the thread.
pub(super) struct AuditQueue(Arc<QueueShared>);

#[derive(Default)]
struct QueueShared {
    state: Mutex<QueueState>,
    /// Notified when the state changes.
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct QueueState {
    lines: Vec<u8>,
    count: u64,
    is_writing: bool,
    /// Somebody waits for the buffer to be written.
    flushes: bool,
    is_closed: bool,
}

impl AuditQueue {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If the system has no thread.
    pub(super) fn start(sink: impl Sink) -> io::Result<Self> {
        let shared = Arc::<QueueShared>::default();
        let taken = shared.clone();
        thread::Builder::new().name("audit".to_owned()).spawn(move || taken.write_all(sink))?;
        Ok(Self(shared))
    }

    /// Adds a line.
    pub(super) fn push(&self, line: &AuditLine<'_>) {
        let mut state = self.0.state();
        let before = state.lines.len();
        if before >= BYTES {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        line.write(&mut state.lines);
        state.count += 1;
        if before == 0 || (before < WAKE_AT && state.lines.len() >= WAKE_AT) {
            self.0.changed.notify_all();
        }
    }

    /// Lines that are in no file, because the disk did not take them.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits a bounded time until all lines are written.
    pub(super) fn flush(&self) {
        let mut state = self.0.state();
        state.flushes = state.is_writing || !state.lines.is_empty();
        self.0.changed.notify_all();
        let is_full = |state: &mut QueueState| state.is_writing || !state.lines.is_empty();
        // At the end of the time the remaining lines are lost.
        let _late = self.0.changed.wait_timeout_while(state, FLUSH_WITHIN, is_full);
    }
}

impl Drop for AuditQueue {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl QueueShared {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut sink: impl Sink) {
        let (mut lines, mut is_failing) = (Vec::new(), false);
        while let Some(count) = self.next(&mut lines) {
            let written = sink.append(&lines);
            lines.clear();
            lines.shrink_to(WAKE_AT);
            if let Err(error) = &written {
                self.dropped.fetch_add(count, Ordering::Relaxed);
                if !is_failing {
                    warn!(%error, "can't write the audit trail: its lines are dropped until the disk takes them");
                }
            }
            is_failing = written.is_err();
            let mut state = self.state();
            state.is_writing = false;
            state.flushes &= !state.lines.is_empty();
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for lines and gathers more for a while, then exchanges them for the empty buffer.
    /// Returns their number, or `None` once the queue is closed and empty.
    fn next(&self, empty: &mut Vec<u8>) -> Option<u64> {
        let is_idle = |state: &mut QueueState| state.lines.is_empty() && !state.is_closed;
        let may_gather =
            |state: &mut QueueState| state.lines.len() < WAKE_AT && !state.flushes && !state.is_closed;
        let state = self.changed.wait_while(self.state(), is_idle).unwrap_or_else(PoisonError::into_inner);
        let gathered = self.changed.wait_timeout_while(state, WRITE_EVERY, may_gather);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        if state.lines.is_empty() {
            return None;
        }
        std::mem::swap(&mut state.lines, empty);
        state.is_writing = true;
        Some(std::mem::take(&mut state.count))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A disk that takes lines for each permit.
    struct Hung(Receiver<()>, Sender<usize>);

    impl Sink for Hung {
        fn append(&mut self, lines: &[u8]) -> io::Result<()> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(lines.split(|byte| *byte == b'\n').count() - 1).map_err(io::Error::other)
        }
    }

    #[test]
    fn a_hung_disk_holds_nobody_up_and_lines_beyond_the_buffer_are_counted() {
        let (permits, wait) = channel();
        let (took, taken) = channel();
        let queue = AuditQueue::start(Hung(wait, took)).unwrap();
        let mut line = Vec::new();
        AuditLine::default().write(&mut line);
        // One buffer is with the disk, and one fills up.
        let pushed = 3 * BYTES / line.len();
        for _ in 0..pushed {
            queue.push(&AuditLine::default());
        }
        let dropped = usize::try_from(queue.dropped()).unwrap();
        assert!(dropped >= pushed / 4, "{dropped} of {pushed}");
        drop(queue);
        permits.send(()).unwrap();
        let mut written = taken.recv().unwrap();
        while written < pushed - dropped {
            permits.send(()).unwrap();
            written += taken.recv().unwrap();
        }
        assert_eq!(written, pushed - dropped);
    }

    #[test]
    fn lines_that_the_disk_refuses_are_counted() {
        struct Full;
        impl Sink for Full {
            fn append(&mut self, _: &[u8]) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let queue = AuditQueue::start(Full).unwrap();
        queue.push(&AuditLine::default());
        queue.push(&AuditLine::default());
        queue.flush();
        assert_eq!(queue.dropped(), 2);
    }
}
