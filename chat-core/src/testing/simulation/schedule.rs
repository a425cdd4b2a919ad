//! The queue of future happenings, by time.

use std::collections::BTreeMap;

use crate::time::Monotonic;

/// A queue of future happenings. Those of the same time keep their order.
pub(super) struct Schedule<T> {
    due: BTreeMap<(Monotonic, u64), T>,
    put: u64,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), put: 0 }
    }
}

impl<T> Schedule<T> {
    pub(super) fn put(&mut self, at: Monotonic, what: T) {
        self.put += 1;
        self.due.insert((at, self.put), what);
    }

    /// The next of all that is to happen up to this time.
    pub(super) fn next(&mut self, end: Monotonic) -> Option<(Monotonic, T)> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= end)?;
        let ((at, _), what) = first.remove_entry();
        Some((at, what))
    }
}
