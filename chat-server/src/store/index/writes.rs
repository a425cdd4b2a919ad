//! Writes on their way to the index, by kind.

use std::collections::{BTreeMap, HashMap};

use chat_core::id::ConversationId;

use super::backend::{Batch, Bytes};
use crate::store::keys;
use crate::store::values::{LOCATION, MessageValue, RUN_MOST};
use crate::store::write::journal::Location;

/// Bytes of an entry in memory besides its key and value.
const ENTRY: usize = 128;

/// Writes that are not in the index yet. Messages and client message ids are written once, and
/// never removed.
#[derive(Default, Debug)]
pub(in crate::store) struct Writes {
    /// New values of rows, or `None` for removed rows.
    pub(in crate::store) rows: BTreeMap<Bytes, Option<Bytes>>,
    /// Messages by conversation and number.
    pub(in crate::store) messages: BTreeMap<(ConversationId, u64), MessageValue>,
    /// Locations of records by the [key](keys::client_id) of a client message id.
    pub(in crate::store) client_ids: HashMap<Bytes, Location>,
}

impl Writes {
    /// The number of writes.
    pub(in crate::store) fn len(&self) -> usize {
        self.rows.len() + self.messages.len() + self.client_ids.len()
    }

    /// Their approximate bytes in memory.
    pub(in crate::store) fn bytes(&self) -> usize {
        let rows =
            self.rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, |value| value.len()));
        let messages = self.messages.iter();
        let messages = messages.map(|((id, _), message)| id.as_str().len() + message.encoded_length());
        let client_ids = self.client_ids.keys().map(|key| key.len() + LOCATION);
        rows.chain(messages).chain(client_ids).map(|bytes| bytes + ENTRY).sum()
    }
}

/// Writes in the form that the index stores.
#[derive(Default)]
pub(in crate::store) struct IndexBatch {
    entries: Batch,
    run: Option<Run>,
    client_ids: Vec<(Bytes, Location)>,
}

/// Consecutive messages of a conversation, which share a key.
struct Run {
    conversation: ConversationId,
    first: u64,
    /// The number that would continue the run.
    next: u64,
    bytes: Vec<u8>,
}

impl IndexBatch {
    /// Adds a row, or its removal.
    pub(in crate::store) fn row(&mut self, key: Bytes, value: Option<Bytes>) {
        match value {
            Some(value) => self.entries.insert(key, value),
            None => self.entries.remove(key),
        }
    }

    /// Adds a message. Consecutive messages are joined to a run if they arrive one after another.
    pub(in crate::store) fn message(
        &mut self,
        conversation: &ConversationId,
        seq: u64,
        message: &MessageValue,
    ) {
        let is_next = |run: &mut Run| {
            run.next == seq
                && run.conversation == *conversation
                && run.bytes.len() + message.encoded_length() <= RUN_MOST
        };
        if self.run.as_mut().is_none_or(|run| !is_next(run)) {
            self.end_run();
        }
        let run = self.run.get_or_insert_with(|| Run {
            conversation: conversation.clone(),
            first: seq,
            next: seq,
            bytes: Vec::new(),
        });
        message.encode(&mut run.bytes);
        run.next += 1;
    }

    /// Adds a client message id.
    pub(in crate::store) fn client_id(&mut self, key: Bytes, location: Location) {
        self.client_ids.push((key, location));
    }

    /// The entries for the database, and the client message ids.
    pub(super) fn split(mut self) -> (Batch, Vec<(Bytes, Location)>) {
        self.end_run();
        (self.entries, self.client_ids)
    }

    fn end_run(&mut self) {
        if let Some(Run { conversation, first, bytes, .. }) = self.run.take() {
            self.entries.insert(keys::message(&conversation, first), bytes);
        }
    }
}

impl From<Writes> for IndexBatch {
    fn from(Writes { rows, messages, client_ids }: Writes) -> Self {
        let mut batch = Self::default();
        rows.into_iter().for_each(|(key, value)| batch.row(key, value));
        messages.iter().for_each(|((id, seq), message)| batch.message(id, *seq, message));
        batch.client_ids.extend(client_ids);
        batch
    }
}
