//! Bytes that wait on all connections together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::queue::take;

/// The bytes that wait for readers, whoever they are. A frame counts once, however many connections wait for it.
#[derive(Default)]
pub(super) struct Budget {
    waiting: AtomicUsize,
    /// The part that belongs to queues which are given up and not emptied yet.
    leaving: AtomicUsize,
}

/// A frame's bytes in the [`Budget`], until the last connection that waits for the frame drops this.
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// Counts a frame.
    pub(super) fn charge(self: &Arc<Self>, bytes: usize) -> Arc<Charge> {
        self.add(bytes);
        Arc::new(Charge { budget: Arc::clone(self), bytes })
    }

    /// Counts what only one connection holds.
    pub(super) fn add(&self, bytes: usize) {
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts it no more.
    pub(super) fn remove(&self, bytes: usize) {
        take(&self.waiting, bytes);
    }

    /// A queue is given up: its bytes, as far as nobody else waits for them, will soon be free.
    pub(super) fn leaves(&self, bytes: usize) {
        self.leaving.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The queue is empty.
    pub(super) fn has_left(&self, bytes: usize) {
        take(&self.leaving, bytes);
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether more wait than this, beside those that will soon be free.
    pub(super) fn exceeds(&self, most: usize) -> bool {
        self.waiting().saturating_sub(self.leaving.load(Ordering::Relaxed)) > most
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.remove(self.bytes);
    }
}
