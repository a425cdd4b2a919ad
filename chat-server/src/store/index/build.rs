//! Bringing the index to the journal's end: a few groups after a crash of the process, all after a
//! restart of the machine without a clean stop, and after the loss of the index.

use std::path::Path;
use std::sync::Arc;

use chat_core::store::{Position, UnavailableError};

use super::Index;
use super::apply::Applier;
use super::view::View;
use crate::store::error::OpenError;
use crate::store::write::journal::Groups;
use crate::store::write::memtable::MemTableSnapshot;

/// Writes after which a batch of the replay is applied: some ten megabytes, with enough messages
/// per conversation to share keys.
pub(in crate::store) const REPLAY_BATCH: usize = 65_536;

/// Error of a replay.
pub(in crate::store) enum ReplayError {
    /// The index failed.
    Index(UnavailableError),
    /// The journal failed.
    Journal(OpenError),
}

/// Replays the journal from the index's end up to `last`, where a group ends.
///
/// The index is flushed after each `batch` of writes. `progress` receives the position reached, and
/// returns whether to continue. A journal that ends before `last`, which is known to have been
/// synced, is an error: an index without its end would give numbers and names a second time.
pub(in crate::store) fn replay(
    index: &Arc<Index>,
    journal: &Path,
    last: Position,
    batch: usize,
    progress: &dyn Fn(Position) -> bool,
) -> Result<(), ReplayError> {
    let mut reached = index.end().map_err(ReplayError::Index)?;
    let mut groups = Groups::after(journal, reached).map_err(ReplayError::Journal)?;
    let mut applier = Applier::default();
    let mut view = View::new(Ok(index.clone()), MemTableSnapshot::default());
    while reached.position < last {
        let Some((end, mut records)) = groups.next_group().map_err(ReplayError::Journal)? else {
            return Err(ReplayError::Journal(ends_early(journal, reached.position, last)));
        };
        for (location, record) in &mut records {
            applier.replay(&mut view, record, *location).map_err(ReplayError::Index)?;
        }
        applier.keep();
        reached = end;
        if view.writes() >= batch {
            index.apply(view.take_writes(), reached, || ()).map_err(ReplayError::Index)?;
            // A start after an interruption goes on from here.
            index.flush().map_err(ReplayError::Index)?;
            if !progress(reached.position) {
                break;
            }
        }
    }
    index.apply(view.take_writes(), reached, || ()).map_err(ReplayError::Index)?;
    index.flush().map_err(ReplayError::Index)?;
    progress(reached.position);
    Ok(())
}

fn ends_early(journal: &Path, end: Position, known: Position) -> OpenError {
    let found = format!("ends with position {}", end.0);
    OpenError::Lost { journal: journal.to_owned(), witness: "the server", known, found }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::{LocalStore, Options};

    #[test]
    fn a_journal_that_ends_before_what_was_synced_is_an_error_and_no_index_without_its_end() {
        let dir = TempDir::new().unwrap();
        LocalStore::open(dir.path(), Options::default()).unwrap().close().unwrap();
        let index = Arc::new(Index::create(&dir.path().join("another"), 1 << 20).unwrap());
        let replay =
            |last| replay(&index, &dir.path().join("journal"), Position(last), REPLAY_BATCH, &|_| true);
        assert!(replay(1).is_ok());
        let Err(ReplayError::Journal(error)) = replay(2) else { panic!("the journal has one record") };
        assert!(error.to_string().contains("position 2, but the journal ends with position 1"), "{error}");
    }
}
