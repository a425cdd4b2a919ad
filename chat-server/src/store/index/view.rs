//! A view of the index: own writes, then the memtable, then sled.

use std::collections::BTreeMap;
use std::ops::Bound;

use chat_core::store::UnavailableError;

use super::Index;
use super::backend::{Bytes, Entries, KeyValue};
use crate::store::read::index_slot::Present;
use crate::store::write::memtable::MemTableSnapshot;

/// Writes that are not in sled yet: keys with new values, or with `None` for removed keys.
pub(in crate::store) type Writes = BTreeMap<Bytes, Option<Bytes>>;

/// The rest of a range.
pub(in crate::store) type KeyBounds = (Bound<Bytes>, Bound<Bytes>);

/// A view of the index.
pub(in crate::store) struct View {
    index: Present,
    /// Synced groups that are not in sled yet.
    memtable: MemTableSnapshot,
    /// The writes of the view's owner.
    own: Writes,
}

impl View {
    /// A view without own writes.
    pub(in crate::store) fn new(index: Present, memtable: MemTableSnapshot) -> Self {
        Self { index, memtable, own: Writes::new() }
    }

    /// Writes a value, visible to this view only.
    pub(in crate::store) fn put(&mut self, key: Vec<u8>, value: impl Into<Bytes>) {
        self.own.insert(key.into(), Some(value.into()));
    }

    /// Removes a key, visible to this view only.
    pub(in crate::store) fn remove(&mut self, key: Vec<u8>) {
        self.own.insert(key.into(), None);
    }

    /// Number of own writes.
    pub(in crate::store) fn writes(&self) -> usize {
        self.own.len()
    }

    /// Takes the own writes.
    pub(in crate::store) fn take_writes(&mut self) -> Writes {
        std::mem::take(&mut self.own)
    }

    /// The value of a key.
    pub(in crate::store) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, UnavailableError> {
        if let Some(written) = self.own.get(key) {
            return Ok(written.clone());
        }
        let index = self.index()?;
        index.check()?;
        match self.memtable.get(key) {
            Some(written) => Ok(written),
            None => index.get(key),
        }
    }

    /// The decoded value of a key. An unreadable value is a failure of the index.
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

    /// All entries whose keys begin with `prefix`, by key.
    pub(in crate::store) fn prefix(&self, prefix: &[u8]) -> Result<Scan<'_>, UnavailableError> {
        self.range(prefix, &after(prefix))
    }

    /// The entries from `start` up to `end`, exclusive, by key.
    pub(in crate::store) fn range(&self, start: &[u8], end: &[u8]) -> Result<Scan<'_>, UnavailableError> {
        self.scan(start, end, false)
    }

    /// The entries from `start` up to `end`, exclusive, in reverse order.
    pub(in crate::store) fn range_back(
        &self,
        start: &[u8],
        end: &[u8],
    ) -> Result<Scan<'_>, UnavailableError> {
        self.scan(start, end, true)
    }

    fn index(&self) -> Result<&Index, UnavailableError> {
        self.index.as_deref().map_err(Clone::clone)
    }

    fn scan(&self, start: &[u8], end: &[u8], back: bool) -> Result<Scan<'_>, UnavailableError> {
        let index = self.index()?;
        let stored = index.range(start, end)?;
        let left = (start < end).then(|| (Bound::Included(start.into()), Bound::Excluded(end.into())));
        Ok(Scan { view: self, index, left, stored, back, waiting: (None, None) })
    }

    /// The next written key of a range.
    fn next_written(&self, left: &KeyBounds, back: bool) -> Option<Written> {
        let own = next_of(self.own.range(left.clone()), back, |value| Some(value.clone()));
        first_of(own, self.memtable.next(left, back), back)
    }
}

/// The next entry of a range for which `pick` returns a value.
pub(in crate::store) fn next_of<'a, T: 'a>(
    mut range: impl DoubleEndedIterator<Item = (&'a Bytes, &'a T)>,
    back: bool,
    pick: impl Fn(&T) -> Option<Option<Bytes>>,
) -> Option<Written> {
    let pick = |(key, value): (&Bytes, &T)| Some((key.clone(), pick(value)?));
    if back { range.rev().find_map(pick) } else { range.find_map(pick) }
}

/// The first of two entries; of equal keys, `a`.
pub(in crate::store) fn first_of(a: Option<Written>, b: Option<Written>, back: bool) -> Option<Written> {
    match (a, b) {
        (Some(a), Some(b)) if (a.0 < b.0) != back || a.0 == b.0 => Some(a),
        (Some(_), Some(b)) => Some(b),
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

/// A written key with its new value.
pub(in crate::store) type Written = (Bytes, Option<Bytes>);

/// Entries of a range. Written entries hide stored ones of the same key.
pub(in crate::store) struct Scan<'a> {
    view: &'a View,
    index: &'a Index,
    /// The rest of the range with written entries.
    left: Option<KeyBounds>,
    stored: Entries,
    back: bool,
    waiting: (Option<Written>, Option<KeyValue>),
}

impl Scan<'_> {
    /// The next written entry.
    fn next_written(&mut self) -> Option<Written> {
        let found = self.left.as_ref().and_then(|left| self.view.next_written(left, self.back));
        match (&found, &mut self.left) {
            (Some((key, _)), Some((_, end))) if self.back => *end = Bound::Excluded(key.clone()),
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
                *stored = self.index.next(&mut self.stored, self.back)?;
            }
            let first = match (&written, &stored) {
                (Some((a, _)), Some((b, _))) if self.back => b.cmp(a),
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, _) => std::cmp::Ordering::Greater,
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
