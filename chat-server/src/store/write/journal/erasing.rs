//! Erasing content in place.
//!
//! Content is overwritten with zeros, and its checksum with the checksum of zeros. Positions,
//! payloads and hashes stay, and with them the chain. A crash may tear such a write, therefore the
//! file `erasing` beside the segments names the step beforehand. A reader takes bad content within
//! the noted step as erased, and the next start erases the step again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use chat_core::id::{ConversationId, UserId};
use chat_core::store::{Event, Position};
use serde::{Deserialize, Serialize};

use super::group::{self, End, Location};
use super::record::{self, RecordHeader};
use super::segment;
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::{DamageError, OpenError};
use crate::store::write::note;

/// Bytes of a block of most file systems. Smaller holes are not given back.
const BLOCK: u64 = 4_096;

/// The file's name.
const NAME: &str = "erasing";

/// The version of a note about the messages of one user.
const OF_USER: u32 = 2;

/// The content of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::store) struct Erasing {
    version: u32,
    /// All content before this is erased.
    pub(in crate::store) done: End,
    /// The step under way.
    pub(in crate::store) step: Option<ErasingStep>,
}

/// Groups, one behind the other, whose contents are being erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::store) struct ErasingStep {
    /// Start of the first group, as an offset in the segment.
    pub(in crate::store) from: u64,
    /// End of the last group.
    pub(in crate::store) until: End,
    /// The user whose messages are erased, and entries that name the user; `None` for all messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) of: Option<UserId>,
}

/// A message with content in a journal, erased or not.
pub(in crate::store) struct Erasable {
    /// The conversation of the message.
    pub(in crate::store) conversation: ConversationId,
    /// The number of the message in its conversation.
    pub(in crate::store) seq: u64,
    pub(in crate::store) sender: UserId,
    /// The user that the text of an entry names besides the sender.
    named: Option<UserId>,
    /// The position of the record.
    pub(in crate::store) position: Position,
    /// Offset of the record in the segment.
    pub(in crate::store) offset: u64,
    /// Offset of the content's checksum in the segment.
    checksum: u64,
    /// Offset of the content in the segment.
    content: u64,
    length: usize,
}

impl Erasing {
    /// A note: everything before `done` is erased, and `step` is about to be.
    pub(in crate::store) fn new(done: End, step: Option<ErasingStep>) -> Self {
        // An older program would erase the messages of all senders.
        let of_user = step.as_ref().is_some_and(|step| step.of.is_some());
        Self { version: if of_user { OF_USER } else { note::VERSION }, done, step }
    }

    /// Reads the note; `None` if nothing was ever erased.
    pub(in crate::store) fn read(journal: &Path) -> Result<Option<Self>, OpenError> {
        note::read_up_to(OF_USER, journal, NAME)
    }

    /// Removes the note.
    pub(in crate::store) fn remove(journal: &Path) -> io::Result<()> {
        fs::remove_file(journal.join(NAME))
    }

    /// Reserves room for the next note, because a disk may fill up before.
    pub(in crate::store) fn keep_spare(journal: &Path) {
        note::keep_spare(journal, NAME);
    }

    /// Writes the note durably.
    pub(in crate::store) fn write(&self, journal: &Path) -> Result<(), OpenError> {
        note::write(journal, NAME, self).map_err(OpenError::io("note what is erased in", journal))?;
        Self::keep_spare(journal);
        Ok(())
    }

    /// Whether the content of the record at this location may be partly erased.
    pub(super) fn covers(&self, location: Location) -> bool {
        self.step.as_ref().is_some_and(|ErasingStep { from, until, .. }| {
            location.segment == until.segment && (*from..until.offset).contains(&u64::from(location.offset))
        })
    }
}

impl ErasingStep {
    /// The messages of the step.
    pub(in crate::store) fn messages(&self, journal: &Path) -> Result<Vec<Erasable>, OpenError> {
        let Self { from, until, .. } = *self;
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
        let mut messages = messages(&bytes, from).map_err(damaged)?;
        messages.retain(|message| {
            self.of.as_ref().is_none_or(|of| message.sender == *of || message.named.as_ref() == Some(of))
        });
        Ok(messages)
    }

    /// Overwrites the contents of these messages of the step, and syncs them.
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

/// Returns whole blocks of erased content to the file system. Where holes are not supported, the
/// zeros stay.
fn give_back(file: &mut dyn DiskFile, content: u64, length: u64) {
    let (start, end) = (content.next_multiple_of(BLOCK), (content + length) / BLOCK * BLOCK);
    if start < end
        && let Err(error) = file.punch(start, end - start)
    {
        tracing::debug!(%error, "can't return the room of erased content to the file system");
    }
}

/// The messages of consecutive groups, the first at `offset`. Contents are not read.
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
            if let Some((conversation, seq, sender, named)) = message(event) {
                let content = header.content();
                found.push(Erasable {
                    conversation,
                    seq,
                    sender,
                    named,
                    position: header.position,
                    offset,
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

/// The message of an event: conversation, number, sender, and the user that an entry names.
fn message(event: Event) -> Option<(ConversationId, u64, UserId, Option<UserId>)> {
    match event {
        Event::ConversationCreated(created) => Some((created.id, 1, created.created_by, None)),
        Event::MessageAppended(appended) => {
            let named = appended.handed_to().cloned();
            Some((appended.conversation, appended.seq, appended.sender, named))
        }
        Event::EpochBegun { .. }
        | Event::AccountPut { .. }
        | Event::ReadMarked(_)
        | Event::MemberAdded(_)
        | Event::MemberWithdrawn(_) => None,
    }
}
