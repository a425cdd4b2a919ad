//! A bounded queue to a reader that may be slow.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// Most items that wait for a reader. One more empties the queue, and the reader is told how many it has lost: an app
/// that has fallen this far behind is better off with what is true now than with what was.
const MOST: usize = 1_024;

/// A queue of at most [`MOST`] items.
pub(super) struct Queue<T> {
    items: VecDeque<T>,
    lost: u64,
    ended: bool,
    waker: Option<Waker>,
}

/// What comes out of a queue.
pub(super) enum Queued<T> {
    /// The next item.
    Item(T),
    /// This many items were lost before the next one.
    Lost(u64),
}

impl<T> Queued<T> {
    /// The item, if it is one.
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

    /// What waits is out of date, unless it is the last that comes.
    pub(super) fn clear(&mut self) {
        if !self.ended {
            self.items.clear();
        }
    }

    /// Nothing more will come.
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
