//! Faults of a store, for its health check.

use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// Time after which a write that has not ended counts as a fault. Syncs of a busy disk take less.
const HUNG_AFTER: Duration = Duration::from_secs(3);

/// The health of the journal's disk, as its writes show it.
#[derive(Debug, Default)]
pub(in crate::store) struct JournalHealth(Mutex<JournalState>);

#[derive(Debug, Default)]
struct JournalState {
    /// The last failure, unless a write succeeded since.
    failed: Option<Instant>,
    /// The begin of a write under way, for each writer.
    begun: [Option<Instant>; 2],
    /// The end of the last write.
    ended: Option<Instant>,
}

/// The writers on the journal's disk.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum DiskWriter {
    /// The commit thread.
    Commits,
    /// The probe of an idle disk.
    Probe,
}

impl JournalHealth {
    /// Records the result of writing a group.
    pub(in crate::store) fn set(&self, has_failed: bool) {
        self.state().failed = has_failed.then(Instant::now);
    }

    /// Runs a function that writes.
    pub(in crate::store) fn watch<T>(&self, writer: DiskWriter, write: impl FnOnce() -> T) -> T {
        self.state().begun[writer as usize] = Some(Instant::now());
        let written = write();
        let mut state = self.state();
        state.begun[writer as usize] = None;
        state.ended = Some(Instant::now());
        written
    }

    /// Whether the journal can't be written at present: a failure counts, or a write hangs.
    pub(in crate::store) fn is_faulty(&self) -> bool {
        self.state().is_faulty(Instant::now())
    }

    /// The time since the last write, or zero during a write.
    pub(in crate::store) fn idle(&self) -> Duration {
        let state = self.state();
        match state.begun {
            [None, None] => state.ended.map_or(Duration::MAX, |ended| ended.elapsed()),
            _ => Duration::ZERO,
        }
    }

    fn state(&self) -> MutexGuard<'_, JournalState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JournalState {
    fn is_faulty(&self, now: Instant) -> bool {
        let is_hung = self.begun.iter().flatten().any(|begun| now.duration_since(*begun) >= HUNG_AFTER);
        is_hung || self.failed.is_some_and(|at| now.duration_since(at) < COUNTS_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_does_not_end_is_a_fault_after_three_seconds() {
        let health = JournalHealth::default();
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        for writer in [DiskWriter::Commits, DiskWriter::Probe] {
            health.watch(writer, || {
                let state = health.state();
                assert_eq!([1, 4].map(|seconds| state.is_faulty(after(seconds))), [false, true]);
            });
            assert!(!health.state().is_faulty(after(4)));
        }
        health.set(true);
        assert_eq!([1, 11].map(|seconds| health.state().is_faulty(after(seconds))), [true, false]);
    }
}
