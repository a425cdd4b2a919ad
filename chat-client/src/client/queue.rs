//! A bounded queue for a reader that may be slow.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// Maximum of queued items. One more empties the queue, and the reader learns how many items were
/// lost: the current state is more useful to an app this far behind than old events.
const MOST: usize = 1_024;

/// A queue of at most [`MOST`] items.
pub(super) struct Queue<T> {
    items: VecDeque<T>,
    lost: u64,
    ended: bool,
    waker: Option<Waker>,
}

/// An item from a queue, or a gap.
pub(super) enum Queued<T> {
    /// The next item.
    Item(T),
    /// This many items were lost before the next one.
    Lost(u64),
}

impl<T> Queued<T> {
    /// Returns the item, if any.
    pub(super) fn item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Lost(_) => None,
        }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), lost: 0, ended: false, waker: None }
    }
}

impl<T> Queue<T> {
    pub(super) fn push(&mut self, item: T) {
        if self.ended {
            return;
        }
        if self.items.len() >= MOST {
            self.lost += self.items.len() as u64;
            self.items.clear();
        }
        self.items.push_back(item);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Drops queued items, which are out of date, unless the queue has ended with them.
    pub(super) fn clear(&mut self) {
        if !self.ended {
            self.items.clear();
        }
    }

    /// Ends the queue: later items are ignored.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Queued<T>>> {
        if self.lost > 0 {
            return Poll::Ready(Some(Queued::Lost(std::mem::take(&mut self.lost))));
        }
        match self.items.pop_front() {
            Some(item) => Poll::Ready(Some(Queued::Item(item))),
            None if self.ended => Poll::Ready(None),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
