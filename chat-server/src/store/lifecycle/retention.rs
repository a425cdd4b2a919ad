//! Retention: erases the content of old messages, step by step, from the journal and the index.
//!
//! Each step is noted before it begins, and its end is noted after both have lost the content. The
//! next start repeats a step that a crash interrupted. Numbers, times, senders and the chain stay.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use chat_core::id::UserId;
use chat_core::store::{Event, Position, UnavailableError};
use chat_core::time::Timestamp;

use crate::store::disk::Disk;
use crate::store::error::OpenError;
use crate::store::index::Index;
use crate::store::index::backend::{Bytes, wait_until_free};
use crate::store::index::files::{remove_set_aside, set_aside};
use crate::store::index::messages::run_of;
use crate::store::keys;
use crate::store::lifecycle::erase_user::{self, UserWalk, sent};
use crate::store::lifecycle::keeping::Keeping;
use crate::store::read::index_slot::IndexSlot;
use crate::store::values::MessageValue;
use crate::store::write::journal::{
    End, Erasable, Erasing, ErasingStep, Groups, Location, Record, SEGMENT_HEADER, Synced,
};
use crate::store::write::memtable::MemTable;

/// Bytes of the journal after which a step ends. Loads wait while the index forgets some hundred
/// messages.
pub(super) const STEP_BYTES: u64 = 256 << 10;

/// The result of one step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Messages whose content was erased.
    pub erased: usize,
    /// Whether another step is needed.
    pub more: bool,
}

/// Error of a step. The next step, or the next start, completes the interrupted one.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The journal or the note failed.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The index is being rebuilt, or the database is away.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
    /// A backup is under way, or the store is closed.
    #[error("the store is closed, or a backup of it is being taken")]
    Busy,
    /// The index has yet to take up the newest messages.
    #[error("the index has yet to take up the newest messages")]
    Behind,
}

/// Everything that erasing needs.
pub(in crate::store) struct Retention<'a> {
    pub(in crate::store) dir: &'a Path,
    pub(in crate::store) disk: &'a Arc<dyn Disk>,
    pub(in crate::store) slot: &'a IndexSlot,
    pub(in crate::store) memtable: &'a MemTable,
    pub(in crate::store) synced: &'a Synced,
}

impl Retention<'_> {
    /// Erases the next contents of messages sent before `cutoff`. `reached` is the end of the
    /// previous step.
    ///
    /// Walks over the journal in order, up to the first message to keep. Without an index only the
    /// journal is erased: the next index is built from it. This gives a full disk the room for an
    /// index.
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
        if let Some(Erasing { step: Some(step), done, .. }) = noted {
            // The noted step failed, and may be half done.
            let until = step.until;
            let done = if step.of.is_some() { done } else { until };
            let erased = self.finish(&journal, index.as_deref(), &step, done)?;
            *reached = Some(done);
            return Ok(Swept { erased, more: true });
        }
        let done = reached.or(noted.map(|noted| noted.done)).unwrap_or_default();
        let last = self.last(index.as_deref())?;
        let keeping = Keeping::read(&journal)?;
        let Walked { step, found, more } = walk(&journal, done, last, cutoff, &keeping)?;
        let Some(step) = step else { return Ok(Swept::default()) };
        let until = step.until;
        let mut erased = 0;
        if found {
            if index.is_none() {
                // On a full disk the note needs this room.
                discard_index(self.dir)?;
            }
            Erasing::new(done, Some(step.clone())).write(&journal)?;
            erased = self.finish(&journal, index.as_deref(), &step, until)?;
        }
        *reached = Some(until);
        Ok(Swept { erased, more })
    }

    /// Erases more texts of a user up to `until`. `reached` is the end of the previous step.
    pub(in crate::store) fn step_of(
        &self,
        user: &UserId,
        reached: &mut End,
        until: End,
    ) -> Result<Swept, RetentionError> {
        // Without an index the erased texts would stay in the memtable.
        let index = self.slot.get()?;
        let journal = self.dir.join("journal");
        let noted = Erasing::read(&journal)?;
        let done = noted.as_ref().map(|noted| noted.done).unwrap_or_default();
        if let Some(step) = noted.and_then(|noted| noted.step) {
            let done = if step.of.is_some() { done } else { step.until };
            let erased = self.finish(&journal, Some(&index), &step, done)?;
            return Ok(Swept { erased, more: true });
        }
        if self.last(Some(&index))? < until.position {
            return Err(RetentionError::Behind);
        }
        let keeping = Keeping::read(&journal)?;
        let UserWalk { reached: end, step } = erase_user::walk(&journal, *reached, until, user, &keeping)?;
        let mut erased = 0;
        if let Some(step) = step {
            Erasing::new(done, Some(step.clone())).write(&journal)?;
            erased = self.finish(&journal, Some(&index), &step, done)?;
        }
        *reached = end;
        Ok(Swept { erased, more: end.position < until.position })
    }

    /// The last position that may be erased. Later messages may be in the memtable, and would
    /// return to the index from there.
    fn last(&self, index: Option<&Index>) -> Result<Position, UnavailableError> {
        let indexed = match index {
            Some(index) => index.end()?.position,
            None => self.memtable.flushed_to(),
        };
        Ok(indexed.min(self.synced.end().position))
    }

    fn finish(
        &self,
        journal: &Path,
        index: Option<&Index>,
        step: &ErasingStep,
        done: End,
    ) -> Result<usize, RetentionError> {
        let messages = not_held(step, journal)?;
        step.erase(&**self.disk, journal, &messages)?;
        match index {
            Some(index) => {
                let _guard = self.slot.write_gate();
                forget(index, &messages)?;
            }
            None => discard_index(self.dir)?,
        }
        end(self.dir, index, done)?;
        Ok(messages.len())
    }
}

