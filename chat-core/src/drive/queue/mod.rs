//! The queue of frames that wait for one connection, bounded by class.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::channel::mpsc;
use futures::task::AtomicWaker;

pub(super) use receiver::QueueReceiver;
pub(super) use sender::{PushError, Pushed, QueueSender};

use super::budget::{Budget, Reservation, take};
use super::signs::Signs;
use crate::engine::Class;
use crate::frame::Frame;
use crate::limits::OutboundLimits;
use crate::protocol::CloseCode;
use crate::time::Monotonic;

/// An item of a queue.
pub(super) enum QueueItem {
    Frame(Outbound),
    /// The end of the queue.
    Close(CloseCode),
}

/// A frame on its way to the transport.
pub(super) struct Outbound {
    pub(super) class: Class,
    pub(super) frame: Frame,
    /// The frame's bytes in the budget of all connections.
    pub(super) reservation: Arc<Reservation>,
    /// The number of replies or events in the frame.
    pub(super) count: usize,
    /// The time when the engine gave them.
    pub(super) since: Monotonic,
}

/// Bytes of an item's place in its queue. Each connection has its own; the frame is shared.
const PLACE: usize = size_of::<QueueItem>();

/// The state shared by both ends of a queue.
struct Shared {
    limits: OutboundLimits,
    /// The engine has paused reading.
    paused: AtomicBool,
    /// The queue was abandoned: its reader must stop, whatever is queued.
    abandoned: AtomicBool,
    /// Requests given to the engine and not answered.
    unanswered: AtomicUsize,
    most_unanswered: usize,
    live: AtomicUsize,
    live_bytes: AtomicUsize,
    reply_bytes: AtomicUsize,
    /// The room for replies is full, or was until the [`QueueReceiver`] clears this.
    backlog: AtomicBool,
    /// Items, each of which takes a [`PLACE`].
    items: AtomicUsize,
    /// Bytes that waited when the queue was abandoned, until the queue is empty.
    leaving: AtomicUsize,
    /// Bytes that wait on all connections.
    budget: Arc<Budget>,
    /// The waker of the task that empties the queue.
    task: AtomicWaker,
    signs: Signs,
}

/// Counts gathered by one end of a queue before they are written to the shared counts, because two
/// threads write each of those.
#[derive(Clone, Copy, Default)]
struct Counts {
    items: usize,
    live: usize,
    live_bytes: usize,
    reply_bytes: usize,
}

/// Creates the queue of one connection.
///
/// The channel inside is unbounded. [`QueueSender::push`] keeps the bounds by class, which a
/// channel can't.
pub(super) fn queue(
    limits: OutboundLimits,
    most_unanswered: usize,
    budget: Arc<Budget>,
) -> (QueueSender, QueueReceiver) {
    let (frames, receiver) = mpsc::unbounded();
    let shared = Arc::new(Shared {
        limits,
        paused: AtomicBool::new(false),
        abandoned: AtomicBool::new(false),
        unanswered: AtomicUsize::new(0),
        most_unanswered: most_unanswered.max(1),
        live: AtomicUsize::new(0),
        live_bytes: AtomicUsize::new(0),
        reply_bytes: AtomicUsize::new(0),
        backlog: AtomicBool::new(false),
        items: AtomicUsize::new(0),
        leaving: AtomicUsize::new(0),
        budget,
        task: AtomicWaker::new(),
        signs: Signs::default(),
    });
    let sender = QueueSender { pushed: Vec::new(), live: Counts::default(), frames, shared: shared.clone() };
    let receiver = QueueReceiver {
        frames: receiver,
        shared,
        received: Vec::new().into_iter(),
        in_flight: Counts::default(),
        in_flight_reservation: None,
        written: Counts::default(),
    };
    (sender, receiver)
}

impl Drop for Shared {
    /// Stops counting items pushed after the reader was gone.
    fn drop(&mut self) {
        self.forget_all();
    }
}

impl Shared {
    /// Counts a reply before it can be read, so that its reader sees the backlog.
    fn count_reply(&self, bytes: usize) {
        take(&self.unanswered, 1);
        self.count_places(1);
        if self.reply_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= self.limits.reply_bytes {
            self.backlog.store(true, Ordering::Release);
        }
    }

    fn count_live(&self, counts: &Counts) {
        if counts.live > 0 {
            self.count_places(counts.items);
            self.live_bytes.fetch_add(counts.live_bytes, Ordering::Relaxed);
            self.live.fetch_add(counts.live, Ordering::Relaxed);
        }
    }

    fn count_places(&self, items: usize) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.budget.add(items * PLACE);
    }

    fn uncount(&self, written: &Counts) {
        take(&self.live_bytes, written.live_bytes);
        take(&self.reply_bytes, written.reply_bytes);
        take(&self.live, written.live);
        self.budget.remove(take(&self.items, written.items) * PLACE);
    }

    fn forget_all(&self) {
        take(&self.live_bytes, usize::MAX);
        take(&self.reply_bytes, usize::MAX);
        self.budget.remove(take(&self.items, usize::MAX) * PLACE);
        self.budget.has_left(take(&self.leaving, usize::MAX));
    }
}

impl Counts {
    fn of(outbound: &Outbound) -> Self {
        let bytes = outbound.frame.bytes();
        match outbound.class {
            Class::Reply => Self { items: 1, reply_bytes: bytes, ..Self::default() },
            _ => Self { items: 1, live: outbound.count, live_bytes: bytes, ..Self::default() },
        }
    }

    fn add(&mut self, others: Self) {
        self.items += others.items;
        self.live += others.live;
        self.live_bytes += others.live_bytes;
        self.reply_bytes += others.reply_bytes;
    }
}
