//! Erasing content in place.
//!
//! Content is overwritten with zeros, and its checksum with that of zeros; positions, payloads and hashes stay, so the
//! chain holds as before. Such a write may be torn, so the file `erasing` beside the segments says beforehand what is about
//! to be erased. Content there that does not hold is taken as erased by whoever meets it, and whoever opens the store next
//! erases it again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use chat_core::id::ConversationId;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::group::{self, End, Location};
use super::record::{self, RecordHeader};
use super::segment;
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::{DamageError, OpenError};
use crate::store::write::note;

/// Bytes of a block of most file systems: less can't be given back.
const BLOCK: u64 = 4_096;

/// The file's name.
const NAME: &str = "erasing";

/// What the file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::store) struct Erasing {
    version: u32,
    /// All content before this is erased.
    pub(in crate::store) done: End,
    /// What is being erased.
    pub(in crate::store) step: Option<ErasingStep>,
}

/// Groups, one behind the other, whose contents are being erased.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::store) struct ErasingStep {
    /// Where in the segment they begin.
    pub(in crate::store) from: u64,
    /// Where they end.
    pub(in crate::store) until: End,
}

/// A message whose content stands in a journal, erased or not.
pub(in crate::store) struct Erasable {
    /// Its conversation.
    pub(in crate::store) conversation: ConversationId,
    /// Its number there.
    pub(in crate::store) seq: u64,
    /// Where in the segment the checksum of the content stands.
    checksum: u64,
    /// Where the content does.
    content: u64,
    length: usize,
}

impl Erasing {
    /// What is said when all before `done` is erased, and perhaps more is about to be.
    pub(in crate::store) fn new(done: End, step: Option<ErasingStep>) -> Self {
        Self { version: note::VERSION, done, step }
    }

    /// Reads it; `None` if nothing was ever erased.
    pub(in crate::store) fn read(journal: &Path) -> Result<Option<Self>, OpenError> {
        note::read(journal, NAME)
    }

    /// Makes sure that it can be said on a full disk too.
    pub(in crate::store) fn keep_spare(journal: &Path) {
        note::keep_spare(journal, NAME);
    }

    /// Says it durably.
    pub(in crate::store) fn write(&self, journal: &Path) -> Result<(), OpenError> {
        note::write(journal, NAME, self).map_err(OpenError::io("note what is erased in", journal))?;
        Self::keep_spare(journal);
        Ok(())
    }

    /// Whether the content of the record at this place may be erased in part.
    pub(super) fn covers(&self, location: Location) -> bool {
        self.step.is_some_and(|ErasingStep { from, until }| {
            location.segment == until.segment && (from..until.offset).contains(&u64::from(location.offset))
        })
    }
}

impl ErasingStep {
    /// The messages in it.
    pub(in crate::store) fn messages(&self, journal: &Path) -> Result<Vec<Erasable>, OpenError> {
        let Self { from, until } = *self;
        let path = segment::path(journal, until.segment);
        let mut bytes = vec![0; usize::try_from(until.offset.saturating_sub(from)).unwrap_or(usize::MAX)];
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, from));
        read.map_err(OpenError::io("read", &path))?;
        let damaged = |what: &'static str| DamageError {
            file: path,
            offset: from,
            position: until.position,
            what: what.to_owned(),
        };
        Ok(messages(&bytes, from).map_err(damaged)?)
    }

    /// Overwrites the contents of these messages, which are in it, and syncs that.
    pub(in crate::store) fn erase(
        &self,
        disk: &dyn Disk,
        journal: &Path,
        messages: &[Erasable],
    ) -> Result<(), OpenError> {
        let path = segment::path(journal, self.until.segment);
        let erased: io::Result<()> = disk.open(&path).and_then(|mut file| {
            for Erasable { checksum, content, length, .. } in messages {
                let zeros = vec![0; *length];
                file.write_at(*content, &zeros)?;
                file.write_at(*checksum, &crc32fast::hash(&zeros).to_be_bytes())?;
                give_back(&mut *file, *content, *length as u64);
            }
            file.sync()
        });
        erased.map_err(OpenError::io("erase content in", &path))
    }
}

/// Gives the whole blocks of erased content back to the file system. Where that can't be done, the zeros stay.
fn give_back(file: &mut dyn DiskFile, content: u64, length: u64) {
    let (start, end) = (content.next_multiple_of(BLOCK), (content + length) / BLOCK * BLOCK);
    if start < end
        && let Err(error) = file.punch(start, end - start)
    {
        tracing::debug!(%error, "the room of erased content is not given back");
    }
}

/// The messages of groups that stand one behind the other, the first at `offset`. Contents are not looked at.
fn messages(mut bytes: &[u8], mut offset: u64) -> Result<Vec<Erasable>, &'static str> {
    const SHORT: &str = "a record is cut short";
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let group = group::GroupHeader::decode(bytes)?;
        bytes = &bytes[group::HEADER..];
        offset += group::HEADER as u64;
        for _ in 0..group.records {
            let header = RecordHeader::decode(bytes)?;
            let (record, rest) = bytes.split_at_checked(header.length()).ok_or(SHORT)?;
            let event = serde_json::from_slice(&record[header.payload()])
                .map_err(|_| "a payload is no known event")?;
            if let Some((conversation, seq)) = message(event) {
                let content = header.content();
                found.push(Erasable {
                    conversation,
                    seq,
                    checksum: offset + record::CONTENT_CRC as u64,
                    content: offset + content.start as u64,
                    length: content.len(),
                });
            }
            bytes = rest;
            offset += record.len() as u64;
        }
    }
    Ok(found)
}

/// The message that an event is about.
fn message(event: Event) -> Option<(ConversationId, u64)> {
    match event {
        Event::ConversationCreated(created) => Some((created.id, 1)),
        Event::MessageAppended(appended) => Some((appended.conversation, appended.seq)),
        _ => None,
    }
}
