//! The index thread: brings what has gathered in the memtable into the index, and flushes that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::store::UnavailableError;
use rustix::process::{getpriority_process, setpriority_process};

use crate::store::index::{Index, caught};
use crate::store::lifecycle::rebuilder::Rebuilder;
use crate::store::options::{Observer, Progress};
use crate::store::read::index_slot::IndexSlot;
use crate::store::write::journal::End;
use crate::store::write::memtable::{IndexTask, Layer, MemTable};

/// How long what was applied waits to be flushed: what a crash leaves to be replayed. An index that failed under a
/// load is found out as soon.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// By how much the index thread comes after all others: replies do not wait for it, unless the memtable is full, but it would
/// take their place on a core.
const NICENESS: i32 = 5;

/// All that the index thread works with.
pub(in crate::store) struct Indexer {
    /// The index.
    pub(in crate::store) slot: Arc<IndexSlot>,
    /// Where the layers come from.
    pub(in crate::store) memtable: Arc<MemTable>,
    /// Who is told.
    pub(in crate::store) observer: Observer,
    /// What is done when the index fails.
    pub(in crate::store) rebuilder: Rebuilder,
}

impl Indexer {
    /// Works until the memtable is closed, and all that is in it is in the index.
    pub(in crate::store) fn run(mut self) {
        give_way();
        while let Err(failure) = self.slot.get().and_then(|index| self.serve(&index)) {
            if !self.rebuilder.replace_failed(failure) {
                return;
            }
        }
    }

    /// Brings layers into the index until the memtable is closed and empty, or the index fails.
    fn serve(&self, index: &Index) -> Result<(), UnavailableError> {
        let mut flushed = Instant::now();
        let mut dirty = false;
        loop {
            let patience = if dirty { FLUSH_EVERY.saturating_sub(flushed.elapsed()) } else { FLUSH_EVERY };
            let task = self.memtable.next_task(patience);
            index.check()?;
            match task {
                IndexTask::Apply(layer, end) => {
                    self.apply(index, &layer, end)?;
                    dirty = true;
                }
                IndexTask::Idle => (),
                IndexTask::End => return index.flush(),
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
        layer.show(|writes| index.apply(writes, end, || self.slot.write_gate()))?;
        self.memtable.applied();
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
