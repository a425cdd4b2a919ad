//! Replacing an index that failed while the store runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::store::{Position, UnavailableError};

use crate::store::index::backend::wait_until_free;
use crate::store::index::build::{REPLAY_BATCH, ReplayError, replay};
use crate::store::index::files::set_aside;
use crate::store::index::{Index, caught};
use crate::store::options::{Observer, Options, Progress};
use crate::store::read::index_slot::IndexSlot;
use crate::store::write::memtable::MemTable;

/// The pause before the second attempt to build an index. Each further pause is twice as long.
const PAUSE_LEAST: Duration = Duration::from_millis(100);

/// The longest pause. Loads may stay unavailable for this long after a fault has ended.
const PAUSE_MOST: Duration = Duration::from_secs(10);

/// How long an index must have served before its failure counts as a first one.
const SERVED_WELL: Duration = Duration::from_mins(1);

/// Sets failed indexes aside and builds new ones, on the index thread.
pub(in crate::store) struct Rebuilder {
    slot: Arc<IndexSlot>,
    memtable: Arc<MemTable>,
    observer: Observer,
    index: PathBuf,
    journal: PathBuf,
    cache_bytes: u64,
    pause: Duration,
    /// When the last attempt ended.
    attempted: Option<Instant>,
}

impl Rebuilder {
    /// A rebuilder for the store in this directory.
    pub(in crate::store) fn new(
        dir: &Path,
        options: &Options,
        slot: Arc<IndexSlot>,
        memtable: Arc<MemTable>,
    ) -> Self {
        Self {
            slot,
            memtable,
            observer: options.observer.clone(),
            index: dir.join("index"),
            journal: dir.join("journal"),
            cache_bytes: options.index_cache_bytes,
            pause: Duration::ZERO,
            attempted: None,
        }
    }

    /// Replaces the failed index.
    ///
    /// Without an index, loads are unavailable, and commits go on if they need none. Attempts are
    /// repeated with growing pauses, until one succeeds or the store is closed. In the second case
    /// the result is `false`, and no failed index is left.
    pub(in crate::store) fn replace_failed(&mut self, failure: UnavailableError) -> bool {
        let slot = self.slot.clone();
        let mut ended = {
            let _files = slot.files();
            let failed = slot.get();
            slot.set(Err(failure));
            failed.map_or(Ok(()), Index::end_of).and_then(|()| self.clear())
        };
        loop {
            let pause = self.next_pause();
            if !self.memtable.pause(pause) {
                break;
            }
            let _files = slot.files();
            let built = ended.and_then(|()| self.build());
            self.attempted = Some(Instant::now());
            match built {
                Ok(Some(index)) => {
                    tracing::info!("the index is built anew: loads are answered again");
                    slot.set(Ok(index));
                    return true;
                }
                Ok(None) => return false,
                Err(what) => tracing::error!(what, "could not build the index anew; it will be tried again"),
            }
            ended = self.clear();
        }
        if let Err(what) = ended {
            tracing::error!(what, "could not set the index aside: remove it before the next start");
        }
        false
    }

    /// The pause before the next attempt.
    fn next_pause(&mut self) -> Duration {
        let lately = self.attempted.is_some_and(|attempted| attempted.elapsed() < SERVED_WELL);
        self.pause = if lately { (self.pause * 2).clamp(PAUSE_LEAST, PAUSE_MOST) } else { Duration::ZERO };
        self.pause
    }

    /// Sets the present index aside.
    fn clear(&self) -> Result<(), String> {
        wait_until_free(&self.index).map_err(|error| error.to_string())?;
        set_aside(&self.index).map_err(|error| format!("could not set the index aside: {error}"))
    }

    /// Builds an index; `None` if the store was closed meanwhile.
    fn build(&self) -> Result<Option<Arc<Index>>, String> {
        let index = Index::create(&self.index, self.cache_bytes).map_err(|error| error.to_string())?;
        let index = Arc::new(index);
        match caught(|| self.fill(&index)).flatten() {
            Ok(true) => Ok(Some(index)),
            Ok(false) => Index::end_of(index).map(|()| None),
            Err(what) => Index::end_of(index).and(Err(what)),
        }
    }

    /// Brings an index to the position that the memtable continues from, which may rise meanwhile.
    /// Returns `false` if the store was closed.
    fn fill(&self, index: &Arc<Index>) -> Result<bool, String> {
        loop {
            let last = self.memtable.flushed_to();
            let reached = index.end().map_err(|unavailable| unavailable.reason)?.position;
            if reached >= last {
                return Ok(true);
            }
            tracing::info!(reached = reached.0, last = last.0, "building the index anew from the journal");
            let replayed =
                replay(index, &self.journal, last, REPLAY_BATCH, &|reached| self.go_on(reached, last));
            replayed.map_err(|failed| match failed {
                ReplayError::Index(unavailable) => unavailable.reason,
                ReplayError::Journal(error) => error.to_string(),
            })?;
            if !self.memtable.make_room() {
                return Ok(false);
            }
        }
    }

    fn go_on(&self, reached: Position, last: Position) -> bool {
        self.observer.tell(Progress::Replayed(reached, last));
        self.memtable.make_room()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::write::journal::End;

    #[test]
    fn the_first_attempt_is_made_at_once_and_the_pauses_between_the_others_grow_to_ten_seconds() {
        let slot = Arc::new(IndexSlot::new(Err(UnavailableError::new("none"))));
        let memtable = Arc::new(MemTable::new(End::default()));
        let mut rebuilder = Rebuilder::new(Path::new(""), &Options::default(), slot, memtable);
        assert_eq!(rebuilder.next_pause(), Duration::ZERO);
        rebuilder.attempted = Some(Instant::now());
        let pauses: Vec<_> = (0..12).map(|_| rebuilder.next_pause().as_millis()).collect();
        assert_eq!(pauses[..5], [100, 200, 400, 800, 1_600]);
        assert_eq!(pauses[10..], [10_000, 10_000]);
    }
}
