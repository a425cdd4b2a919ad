//! The index as a snapshot of the store sees it: own writes, then the memtable, then sled.

use std::collections::BTreeMap;
use std::ops::Bound;

use chat_core::store::UnavailableError;
use sled::IVec;

use super::Index;
use crate::store::read::index_slot::Present;
use crate::store::write::memtable::MemTableSnapshot;

/// Writes that are not in sled yet: keys with their new values, `None` where they are removed.
pub(in crate::store) type Writes = BTreeMap<IVec, Option<IVec>>;

/// What is left of a range.
pub(in crate::store) type KeyBounds = (Bound<IVec>, Bound<IVec>);

/// A view of the index.
pub(in crate::store) struct View {
    index: Present,
    /// Groups that are synced and not yet in sled.
    memtable: MemTableSnapshot,
    /// What the owner of the view has written itself.
    own: Writes,
}

impl View {
    /// A view without own writes.
    pub(in crate::store) fn new(index: Present, memtable: MemTableSnapshot) -> Self {
        Self { index, memtable, own: Writes::new() }
    }

    /// Writes a value. It is seen by this view alone.
    pub(in crate::store) fn put(&mut self, key: Vec<u8>, value: impl Into<IVec>) {
        self.own.insert(key.into(), Some(value.into()));
    }

    /// Removes a key. It is seen by this view alone.
    pub(in crate::store) fn remove(&mut self, key: Vec<u8>) {
        self.own.insert(key.into(), None);
    }

    /// Number of own writes.
    pub(in crate::store) fn writes(&self) -> usize {
        self.own.len()
    }

    /// Takes the own writes out.
    pub(in crate::store) fn take_writes(&mut self) -> Writes {
        std::mem::take(&mut self.own)
    }

    /// The value of a key.
    pub(in crate::store) fn get(&self, key: &[u8]) -> Result<Option<IVec>, UnavailableError> {
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

    /// The value of a key as `decode` reads it; one that can't be read is a failure of the index.
    pub(in crate::store) fn get_as<T>(
        &self,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, UnavailableError> {
        let value = self.get(key)?;
        value.map(|bytes| self.decoded(decode(&bytes))).transpose()
    }

    /// What was decoded, or the failure of an index that holds what can't be.
    pub(in crate::store) fn decoded<T>(&self, decoded: Option<T>) -> Result<T, UnavailableError> {
        match decoded {
            Some(decoded) => Ok(decoded),
            None => Err(self.index()?.fail("it holds what no version of this program wrote")),
        }
    }

    /// All entries whose keys begin with `prefix`, by key.
    pub(in crate::store) fn prefix(&self, prefix: &[u8]) -> Result<Scan<'_>, UnavailableError> {
        self.range(prefix, &after(prefix))
    }

    /// The entries from `start` to before `end`, by key.
    pub(in crate::store) fn range(&self, start: &[u8], end: &[u8]) -> Result<Scan<'_>, UnavailableError> {
        self.scan(start, end, false)
    }

    /// The entries from `start` to before `end`, the last key first.
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

    /// The next key of a range that is written and not in sled.
    fn next_written(&self, left: &KeyBounds, back: bool) -> Option<Written> {
        let own = next_of(self.own.range(left.clone()), back, |value| Some(value.clone()));
        first_of(own, self.memtable.next(left, back), back)
    }
}

/// The next entry of a range that `pick` gives a value for.
pub(in crate::store) fn next_of<'a, T: 'a>(
    mut range: impl DoubleEndedIterator<Item = (&'a IVec, &'a T)>,
    back: bool,
    pick: impl Fn(&T) -> Option<Option<IVec>>,
) -> Option<Written> {
    let pick = |(key, value): (&IVec, &T)| Some((key.clone(), pick(value)?));
    if back { range.rev().find_map(pick) } else { range.find_map(pick) }
}

/// Which of two comes first; the first one if they have the same key.
pub(in crate::store) fn first_of(a: Option<Written>, b: Option<Written>, back: bool) -> Option<Written> {
    match (a, b) {
        (Some(a), Some(b)) if (a.0 < b.0) != back || a.0 == b.0 => Some(a),
        (Some(_), Some(b)) => Some(b),
        (a, b) => a.or(b),
    }
}

/// What follows all keys that begin with `prefix`.
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

/// A key that is written, with its new value.
pub(in crate::store) type Written = (IVec, Option<IVec>);

/// Entries of a range, written ones before stored ones of the same key.
pub(in crate::store) struct Scan<'a> {
    view: &'a View,
    index: &'a Index,
    /// Where written ones may still be.
    left: Option<KeyBounds>,
    stored: sled::Iter,
    back: bool,
    waiting: (Option<Written>, Option<(IVec, IVec)>),
}

impl Scan<'_> {
    /// The next written one.
    fn next_written(&mut self) -> Option<Written> {
        let found = self.left.as_ref().and_then(|left| self.view.next_written(left, self.back));
        match (&found, &mut self.left) {
            (Some((key, _)), Some((_, end))) if self.back => *end = Bound::Excluded(key.clone()),
            (Some((key, _)), Some((start, _))) => *start = Bound::Excluded(key.clone()),
            _ => self.left = None,
        }
        found
    }

    fn step(&mut self) -> Result<Option<(IVec, IVec)>, UnavailableError> {
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
    type Item = Result<(IVec, IVec), UnavailableError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
