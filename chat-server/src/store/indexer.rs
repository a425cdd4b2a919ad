//! The index thread: brings synced groups from the overlay into the index, and flushes that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chat_core::store::Unavailable;

use super::index::Index;
use super::index::build;
use super::index::view::Writes;
use super::journal::End;
use super::options::{Observer, Progress};
use super::overlay::{Overlay, Work};

/// How long what was applied waits to be flushed: what a crash leaves to be replayed.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Most writes in one batch of the index, unless a single group has more.
const WRITES_MOST: usize = 4_096;

/// All that the index thread works with.
pub(super) struct Indexer {
    /// The index.
    pub(super) index: Arc<Index>,
    /// Where the groups come from.
    pub(super) overlay: Arc<Overlay>,
    /// Held for reading by every load, so that the index stands still under it.
    pub(super) gate: Arc<RwLock<()>>,
    /// Who is told.
    pub(super) observer: Observer,
}

impl Indexer {
    /// Works until the overlay is closed and empty. If the index has failed, it goes on emptying the overlay.
    pub(super) fn run(self) {
        let mut flushed = Instant::now();
        let mut dirty = false;
        loop {
            let patience = if dirty { FLUSH_EVERY.saturating_sub(flushed.elapsed()) } else { FLUSH_EVERY };
            match self.overlay.work(patience, WRITES_MOST) {
                Work::Apply(groups, end) => {
                    self.apply(&groups, end);
                    dirty = true;
                }
                Work::Idle => (),
                Work::End => break,
            }
            if dirty && flushed.elapsed() >= FLUSH_EVERY {
                report(self.index.flush());
                flushed = Instant::now();
                dirty = false;
            }
        }
        report(self.index.flush());
    }

    fn apply(&self, groups: &[Arc<Writes>], end: End) {
        if catch_unwind(AssertUnwindSafe(|| self.observer.tell(Progress::Indexing(end.position)))).is_err() {
            // Commits wait for this thread, so it must outlive what it calls.
            report(Err(self.index.fail("the observer of the store panicked")));
        }
        let merged;
        let writes = match groups {
            [group] => &**group,
            groups => {
                let writes = groups.iter().flat_map(|writes| writes.iter());
                merged = writes.map(|(key, value)| (key.clone(), value.clone())).collect();
                &merged
            }
        };
        let batch = build::batch(writes, end);
        let _still = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        report(self.index.apply(batch));
        self.overlay.applied(groups.len());
    }
}

fn report(result: Result<(), Unavailable>) {
    // The index itself says once, as an error, why it failed.
    if let Err(unavailable) = result {
        tracing::debug!(reason = %unavailable.reason, "not indexed");
    }
}
