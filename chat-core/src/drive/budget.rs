//! The budget of bytes that wait on all connections together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that wait for any reader. A frame counts once, however many connections need it.
#[derive(Default)]
pub(super) struct Budget {
    waiting: AtomicUsize,
    /// The part that belongs to abandoned queues which are not empty yet.
    leaving: AtomicUsize,
}

/// A frame's bytes in the [`Budget`], until the last connection waiting for the frame drops this.
pub(super) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// Counts a frame.
    pub(super) fn reserve(self: &Arc<Self>, bytes: usize) -> Arc<Reservation> {
        self.add(bytes);
        Arc::new(Reservation { budget: Arc::clone(self), bytes })
    }

    /// Counts bytes held by a single connection.
    pub(super) fn add(&self, bytes: usize) {
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Stops counting these bytes.
    pub(super) fn remove(&self, bytes: usize) {
        take(&self.waiting, bytes);
    }

    /// Notes that a queue was abandoned. Its bytes will soon be free, unless also held elsewhere.
    pub(super) fn leaves(&self, bytes: usize) {
        self.leaving.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that an abandoned queue is empty.
    pub(super) fn has_left(&self, bytes: usize) {
        take(&self.leaving, bytes);
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether more than `most` bytes wait, not counting those that will soon be free.
    pub(super) fn exceeds(&self, most: usize) -> bool {
        self.waiting().saturating_sub(self.leaving.load(Ordering::Relaxed)) > most
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.remove(self.bytes);
    }
}

/// Subtracts at most `amount` from a count, and returns the amount subtracted.
pub(super) fn take(count: &AtomicUsize, amount: usize) -> usize {
    if amount == 0 {
        return 0;
    }
    let before = count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| Some(count.saturating_sub(amount)))
        .unwrap_or_default();
    before.min(amount)
}
