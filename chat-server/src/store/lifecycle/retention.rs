//! Retention: the content of old messages is taken away, step by step, from the journal and from the index.
//!
//! What a step is about to erase is noted before, and that it is done after both no longer have it; so one that a crash cut
//! short is done again, by the next start. Numbers, times, senders and the chain stay.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use chat_core::store::{Position, UnavailableError};
use chat_core::time::Timestamp;

use crate::store::disk::Disk;
use crate::store::error::OpenError;
use crate::store::index::messages::run_of;
use crate::store::index::view::Writes;
use crate::store::index::{Index, remove_set_aside, set_aside, wait_until_free};
use crate::store::keys;
use crate::store::read::index_slot::IndexSlot;
use crate::store::values::MessageValue;
use crate::store::write::journal::{
    Content, End, Erasable, Erasing, ErasingStep, Event, Groups, Location, Record, SEGMENT_HEADER, Synced,
};
use crate::store::write::memtable::MemTable;

/// Bytes of the journal after which a step ends: loads wait while the index forgets some hundred messages.
const STEP_BYTES: u64 = 256 << 10;

/// What one step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Messages whose content was erased.
    pub erased: usize,
    /// Whether the next step will find more.
    pub more: bool,
}

/// Why a step was not done, or not to its end: then the next one, or the next start, does it again.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The journal, or the note of what is erased.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The index is being built anew.
    #[error(transparent)]
    Index(#[from] UnavailableError),
    /// A backup is being taken, or the store is closed.
    #[error("the store is closed, or a backup of it is being taken")]
    Busy,
}

/// All that erasing works with.
pub(in crate::store) struct Retention<'a> {
    pub(in crate::store) dir: &'a Path,
    pub(in crate::store) disk: &'a Arc<dyn Disk>,
    pub(in crate::store) slot: &'a IndexSlot,
    pub(in crate::store) memtable: &'a MemTable,
    pub(in crate::store) synced: &'a Synced,
}

impl Retention<'_> {
    /// Erases the next contents of messages that were sent before `cutoff`; `reached` is where the last step came to.
    ///
    /// The journal is walked in its order, and the first message that is to stay ends the walk. Without an index only the
    /// journal is erased: the index that is built next reads it as it is then. A full disk gets room back by that.
    pub(in crate::store) fn step(
        &self,
        reached: &mut Option<End>,
        cutoff: Timestamp,
    ) -> Result<Swept, RetentionError> {
        let (index, _files) = match self.slot.get() {
            Ok(index) => (Some(index), None),
            Err(unavailable) => (None, Some(self.slot.files_of_none().ok_or(unavailable)?)),
        };
        let journal = self.dir.join("journal");
        let noted = Erasing::read(&journal)?;
        if let Some(Erasing { step: Some(step), .. }) = noted {
            // It failed, and may have been half done.
            let erased = self.finish(&journal, index.as_deref(), step)?;
            *reached = Some(step.until);
            return Ok(Swept { erased, more: true });
        }
        let done = reached.or(noted.map(|noted| noted.done)).unwrap_or_default();
        // Younger messages may be in the memtable, which is laid over the index, or will be.
        let indexed = index
            .as_ref()
            .map_or(Ok(self.memtable.flushed_to()), |index| index.end().map(|end| end.position))?;
        let last = indexed.min(self.synced.end().position);
        let Walked { step, found, more } = walk(&journal, done, last, cutoff)?;
        let Some(step) = step else { return Ok(Swept::default()) };
        let mut erased = 0;
        if found {
            if index.is_none() {
                // The note needs room.
                discard_index(self.dir)?;
            }
            Erasing::new(done, Some(step)).write(&journal)?;
            erased = self.finish(&journal, index.as_deref(), step)?;
        }
        *reached = Some(step.until);
        Ok(Swept { erased, more })
    }

    fn finish(
        &self,
        journal: &Path,
        index: Option<&Index>,
        step: ErasingStep,
    ) -> Result<usize, RetentionError> {
        let messages = step.messages(journal)?;
        step.erase(&**self.disk, journal, &messages)?;
        match index {
            Some(index) => {
                let _alone = self.slot.write_gate();
                forget(index, &messages)?;
            }
            None => discard_index(self.dir)?,
        }
        end(self.dir, index, step)?;
        Ok(messages.len())
    }
}

