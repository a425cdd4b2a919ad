//! The index thread: writes frozen layers of the memtable to the index, and flushes it.

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

/// How long applied writes wait for a flush. A crash leaves them to be replayed. An index that
/// failed under a load is noticed as soon.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The priority of the index thread below all others. Replies wait for it only when the memtable is
/// full, but otherwise it would take their cores.
const NICENESS: i32 = 5;

/// Everything that the index thread needs.
pub(in crate::store) struct Indexer {
    /// The index.
    pub(in crate::store) slot: Arc<IndexSlot>,
    /// The source of the layers.
    pub(in crate::store) memtable: Arc<MemTable>,
    /// Receives the progress.
    pub(in crate::store) observer: Observer,
    /// Replaces a failed index.
    pub(in crate::store) rebuilder: Rebuilder,
}

impl Indexer {
    /// Runs until the memtable is closed and empty.
    pub(in crate::store) fn run(mut self) {
        give_way();
        while let Err(failure) = self.slot.get().and_then(|index| self.serve(&index)) {
            if !self.rebuilder.replace_failed(failure) {
                return;
            }
        }
    }

    /// Writes layers to the index until the memtable is closed and empty, or the index fails.
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
        // Commits wait for this thread, therefore it must survive a panic of the observer.
        let told = caught(|| self.observer.tell(Progress::Indexing(end.position)));
        told.map_err(|what| index.fail(&what))?;
        index.apply(layer.batch(), end, || self.slot.write_gate())?;
        self.memtable.applied();
        Ok(())
    }
}

/// Adds [`NICENESS`] to this thread. On systems other than Linux the call would change the whole
/// process.
fn give_way() {
    if cfg!(target_os = "linux")
        && let Err(error) =
            getpriority_process(None).and_then(|now| setpriority_process(None, now + NICENESS))
    {
        tracing::debug!(%error, "the index thread has the same priority as all others");
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use chat_core::store::Position;
    use tempfile::TempDir;

    use super::*;
    use crate::store::index::writes::Writes;
    use crate::store::options::Options;

    #[test]
    fn the_index_does_not_change_while_a_load_reads_it() {
        let dir = TempDir::new().unwrap();
        let index = Arc::new(Index::create(&dir.path().join("index"), 64 << 20).unwrap());
        let slot = Arc::new(IndexSlot::new(Ok(index.clone())));
        let memtable = Arc::new(MemTable::new(End::default()));
        let rebuilder = Rebuilder::new(dir.path(), &Options::default(), slot.clone(), memtable.clone());
        let row = (b"a row".as_slice().into(), Some(b"a value".as_slice().into()));
        let writes = Writes { rows: [row].into(), ..Writes::default() };
        memtable.publish(writes, End { position: Position(1), ..End::default() });
        memtable.close();
        let indexer = Indexer { slot: slot.clone(), memtable, observer: Observer::default(), rebuilder };
        let reached = || index.end().unwrap().position;
        let load = slot.read_gate();
        let applying = thread::spawn(|| indexer.run());
        while !slot.holds_a_change_back() && !applying.is_finished() {
            thread::yield_now();
        }
        assert_eq!(reached(), Position(0), "the index changed under a load");
        drop(load);
        applying.join().unwrap();
        assert_eq!(reached(), Position(1));
    }
}
