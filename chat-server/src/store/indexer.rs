//! The index thread: brings what has gathered in the overlay into the index, and flushes that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::store::UnavailableError;
use rustix::process::{getpriority_process, setpriority_process};

use super::current::Current;
use super::index::{Index, caught};
use super::journal::End;
use super::options::{Observer, Progress};
use super::overlay::{Layer, Overlay, Work};
use super::renewal::Renewal;

/// How long what was applied waits to be flushed: what a crash leaves to be replayed. An index that failed under a
/// load is found out as soon.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// By how much the index thread comes after all others: replies do not wait for it, unless the overlay is full, but it would
/// take their place on a core.
const NICENESS: i32 = 5;

/// All that the index thread works with.
pub(super) struct Indexer {
    /// The index.
    pub(super) current: Arc<Current>,
    /// Where the layers come from.
    pub(super) overlay: Arc<Overlay>,
    /// Who is told.
    pub(super) observer: Observer,
    /// What is done when the index fails.
    pub(super) renewal: Renewal,
}

impl Indexer {
    /// Works until the overlay is closed, and all that is in it is in the index.
    pub(super) fn run(mut self) {
        give_way();
        while let Err(failure) = self.current.get().and_then(|index| self.serve(&index)) {
            if !self.renewal.renew(failure) {
                return;
            }
        }
    }

    /// Brings layers into the index until the overlay is closed and empty, or the index fails.
    fn serve(&self, index: &Index) -> Result<(), UnavailableError> {
        let mut flushed = Instant::now();
        let mut dirty = false;
        loop {
            let patience = if dirty { FLUSH_EVERY.saturating_sub(flushed.elapsed()) } else { FLUSH_EVERY };
            let work = self.overlay.work(patience);
            index.check()?;
            match work {
                Work::Apply(layer, end) => {
                    self.apply(index, &layer, end)?;
                    dirty = true;
                }
                Work::Idle => (),
                Work::End => return index.flush(),
            }
            if dirty && flushed.elapsed() >= FLUSH_EVERY {
                index.flush()?;
                flushed = Instant::now();
                dirty = false;
            }
        }
    }

    fn apply(&self, index: &Index, layer: &Layer, end: End) -> Result<(), UnavailableError> {
        // Commits wait for this thread, so it must outlive what it calls.
        let told = caught(|| self.observer.tell(Progress::Indexing(end.position)));
        told.map_err(|what| index.fail(&what))?;
        layer.show(|writes| index.apply(writes, end, || self.current.alone()))?;
        self.overlay.applied();
        Ok(())
    }
}

/// Adds the [`NICENESS`] to that of this thread; elsewhere than on Linux it would be that of the whole process.
fn give_way() {
    if cfg!(target_os = "linux")
        && let Err(error) =
            getpriority_process(None).and_then(|now| setpriority_process(None, now + NICENESS))
    {
        tracing::debug!(%error, "the index thread has the same priority as all others");
    }
}
