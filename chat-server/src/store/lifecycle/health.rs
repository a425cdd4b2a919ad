//! Whether a store can do all that it is for.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a failure of the journal counts if nothing is written after it: then only a client's next change can find
/// out whether it is over.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// What a store can't do at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Acknowledge changes: the journal could not be written, moments ago.
    Journal,
    /// Acknowledge changes of clients: the disk is full, but for the end of the reserve.
    DiskFull,
    /// The same, and answer loads: there is no index, and perhaps no room for one.
    DiskFullWithoutIndex,
    /// Acknowledge changes of all clients: what is left of the disk is kept for control and emergencies.
    DiskLow,
    /// Answer loads: there is no index, and it is being built.
    Index,
    /// Anything: it is closed, or its commit thread has ended.
    Closed,
}

/// When the journal failed, if that was after it was last written.
#[derive(Debug, Default)]
pub(in crate::store) struct JournalFailure(Mutex<Option<Instant>>);

impl JournalFailure {
    /// Takes in whether a group has just failed or been written.
    pub(in crate::store) fn set(&self, has_failed: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = has_failed.then(Instant::now);
    }

    /// Whether it counts.
    pub(in crate::store) fn is_recent(&self) -> bool {
        let failed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < COUNTS_FOR)
    }
}
