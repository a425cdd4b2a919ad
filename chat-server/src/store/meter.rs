//! Measurements of a store.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::lifecycle::space::Space;
use crate::metrics::{GROUP, Histogram, LATENCY};

/// Measurements of a store.
#[derive(Debug)]
pub(crate) struct StoreMetrics {
    /// Time of writing and syncing a group.
    pub(crate) sync: Histogram,
    /// Changes per group.
    pub(crate) group: Histogram,
    pub(crate) space: Space,
    loads: AtomicUsize,
}

impl StoreMetrics {
    pub(super) fn new() -> Self {
        Self {
            sync: Histogram::new(&LATENCY),
            group: Histogram::new(&GROUP),
            space: Space::default(),
            loads: AtomicUsize::new(0),
        }
    }

    /// The number of loads in the queue.
    pub(crate) fn loads_waiting(&self) -> usize {
        self.loads.load(Ordering::Relaxed)
    }

    pub(super) fn load_waits(&self) {
        self.loads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn load_begins(&self) {
        self.loads.fetch_sub(1, Ordering::Relaxed);
    }
}
