//! Messages by number, from the memtable and from the runs that hold them.

use std::ops::{Range, RangeInclusive};

use chat_core::id::ConversationId;
use chat_core::store::UnavailableError;

use super::Index;
use super::backend::{Bytes, Entries, KeyValue};
use super::view::{View, after};
use crate::store::keys;
use crate::store::values::MessageValue;

/// Messages of a conversation, each decoded on demand.
///
/// Messages that are not in the index yet are the newest ones. Older ones come from the index,
/// which is not read before they are needed.
pub(in crate::store) struct StoredMessages<'a> {
    view: &'a View,
    index: &'a Index,
    conversation: ConversationId,
    /// The numbers to come.
    seqs: RangeInclusive<u64>,
    newest_first: bool,
    /// The next message of the view that is not in the index yet.
    written: Option<(u64, MessageValue)>,
    /// Whether `written` may have a successor.
    more_written: bool,
    runs: Option<Entries>,
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
        let index = view.index()?;
        index.check()?;
        Ok(Self {
            view,
            index,
            conversation: conversation.clone(),
            // No message has number 0.
            seqs: (*seqs.start()).max(1)..=*seqs.end(),
            newest_first,
            written: None,
            more_written: true,
            runs: None,
            run: (Bytes::default(), Vec::new()),
        })
    }

    fn step(&mut self) -> Result<Option<(u64, MessageValue)>, UnavailableError> {
        if self.seqs.is_empty() {
            return Ok(None);
        }
        if self.written.is_none() && self.more_written {
            self.written = self.view.written_message(&self.conversation, &self.seqs, self.newest_first);
            self.more_written = self.written.is_some();
        }
        let is_written = |(seq, _): &(u64, MessageValue)| self.newest_first || seq == self.seqs.start();
        let next = if self.written.as_ref().is_some_and(is_written) { None } else { self.next_stored()? };
        let next = next.or_else(|| self.written.take());
        if let Some((seq, _)) = next {
            self.seqs = if self.newest_first {
                *self.seqs.start()..=seq - 1
            } else {
                seq.saturating_add(1)..=*self.seqs.end()
            };
        }
        Ok(next)
    }

    fn next_stored(&mut self) -> Result<Option<(u64, MessageValue)>, UnavailableError> {
        loop {
            if let Some((seq, place)) = self.run.1.pop() {
                let message = self.view.decoded(MessageValue::decode(&self.run.0[place]))?;
                return Ok(Some((seq, message)));
            }
            let runs = match &mut self.runs {
                Some(runs) => runs,
                None => self.runs.insert(self.open_runs()?),
            };
            let Some((key, run)) = self.index.next(runs, self.newest_first)? else { return Ok(None) };
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

    fn open_runs(&self) -> Result<Entries, UnavailableError> {
        let start = if self.newest_first {
            None
        } else {
            run_of(self.index, &self.conversation, *self.seqs.start())?.map(|(key, _)| key)
        };
        let start = start.unwrap_or_else(|| keys::messages(&self.conversation).into());
        self.index.range(&start, &after(&keys::message(&self.conversation, *self.seqs.end())))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chat_core::store::Position;
    use chat_core::time::Timestamp;
    use tempfile::TempDir;

    use super::*;
    use crate::store::index::writes::Writes;
    use crate::store::values::{ContentValue, RUN_MOST};
    use crate::store::write::journal::End;
    use crate::store::write::memtable::{MemTable, MemTableSnapshot};

    const SENDER: &str = "user";

    fn message(seq: u64, length: usize) -> MessageValue {
        MessageValue {
            nonce: *b"0123456789abcdef",
            position: Position(seq),
            sent_at: Timestamp::from_millis(i64::try_from(seq).unwrap()),
            sender: SENDER.into(),
            work: None,
            emergency: None,
            choices: None,
            answer: None,
            content: ContentValue::Inline("x".repeat(length).into()),
        }
    }

    fn end(position: u64) -> End {
        End { position: Position(position), ..End::default() }
    }

    fn index() -> (TempDir, Arc<Index>) {
        let dir = TempDir::new().unwrap();
        let index = Index::create(&dir.path().join("index"), 1 << 20).unwrap();
        (dir, Arc::new(index))
    }

    fn writes(id: &ConversationId, seqs: RangeInclusive<u64>, length: usize) -> Writes {
        let messages = seqs.map(|seq| ((id.clone(), seq), message(seq, length)));
        Writes { messages: messages.collect(), ..Writes::default() }
    }

    #[test]
    fn each_message_is_found_once_in_the_index_the_memtable_and_own_writes() {
        let ((_dir, index), id) = (index(), ConversationId::from("conv"));
        for seqs in [1..=4, 5..=6] {
            index.apply(writes(&id, seqs, 1), end(1), || ()).unwrap();
        }
        index.apply(writes(&"conv_2".into(), 1..=20, 1), end(1), || ()).unwrap();
        let memtable = MemTable::new(end(0));
        memtable.publish(writes(&id, 5..=9, 1), end(2));
        let mut view = View::new(Ok(index), memtable.snapshot());
        (10..=11).for_each(|seq| view.put_message(&id, seq, message(seq, 1)));
        for (start, last) in (0..14).flat_map(|start| (0..14).map(move |last| (start, last))) {
            for newest_first in [false, true] {
                let found = StoredMessages::new(&view, &id, start..=last, newest_first).unwrap();
                let mut found: Vec<_> = found.map(Result::unwrap).collect();
                if newest_first {
                    found.reverse();
                }
                let expected = (1..=11).filter(|seq| (start..=last).contains(seq));
                assert!(found.into_iter().eq(expected.map(|seq| (seq, message(seq, 1)))), "{start}..={last}");
            }
        }
        assert_eq!(newest_message(&view, &id).unwrap().unwrap().0, 11);
    }

    #[test]
    fn consecutive_messages_share_a_key_until_it_is_full() {
        let ((_dir, index), id) = (index(), ConversationId::from("conv"));
        let third = RUN_MOST / 3 - message(1, 0).encoded_length();
        let mut all = writes(&id, 1..=7, third);
        all.messages.extend(writes(&id, 9..=9, third).messages);
        all.messages.extend(writes(&"conv_2".into(), 10..=10, third).messages);
        index.apply(all, end(1), || ()).unwrap();
        let key_of = |id, seq| keys::seq(&run_of(&index, id, seq).unwrap().unwrap().0).unwrap();
        assert_eq!([1, 3, 4, 6, 7, 9].map(|seq| key_of(&id, seq)), [1, 1, 4, 4, 7, 9]);
        assert_eq!(key_of(&"conv_2".into(), 10), 10);
        let view = View::new(Ok(index.clone()), MemTableSnapshot::default());
        let found = StoredMessages::new(&view, &id, 1..=20, false).unwrap();
        assert!(found.map(|found| found.unwrap().0).eq([1, 2, 3, 4, 5, 6, 7, 9]));
    }
}
