//! Messages by number, from the runs that hold them.

use std::mem;
use std::ops::{Range, RangeInclusive};

use chat_core::id::ConversationId;
use chat_core::store::UnavailableError;

use super::Index;
use super::backend::{Batch, Bytes, KeyValue};
use super::view::{Scan, View, after};
use crate::store::keys;
use crate::store::values::{MessageValue, RUN_MOST};

/// Messages of a conversation, each decoded on demand.
pub(in crate::store) struct StoredMessages<'a> {
    view: &'a View,
    runs: Scan<'a>,
    /// The numbers to come.
    seqs: RangeInclusive<u64>,
    newest_first: bool,
    /// The rest of a run: message numbers and ranges. The next message is the last element.
    run: (Bytes, Vec<(u64, Range<usize>)>),
}

impl<'a> StoredMessages<'a> {
    /// The messages with these numbers, in order or newest first.
    pub(in crate::store) fn new(
        view: &'a View,
        conversation: &ConversationId,
        seqs: RangeInclusive<u64>,
        newest_first: bool,
    ) -> Result<Self, UnavailableError> {
        let prefix = keys::messages(conversation);
        let end = after(&keys::message(conversation, *seqs.end()));
        let runs = if newest_first {
            view.range_back(&prefix, &end)?
        } else {
            let first = after(&keys::message(conversation, *seqs.start()));
            let holds_first = view.range_back(&prefix, &first)?.next().transpose()?;
            view.range(&holds_first.map_or(prefix.into(), |(key, _)| key), &end)?
        };
        Ok(Self { view, runs, seqs, newest_first, run: (Bytes::default(), Vec::new()) })
    }

    fn step(&mut self) -> Result<Option<(u64, MessageValue)>, UnavailableError> {
        loop {
            if self.seqs.is_empty() {
                return Ok(None);
            }
            if let Some((seq, place)) = self.run.1.pop() {
                self.seqs = match self.newest_first {
                    true if seq == 0 => return Ok(None),
                    true => *self.seqs.start()..=seq - 1,
                    false => seq.saturating_add(1)..=*self.seqs.end(),
                };
                let message = self.view.decoded(MessageValue::decode(&self.run.0[place]))?;
                return Ok(Some((seq, message)));
            }
            let Some((key, run)) = self.runs.next().transpose()? else { return Ok(None) };
            let first = self.view.decoded(keys::seq(&key))?;
            let places = self.view.decoded(MessageValue::split(&run))?;
            let mut messages: Vec<_> =
                (first..).zip(places).filter(|(seq, _)| self.seqs.contains(seq)).collect();
            if messages.is_empty() && self.newest_first {
                return Ok(None);
            }
            if !self.newest_first {
                messages.reverse();
            }
            self.run = (run, messages);
        }
    }
}

impl Iterator for StoredMessages<'_> {
    type Item = Result<(u64, MessageValue), UnavailableError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// The newest message of a conversation, with its number.
pub(in crate::store) fn newest_message(
    view: &View,
    id: &ConversationId,
) -> Result<Option<(u64, MessageValue)>, UnavailableError> {
    StoredMessages::new(view, id, 1..=u64::MAX, true)?.next().transpose()
}

/// The run with this message and the key of the run, if the index has it.
pub(in crate::store) fn run_of(
    index: &Index,
    conversation: &ConversationId,
    seq: u64,
) -> Result<Option<KeyValue>, UnavailableError> {
    let end = after(&keys::message(conversation, seq));
    let mut runs = index.range(&keys::messages(conversation), &end)?;
    index.next(&mut runs, true)
}

/// Joins messages to runs. Messages arrive by key, and consecutive ones are joined.
#[derive(Default)]
pub(super) struct Runs {
    /// The key of the growing run, with the number that would continue it.
    key: Option<(Bytes, u64)>,
    bytes: Vec<u8>,
}

impl Runs {
    /// Adds a run. The growing run goes to the batch unless this one continues it.
    pub(super) fn add(&mut self, key: &Bytes, run: &Bytes, batch: &mut Batch) {
        let messages = MessageValue::split(run).map_or(0, |places| places.len() as u64);
        let follows = self.bytes.len() + run.len() <= RUN_MOST
            && self.key.as_ref().is_some_and(|(first, next)| follows(first, *next, key));
        if !follows {
            self.end(batch);
        }
        self.bytes.extend_from_slice(run);
        let (_, next) = self.key.get_or_insert_with(|| (key.clone(), keys::seq(key).unwrap_or_default()));
        *next += messages;
    }

    /// Moves the growing run to the batch.
    pub(super) fn end(&mut self, batch: &mut Batch) {
        if let Some((key, _)) = self.key.take() {
            batch.insert(key, mem::take(&mut self.bytes));
        }
    }
}

/// Whether a key is that of message `next` in the conversation of the key `first`.
fn follows(first: &[u8], next: u64, key: &[u8]) -> bool {
    let conversation = first.len() - size_of_val(&next);
    first.len() == key.len() && first[..conversation] == key[..conversation] && keys::seq(key) == Some(next)
}
