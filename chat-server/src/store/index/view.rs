//! A view of the index: own writes, then the memtable, then the database.

use std::cmp::Ordering;
use std::ops::{Bound, RangeInclusive};

use chat_core::id::{ClientMessageId, ConversationId, UserId};
use chat_core::store::UnavailableError;

use super::Index;
use super::backend::{Bytes, Entries, KeyValue};
use super::writes::Writes;
use crate::store::keys;
use crate::store::read::index_slot::Present;
use crate::store::values::MessageValue;
use crate::store::write::journal::Location;
use crate::store::write::memtable::MemTableSnapshot;

/// The rest of a range.
pub(in crate::store) type KeyBounds = (Bound<Bytes>, Bound<Bytes>);

/// A view of the index.
pub(in crate::store) struct View {
    index: Present,
    /// Synced groups that are not in the database yet.
    memtable: MemTableSnapshot,
    /// The writes of the view's owner.
    own: Writes,
}

impl View {
    /// A view without own writes.
    pub(in crate::store) fn new(index: Present, memtable: MemTableSnapshot) -> Self {
        Self { index, memtable, own: Writes::default() }
    }

    /// Writes a row, visible to this view only.
    pub(in crate::store) fn put(&mut self, key: Vec<u8>, value: impl Into<Bytes>) {
        self.own.rows.insert(key.into(), Some(value.into()));
    }

    /// Removes a row, visible to this view only.
    pub(in crate::store) fn remove(&mut self, key: Vec<u8>) {
        self.own.rows.insert(key.into(), None);
    }

    /// Writes a message, visible to this view only.
    pub(in crate::store) fn put_message(&mut self, id: &ConversationId, seq: u64, message: MessageValue) {
        self.own.messages.insert((id.clone(), seq), message);
    }

    /// Writes the location of the record with a client message id, visible to this view only.
    pub(in crate::store) fn put_client_id(
        &mut self,
        user: &UserId,
        id: &ClientMessageId,
        location: Location,
    ) {
        self.own.client_ids.insert(keys::client_id(user, id).into(), location);
    }

    /// Number of own writes.
    pub(in crate::store) fn writes(&self) -> usize {
        self.own.len()
    }

    /// Takes the own writes.
    pub(in crate::store) fn take_writes(&mut self) -> Writes {
        std::mem::take(&mut self.own)
    }

    /// The value of a row.
    pub(in crate::store) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, UnavailableError> {
        if let Some(written) = self.own.rows.get(key) {
            return Ok(written.clone());
        }
        let index = self.index()?;
        index.check()?;
        match self.memtable.row(key) {
            Some(written) => Ok(written),
            None => index.get(key),
        }
    }

    /// The decoded value of a row. An unreadable value is a failure of the index.
    pub(in crate::store) fn get_as<T>(
        &self,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, UnavailableError> {
        let value = self.get(key)?;
        value.map(|bytes| self.decoded(decode(&bytes))).transpose()
    }

    /// The decoded value, or the failure of an index with an unreadable value.
    pub(in crate::store) fn decoded<T>(&self, decoded: Option<T>) -> Result<T, UnavailableError> {
        match decoded {
            Some(decoded) => Ok(decoded),
            None => Err(self.index()?.fail("it holds a value that no version of this program wrote")),
        }
    }

    /// The location of the record with a client message id.
    pub(in crate::store) fn client_id(
        &self,
        user: &UserId,
        id: &ClientMessageId,
    ) -> Result<Option<Location>, UnavailableError> {
        let key = keys::client_id(user, id);
        if let Some(location) = self.own.client_ids.get(&key[..]) {
            return Ok(Some(*location));
        }
        let index = self.index()?;
        index.check()?;
        match self.memtable.client_id(&key) {
            Some(location) => Ok(Some(location)),
            None => index.client_id(&key),
        }
    }

    /// All rows whose keys begin with `prefix`, by key.
    pub(in crate::store) fn prefix(&self, prefix: &[u8]) -> Result<Scan<'_>, UnavailableError> {
        self.range(prefix, &after(prefix))
    }

    /// The rows from `start` up to `end`, exclusive, by key.
    pub(in crate::store) fn range(&self, start: &[u8], end: &[u8]) -> Result<Scan<'_>, UnavailableError> {
        let index = self.index()?;
        let stored = index.range(start, end)?;
        let left = (start < end).then(|| (Bound::Included(start.into()), Bound::Excluded(end.into())));
        Ok(Scan { view: self, index, left, stored, waiting: (None, None) })
    }

    pub(super) fn index(&self) -> Result<&Index, UnavailableError> {
        self.index.as_deref().map_err(Clone::clone)
    }

    /// The first or the newest message of a range that is not in the database yet.
    pub(super) fn written_message(
        &self,
        conversation: &ConversationId,
        seqs: &RangeInclusive<u64>,
        newest: bool,
    ) -> Option<(u64, MessageValue)> {
        let key = |seq: &u64| (conversation.clone(), *seq);
        let own = || {
            let mut own = self.own.messages.range(key(seqs.start())..=key(seqs.end()));
            let (key, message) = if newest { own.next_back() } else { own.next() }?;
            Some((key.1, message.clone()))
        };
        let published = || self.memtable.message(conversation, seqs, newest);
        if newest { own().or_else(published) } else { published().or_else(own) }
    }

    /// The next written row of a range.
    fn next_written(&self, left: &KeyBounds) -> Option<Written> {
        let own = self.own.rows.range(left.clone()).next();
        first_of(own.map(|(key, value)| (key.clone(), value.clone())), self.memtable.next_row(left))
    }
}

/// The first of two rows; of equal keys, `a`.
pub(in crate::store) fn first_of(a: Option<Written>, b: Option<Written>) -> Option<Written> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
        (a, b) => a.or(b),
    }
}

/// The first key after all keys with this prefix.
pub(in crate::store) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    unreachable!("every key begins with a letter")
}

/// A written row: its key with the new value.
pub(in crate::store) type Written = (Bytes, Option<Bytes>);

/// Rows of a range. Written rows hide stored ones of the same key.
pub(in crate::store) struct Scan<'a> {
    view: &'a View,
    index: &'a Index,
    /// The rest of the range with written rows.
    left: Option<KeyBounds>,
    stored: Entries,
    waiting: (Option<Written>, Option<KeyValue>),
}

impl Scan<'_> {
    /// The next written row.
    fn next_written(&mut self) -> Option<Written> {
        let found = self.left.as_ref().and_then(|left| self.view.next_written(left));
        match (&found, &mut self.left) {
            (Some((key, _)), Some((start, _))) => *start = Bound::Excluded(key.clone()),
            _ => self.left = None,
        }
        found
    }

    fn step(&mut self) -> Result<Option<KeyValue>, UnavailableError> {
        loop {
            if self.waiting.0.is_none() {
                self.waiting.0 = self.next_written();
            }
            let (written, stored) = &mut self.waiting;
            if stored.is_none() {
                *stored = self.index.next(&mut self.stored, false)?;
            }
            let first = match (&written, &stored) {
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            if first.is_gt() {
                return Ok(stored.take());
            }
            if first.is_eq() {
                *stored = None;
            }
            if let Some((key, Some(value))) = written.take() {
                return Ok(Some((key, value)));
            }
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<KeyValue, UnavailableError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
