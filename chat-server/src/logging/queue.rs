//! The queue between the server and standard error, whose reader may stop reading.
//!
//! A thread writes the lines. A full queue drops lines and counts them, because the chat must not
//! wait for its log.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::warn;
use tracing_subscriber::fmt::MakeWriter;

/// Lines in the queue, at most: some megabytes.
const LINES: usize = 8_192;

/// Time for the queue to be written at exit.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// Lines dropped since the start of the process.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Lines of the log that were dropped because standard error took none.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// A message to the thread that writes.
enum Message {
    Line(Vec<u8>),
    /// Everything before this is written when the sender is dropped.
    Flush(SyncSender<()>),
}

/// The queue's end at which lines enter.
#[derive(Clone)]
pub(crate) struct LogQueue(SyncSender<Message>);

impl LogQueue {
    /// Starts the thread that writes the lines.
    ///
    /// # Errors
    ///
    /// If the system has no thread.
    pub(crate) fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(LINES);
        thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&receiver, to))?;
        Ok(Self(sender))
    }

    /// Waits a bounded time until all lines are written.
    pub(crate) fn flush(&self) {
        let (done, is_done) = sync_channel(0);
        if self.0.try_send(Message::Flush(done)).is_ok() {
            // An error means that the thread has dropped the sender, and so written everything.
            let _ = is_done.recv_timeout(FLUSH_WITHIN);
        }
    }
}

fn write_all(lines: &Receiver<Message>, mut to: impl Write) {
    let mut told = 0;
    for message in lines {
        match message {
            // A log that can't be written can't be complained about either.
            Message::Line(line) => drop(to.write_all(&line)),
            Message::Flush(done) => drop(done),
        }
        let dropped = dropped();
        if std::mem::replace(&mut told, dropped) < dropped {
            warn!(dropped, "the reader of the log was too slow, and lines were dropped");
        }
    }
}

impl MakeWriter<'_> for LogQueue {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line { bytes: Vec::new(), to: self.0.clone() }
    }
}

/// A line that enters the queue when dropped.
pub(crate) struct Line {
    bytes: Vec<u8>,
    to: SyncSender<Message>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.bytes);
        if !line.is_empty() && self.to.try_send(Message::Line(line)).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// A reader that takes a line for each permit.
    struct Slow(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_takes_nothing_holds_nobody_up_and_what_is_dropped_is_counted() {
        let (permits, wait) = channel();
        let (took, taken) = channel();
        let queue = LogQueue::start(Slow(wait, took)).unwrap();
        let before = dropped();
        for number in 0..LINES + 100 {
            writeln!(queue.make_writer(), "{number}").unwrap();
        }
        // The thread may hold one line.
        assert!((99..=100).contains(&(dropped() - before)));
        for number in 0..LINES {
            permits.send(()).unwrap();
            assert_eq!(taken.recv().unwrap(), format!("{number}\n").into_bytes());
        }
    }
}
