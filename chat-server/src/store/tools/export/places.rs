//! The journal locations of an export's lines, sorted by conversation.

use std::env::temp_dir;
use std::sync::Arc;

use chat_core::id::ConversationId;
use chat_core::store::{Position, UnavailableError};
use tempfile::TempDir;

use super::ExportError;
use crate::store::error::OpenError;
use crate::store::index::Index;
use crate::store::index::view::View;
use crate::store::options::Options;
use crate::store::values::{decode_location, encode_location};
use crate::store::write::journal::{End, Location};
use crate::store::write::memtable::MemTableSnapshot;

/// Writes after which locations are flushed to disk.
const BATCH: usize = 4_096;

/// Prefix of conversations. The value is the position and location of the creation.
const CREATED: u8 = b'c';

/// Prefix of lines. The position of the conversation's creation, the position of the record and the
/// part follow.
const LINE: u8 = b'l';

/// The part of a record that a line shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// The created conversation.
    Conversation = 0,
    /// The event. In a record that creates a conversation, message 1.
    Event = 1,
}

/// Locations of lines, in a temporary directory.
pub(super) struct Places {
    index: Arc<Index>,
    view: View,
    count: u64,
    _dir: TempDir,
}

impl Places {
    /// No locations.
    pub(super) fn new() -> Result<Self, OpenError> {
        let dir = tempfile::Builder::new().prefix("chat-export-").tempdir();
        let dir = dir.map_err(OpenError::io("make a directory in", &temp_dir()))?;
        let index = Index::create(&dir.path().join("places"), Options::default().index_cache_bytes)?;
        let index = Arc::new(index);
        Ok(Self {
            view: View::new(Ok(index.clone()), MemTableSnapshot::default()),
            index,
            count: 0,
            _dir: dir,
        })
    }

    /// Records the creation of a conversation.
    pub(super) fn create(&mut self, conversation: &ConversationId, position: Position, location: Location) {
        let value = [&position.0.to_be_bytes()[..], &encode_location(location)].concat();
        self.view.put(created(conversation), value);
    }

    /// Whether the conversation exists.
    pub(super) fn knows(&self, conversation: &ConversationId) -> Result<bool, UnavailableError> {
        Ok(self.view.get(&created(conversation))?.is_some())
    }

    /// Adds a line, after the line of its conversation's creation. Events outside conversations are
    /// skipped.
    pub(super) fn add(
        &mut self,
        conversation: &ConversationId,
        position: Position,
        location: Location,
    ) -> Result<(), UnavailableError> {
        let Some(creation) = self.view.get(&created(conversation))? else { return Ok(()) };
        let (first, place) = creation.split_at(8);
        self.view.put(line(first, first, Part::Conversation), place);
        let place = encode_location(location);
        self.view.put(line(first, &position.0.to_be_bytes(), Part::Event), &place);
        self.count += 1;
        Ok(())
    }

    /// Adds a change of an account, before all conversations.
    pub(super) fn add_account(&mut self, position: Position, location: Location) {
        // No conversation is created at position 0.
        let place = encode_location(location);
        self.view.put(line(&[0; 8], &position.0.to_be_bytes(), Part::Event), &place);
        self.count += 1;
    }

    /// Flushes added locations if they are many or the last.
    pub(super) fn keep(&mut self, end: End, last: bool) -> Result<(), UnavailableError> {
        if last || self.view.writes() >= BATCH {
            self.index.apply(self.view.take_writes(), end, || ())?;
        }
        Ok(())
    }

    /// The approximate number of lines, without those of conversations.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Passes each line in order.
    pub(super) fn each(
        &self,
        give: &mut dyn FnMut(Part, Location) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        for entry in self.view.prefix(&[LINE])? {
            let (key, place) = entry?;
            let part = if key.last() == Some(&0) { Part::Conversation } else { Part::Event };
            give(part, self.view.decoded(place[..].try_into().ok().map(decode_location))?)?;
        }
        Ok(())
    }
}

fn created(conversation: &ConversationId) -> Vec<u8> {
    [&[CREATED], conversation.as_str().as_bytes()].concat()
}

fn line(creation: &[u8], position: &[u8], part: Part) -> Vec<u8> {
    [&[LINE], creation, position, &[part as u8]].concat()
}
