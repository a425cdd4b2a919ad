//! The receiving end of a queue, held by the connection's task.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::vec;

use futures::channel::mpsc;
use futures::stream::StreamExt;

use super::{Counts, QueueItem, Shared};
use crate::drive::budget::Reservation;
use crate::drive::signs::Signs;

/// The end of a queue that the connection reads from.
pub(in crate::drive) struct QueueReceiver {
    pub(super) frames: mpsc::UnboundedReceiver<Vec<QueueItem>>,
    pub(super) shared: Arc<Shared>,
    /// Items received and not handed out.
    pub(super) received: vec::IntoIter<QueueItem>,
    /// The item handed out last, until the transport has [flushed](Self::flushed) it.
    pub(super) in_flight: Counts,
    pub(super) in_flight_reservation: Option<Arc<Reservation>>,
    /// Items handed out before, which are still counted.
    pub(super) written: Counts,
}

impl QueueReceiver {
    /// Hands out the next item, for a transport that is ready for it.
    ///
    /// The item is counted until the transport has [flushed](Self::flushed) it.
    pub(in crate::drive) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<QueueItem>> {
        self.written.add(mem::take(&mut self.in_flight));
        loop {
            if let Some(next) = self.received.next() {
                if let QueueItem::Frame(outbound) = &next {
                    self.in_flight = Counts::of(outbound);
                    self.in_flight_reservation = Some(outbound.reservation.clone());
                }
                return Poll::Ready(Some(next));
            }
            self.release();
            match ready!(self.frames.poll_next_unpin(cx)) {
                Some(received) => self.received = received.into_iter(),
                None => return Poll::Ready(None),
            }
        }
    }

    /// Notes that the transport has flushed all items handed out.
    pub(in crate::drive) fn flushed(&mut self) {
        self.written.add(mem::take(&mut self.in_flight));
        self.in_flight_reservation = None;
        self.release();
    }

    /// Drops all items of an abandoned queue.
    pub(in crate::drive) fn clear(&mut self) {
        self.received = Vec::new().into_iter();
        self.frames.close();
        while self.frames.try_recv().is_ok() {}
        self.in_flight_reservation = None;
        self.shared.forget_all();
    }

    /// Stops counting the items that the transport has taken: all handed out but the last.
    pub(in crate::drive) fn release(&mut self) {
        self.shared.uncount(&mem::take(&mut self.written));
    }

    /// Wakes this task from now on when the queue is abandoned or reading is allowed again.
    pub(in crate::drive) fn register(&self, cx: &Context<'_>) {
        self.shared.task.register(cx.waker());
    }

    /// Whether the queue was abandoned.
    pub(in crate::drive) fn is_abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Acquire)
    }

    /// Whether a backlog of replies has been written.
    pub(in crate::drive) fn is_relieved(&self) -> bool {
        self.shared.backlog.load(Ordering::Acquire)
            && self.shared.reply_bytes.load(Ordering::Relaxed) < self.shared.limits.reply_bytes
    }

    /// Clears the backlog, once the engine is told.
    pub(in crate::drive) fn clear_backlog(&self) {
        self.shared.backlog.store(false, Ordering::Release);
    }

    /// Counts a request for the engine, which owes one reply from now on.
    pub(in crate::drive) fn count_request(&self) {
        self.shared.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the engine owes a reply.
    pub(in crate::drive) fn has_unanswered(&self) -> bool {
        self.shared.unanswered.load(Ordering::Relaxed) > 0
    }

    /// The place where the transport notes signs of life.
    pub(in crate::drive) fn signs(&self) -> Signs {
        self.shared.signs.clone()
    }

    /// Whether the connection may be read.
    ///
    /// Reading stops while too many of its requests are unanswered, and while its replies pile up.
    /// Reading also stops while half the room for live events is used, so that the events caused by
    /// the connection's own requests can't overflow its queue.
    pub(in crate::drive) fn may_read(&self) -> bool {
        let shared = &self.shared;
        !shared.paused.load(Ordering::Acquire)
            && shared.unanswered.load(Ordering::Relaxed) < shared.most_unanswered
            && shared.reply_bytes.load(Ordering::Relaxed) < shared.limits.reply_bytes
            && shared.live.load(Ordering::Relaxed) < shared.limits.live_events / 2
            && shared.live_bytes.load(Ordering::Relaxed) < shared.limits.live_bytes / 2
    }
}

impl Drop for QueueReceiver {
    fn drop(&mut self) {
        self.shared.forget_all();
    }
}
