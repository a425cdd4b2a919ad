//! Measurements of the shared store.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{Histogram, LATENCY};

/// Measurements of the lane.
#[derive(Debug)]
pub(crate) struct LaneMetrics {
    /// Time until a group holds the lane and has looked up its state. Grows with the other servers'
    /// writing.
    pub(crate) wait: Histogram,
    /// Time from then until the group is committed: the others wait for it.
    pub(crate) held: Histogram,
    /// Groups without an acknowledgement.
    failed: AtomicU64,
}

impl LaneMetrics {
    pub(super) fn new() -> Self {
        Self { wait: Histogram::new(&LATENCY), held: Histogram::new(&LATENCY), failed: AtomicU64::new(0) }
    }

    pub(super) fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Groups without an acknowledgement since the start.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}
