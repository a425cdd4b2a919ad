//! The sending end of a queue, held by the engine's task.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::channel::mpsc;

use super::{Counts, Outbound, PLACE, QueueItem, Shared};
use crate::engine::Class;
use crate::protocol::CloseCode;
use crate::time::Monotonic;

/// The end of a queue that takes the engine's frames.
pub(in crate::drive) struct QueueSender {
    /// Items pushed and not sent.
    pub(super) pushed: Vec<QueueItem>,
    /// The live events among them, which are counted once they are sent.
    pub(super) live: Counts,
    pub(super) frames: mpsc::UnboundedSender<Vec<QueueItem>>,
    pub(super) shared: Arc<Shared>,
}

/// The outcome of a successful push.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::drive) enum Pushed {
    /// The frame is the first that waits to be sent.
    First,
    /// The frame waits to be sent behind others.
    Behind,
    /// The frame was sent, with all before it, because half the room for live events is used.
    ///
    /// The reader must get its turn before more is pushed. Otherwise one turn of the engine could
    /// overflow the queue of a reader that keeps up.
    Sent,
}

/// The reason why a frame was not pushed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::drive) enum PushError {
    /// The frame is worthless later, and little room is left.
    #[error("there is little room left, and the frame is worthless later")]
    Shed,
    /// The reader has left more waiting than its queue may hold.
    #[error("the reader is too slow")]
    TooSlow,
}

impl QueueSender {
    /// Pushes a frame, to be [sent](Self::send) together with others.
    ///
    /// Replies are always accepted: while too many wait, the connection is not read, so no more are
    /// made. Typing is shed once a quarter of the room for live events is used, to leave room for
    /// messages.
    ///
    /// # Errors
    ///
    /// [`PushError::TooSlow`] if a message has no room. A message is never dropped silently.
    pub(in crate::drive) fn push(&mut self, outbound: Outbound) -> Result<Pushed, PushError> {
        let (count, bytes) = (outbound.count, outbound.frame.bytes());
        let shared = &self.shared;
        let live = shared.live.load(Ordering::Relaxed) + self.live.live;
        let live_bytes = shared.live_bytes.load(Ordering::Relaxed) + self.live.live_bytes;
        let (most, most_bytes) = (shared.limits.live_events, shared.limits.live_bytes);
        let mut is_half = false;
        match outbound.class {
            Class::Reply => shared.count_reply(bytes),
            Class::Typing if live >= most / 4 || live_bytes >= most_bytes / 4 => {
                return Err(PushError::Shed);
            }
            // A single event may be longer than the room: a reader that keeps up must survive it.
            _ if live + count > most || (live + count > 1 && live_bytes + bytes > most_bytes) => {
                return Err(PushError::TooSlow);
            }
            _ => {
                self.live.add(Counts::of(&outbound));
                is_half = live + count >= most / 2 || live_bytes + bytes >= most_bytes / 2;
            }
        }
        self.pushed.push(QueueItem::Frame(outbound));
        if is_half {
            self.send();
            return Ok(Pushed::Sent);
        }
        Ok(if self.pushed.len() == 1 { Pushed::First } else { Pushed::Behind })
    }

    /// Sends all pushed items, so that the connection's task wakes once and writes them at once.
    pub(in crate::drive) fn send(&mut self) {
        if !self.pushed.is_empty() {
            self.shared.count_live(&mem::take(&mut self.live));
            // The session reports a reader that is gone.
            let _gone = self.frames.unbounded_send(mem::take(&mut self.pushed));
        }
    }

    /// Ends the queue behind its last item.
    pub(in crate::drive) fn close(&mut self, code: CloseCode) {
        self.pushed.push(QueueItem::Close(code));
        self.send();
    }

    /// Abandons the queue with all its items.
    pub(in crate::drive) fn abandon(&self) {
        let bytes = self.bytes() + self.shared.items.load(Ordering::Relaxed) * PLACE;
        self.shared.budget.leaves(bytes);
        self.shared.leaving.fetch_add(bytes, Ordering::Relaxed);
        self.shared.abandoned.store(true, Ordering::Release);
        self.shared.task.wake();
    }

    /// Bytes sent that still wait.
    pub(in crate::drive) fn bytes(&self) -> usize {
        self.shared.live_bytes.load(Ordering::Relaxed) + self.shared.reply_bytes.load(Ordering::Relaxed)
    }

    /// Whether the waiting replies must be written before more are made.
    pub(in crate::drive) fn has_backlog(&self) -> bool {
        self.shared.backlog.load(Ordering::Acquire)
    }

    /// The last sign of life noted by the transport.
    pub(in crate::drive) fn last_sign(&self) -> Monotonic {
        self.shared.signs.last()
    }

    /// Sets whether the engine has paused reading from the connection.
    pub(in crate::drive) fn set_paused(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Release);
        if !paused {
            self.shared.task.wake();
        }
    }
}