/// The number of messages with text before the first one that is young enough. Blocks, and reads
/// that part of the journal.
pub(crate) fn count_due(dir: &Path, cutoff: Timestamp) -> Result<u64, OpenError> {
    let journal = &dir.join("journal");
    let done = Erasing::read(journal)?.map(|noted| noted.done).unwrap_or_default();
    let mut groups = Groups::after(journal, done)?;
    let keeping = Keeping::read(journal)?;
    let mut count = 0;
    while let Some((_, records)) = groups.next_group()?.filter(|(_, records)| are_due(records, cutoff)) {
        count += records.iter().filter(|(_, record)| is_erasable(&record.event, &keeping)).count() as u64;
    }
    Ok(count)
}

/// Repeats a step that a crash interrupted, before the store is used.
pub(in crate::store) fn complete(dir: &Path, disk: &dyn Disk, index: &Index) -> Result<(), RetentionError> {
    let journal = dir.join("journal");
    let Some(Erasing { step: Some(step), done, .. }) = Erasing::read(&journal)? else { return Ok(()) };
    let messages = not_held(&step, &journal)?;
    step.erase(disk, &journal, &messages)?;
    forget(index, &messages)?;
    end(dir, Some(index), if step.of.is_some() { done } else { step.until })
}

/// The messages of a step that no hold covers.
fn not_held(step: &ErasingStep, journal: &Path) -> Result<Vec<Erasable>, OpenError> {
    let keeping = Keeping::read(journal)?;
    let mut messages = step.messages(journal)?;
    messages.retain(|message| !keeping.holds(&message.conversation, &message.sender));
    Ok(messages)
}

/// Whether a step is noted, which may be half done. The holds of its begin must stay until its end.
pub(in crate::store) fn is_under_way(journal: &Path) -> Result<bool, OpenError> {
    Ok(Erasing::read(journal)?.is_some_and(|noted| noted.step.is_some()))
}

/// Makes retention begin anew with the oldest message, after the end of a hold. A noted step must
/// be completed first.
pub(in crate::store) fn begin_anew(journal: &Path) -> Result<(), RetentionError> {
    match Erasing::read(journal)? {
        Some(Erasing { step: Some(_), .. }) => Err(RetentionError::Busy),
        Some(_) => Ok(Erasing::new(End::default(), None).write(journal)?),
        None => Ok(()),
    }
}

/// Notes the end of a step, once no index holds its content. An index set aside still does, and
/// will never be read again.
fn end(dir: &Path, index: Option<&Index>, done: End) -> Result<(), RetentionError> {
    index.map_or(Ok(()), Index::flush)?;
    remove_set_aside(dir).map_err(OpenError::io("remove the old index in", dir))?;
    Ok(Erasing::new(done, None).write(&dir.join("journal"))?)
}

/// Removes all unused indexes durably. They hold the content to be erased.
fn discard_index(dir: &Path) -> Result<(), OpenError> {
    let index = dir.join("index");
    wait_until_free(&index)?;
    let removed =
        set_aside(&index).and_then(|()| remove_set_aside(dir)).and_then(|_| File::open(dir)?.sync_all());
    removed.map_err(OpenError::io("remove the old index in", dir))
}

/// Erases the contents of these messages from the index.
fn forget(index: &Index, messages: &[Erasable]) -> Result<(), UnavailableError> {
    let mut runs: BTreeMap<_, Bytes> = BTreeMap::new();
    for Erasable { conversation, seq, .. } in messages {
        let Some((key, stored)) = run_of(index, conversation, *seq)? else { continue };
        let run = runs.get(&key).cloned().unwrap_or(stored);
        let erased = keys::seq(&key).and_then(|first| MessageValue::erase(&run, seq - first));
        if let Some(erased) = erased {
            runs.insert(key, erased.into());
        }
    }
    index.replace(runs)
}

/// Whether all messages of these records are old enough.
fn are_due(records: &[(Location, Record)], cutoff: Timestamp) -> bool {
    records.iter().filter_map(|(_, record)| record.event.sent_at()).all(|sent_at| sent_at < cutoff)
}

/// Whether an event has a text that no hold covers.
fn is_erasable(event: &Event, keeping: &Keeping) -> bool {
    let has_text = event.content().is_some_and(|(content, _)| content.text().is_some());
    has_text && sent(event).is_some_and(|(conversation, sender)| !keeping.holds(conversation, sender))
}

/// The result of a walk.
struct Walked {
    /// The groups passed; `None` without any.
    step: Option<ErasingStep>,
    /// Whether the groups have content.
    found: bool,
    /// Whether the walk stopped early, before a message to keep.
    more: bool,
}

/// Passes groups of one segment, at most up to `last`, while they are old enough and few.
fn walk(
    journal: &Path,
    done: End,
    last: Position,
    cutoff: Timestamp,
    keeping: &Keeping,
) -> Result<Walked, OpenError> {
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
        let (from, until) = walked.step.as_ref().map_or((from, end), |step| (step.from, step.until));
        if until.segment != end.segment {
            return Ok(Walked { more: true, ..walked });
        }
        walked.step = Some(ErasingStep { from, until: end, of: None });
        walked.found |= records.iter().any(|(_, record)| is_erasable(&record.event, keeping));
        if end.offset - from >= STEP_BYTES {
            return Ok(Walked { more: true, ..walked });
        }
    }
    Ok(walked)
}