/// Does again what a crash cut short, before anybody else uses the store.
pub(in crate::store) fn complete(dir: &Path, disk: &dyn Disk, index: &Index) -> Result<(), RetentionError> {
    let journal = dir.join("journal");
    let Some(Erasing { step: Some(step), .. }) = Erasing::read(&journal)? else { return Ok(()) };
    let messages = step.messages(&journal)?;
    step.erase(disk, &journal, &messages)?;
    forget(index, &messages)?;
    end(dir, Some(index), step)
}

/// Notes that a step is done, once no index holds what it has erased. One that was set aside does, perhaps since the step
/// was begun, and nobody will ever ask it.
fn end(dir: &Path, index: Option<&Index>, step: ErasingStep) -> Result<(), RetentionError> {
    index.map_or(Ok(()), Index::flush)?;
    remove_set_aside(dir).map_err(OpenError::io("remove the old index in", dir))?;
    Ok(Erasing::new(step.until, None).write(&dir.join("journal"))?)
}

/// Removes whatever is left of indexes that are not used any more, durably. They hold what is being erased.
fn discard_index(dir: &Path) -> Result<(), OpenError> {
    let index = dir.join("index");
    wait_until_free(&index)?;
    let removed =
        set_aside(&index).and_then(|()| remove_set_aside(dir)).and_then(|_| File::open(dir)?.sync_all());
    removed.map_err(OpenError::io("remove the old index in", dir))
}

/// Takes the contents of these messages out of the index.
fn forget(index: &Index, messages: &[Erasable]) -> Result<(), UnavailableError> {
    let mut writes = Writes::new();
    for Erasable { conversation, seq, .. } in messages {
        let Some((key, stored)) = run_of(index, conversation, *seq)? else { continue };
        let run = writes.get(&key).cloned().flatten().unwrap_or(stored);
        let erased = keys::seq(&key).and_then(|first| MessageValue::erase(&run, seq - first));
        if let Some(erased) = erased {
            writes.insert(key, Some(erased.into()));
        }
    }
    index.replace(&writes)
}

/// Whether nothing in these records is to stay.
fn are_due(records: &[(Location, Record)], cutoff: Timestamp) -> bool {
    records.iter().all(|(_, record)| match &record.event {
        Event::ConversationCreated(created) => created.sent_at < cutoff,
        Event::MessageAppended(appended) => appended.sent_at < cutoff,
        _ => true,
    })
}

/// What a walk found.
struct Walked {
    /// The groups that it passed; `None` if there was none.
    step: Option<ErasingStep>,
    /// Whether there is content in them.
    found: bool,
    /// Whether it ended before it met one that is to stay.
    more: bool,
}

/// Passes groups of one segment up to `last`, where a group ends, while they are due and not yet many.
fn walk(journal: &Path, done: End, last: Position, cutoff: Timestamp) -> Result<Walked, OpenError> {
    let mut groups = Groups::after(journal, done)?;
    let mut walked = Walked { step: None, found: false, more: false };
    let mut reached = done.position;
    while reached < last {
        let Some((end, records)) = groups.next_group()?.filter(|(_, records)| are_due(records, cutoff))
        else {
            break;
        };
        reached = end.position;
        let from = if end.segment == done.segment { done.offset } else { SEGMENT_HEADER };
        let ErasingStep { from, until } = walked.step.unwrap_or(ErasingStep { from, until: end });
        if until.segment != end.segment {
            return Ok(Walked { more: true, ..walked });
        }
        walked.step = Some(ErasingStep { from, until: end });
        walked.found |= records.iter().any(|(_, record)| matches!(record.content, Content::Text(_)));
        if end.offset - from >= STEP_BYTES {
            return Ok(Walked { more: true, ..walked });
        }
    }
    Ok(walked)
}
