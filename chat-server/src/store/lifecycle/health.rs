//! Faults of a store, for its health check.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a failure of the journal counts without a later write. After this time only a client's
/// next change can find out whether the failure is over.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// A function that the store can't perform at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Acknowledging changes: the journal failed moments ago.
    Journal,
    /// Acknowledging changes of any client: only the end of the reserve is free.
    DiskFull,
    /// Acknowledging changes, and answering loads: the disk is full and has no index, perhaps for
    /// lack of room.
    DiskFullWithoutIndex,
    /// Acknowledging changes of some clients: only the reserve is free, which is for control and
    /// emergencies.
    DiskLow,
    /// Answering loads: the index is being built.
    Index,
    /// Everything: the database of a shared store can't be reached.
    Unreachable,
    /// Everything: the store is closed, or its commit thread has ended.
    Closed,
}

/// The time of the journal's last failure, unless a write succeeded since.
#[derive(Debug, Default)]
pub(in crate::store) struct JournalFailure(Mutex<Option<Instant>>);

impl JournalFailure {
    /// Records the result of writing a group.
    pub(in crate::store) fn set(&self, has_failed: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = has_failed.then(Instant::now);
    }

    /// Whether a failure counts at present.
    pub(in crate::store) fn is_recent(&self) -> bool {
        let failed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < COUNTS_FOR)
    }
}
