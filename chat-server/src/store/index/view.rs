//! The index as one moment of the store sees it: own writes, then the overlay, then sled.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::Bound;
use std::sync::Arc;

use chat_core::store::Unavailable;
use sled::IVec;

use super::Index;
use crate::store::current::Present;

/// Writes that are not in sled yet: keys with their new values, `None` where they are removed.
pub(in crate::store) type Writes = BTreeMap<IVec, Option<IVec>>;

/// A view of the index.
pub(in crate::store) struct View {
    index: Present,
    /// Groups that are synced and not yet in sled, oldest first.
    overlay: Arc<Vec<Arc<Writes>>>,
    /// What the owner of the view has written itself.
    own: Writes,
}

impl View {
    /// A view without own writes.
    pub(in crate::store) fn new(index: Present, overlay: Arc<Vec<Arc<Writes>>>) -> Self {
        Self { index, overlay, own: Writes::new() }
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
    pub(in crate::store) fn get(&self, key: &[u8]) -> Result<Option<IVec>, Unavailable> {
        if let Some(written) = self.own.get(key) {
            return Ok(written.clone());
        }
        let index = self.index()?;
        index.check()?;
        match self.overlay.iter().rev().find_map(|writes| writes.get(key)) {
            Some(written) => Ok(written.clone()),
            None => index.get(key),
        }
    }

    /// The value of a key as `decode` reads it; one that can't be read is a failure of the index.
    pub(in crate::store) fn get_as<T>(
        &self,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Unavailable> {
        let value = self.get(key)?;
        value.map(|bytes| self.decoded(decode(&bytes))).transpose()
    }

    /// What was decoded, or the failure of an index that holds what can't be.
    pub(in crate::store) fn decoded<T>(&self, decoded: Option<T>) -> Result<T, Unavailable> {
        match decoded {
            Some(decoded) => Ok(decoded),
            None => Err(self.index()?.fail("it holds what no version of this program wrote")),
        }
    }

    /// All entries whose keys begin with `prefix`, by key.
    pub(in crate::store) fn prefix(&self, prefix: &[u8]) -> Result<Scan<'_>, Unavailable> {
        self.range(prefix, &after(prefix))
    }

    /// The entries from `start` to before `end`, by key.
    pub(in crate::store) fn range(&self, start: &[u8], end: &[u8]) -> Result<Scan<'_>, Unavailable> {
        self.scan(start, end, false)
    }

    /// The entries from `start` to before `end`, the last key first.
    pub(in crate::store) fn range_back(&self, start: &[u8], end: &[u8]) -> Result<Scan<'_>, Unavailable> {
        self.scan(start, end, true)
    }

    fn index(&self) -> Result<&Index, Unavailable> {
        self.index.as_deref().map_err(Clone::clone)
    }

    fn scan(&self, start: &[u8], end: &[u8], back: bool) -> Result<Scan<'_>, Unavailable> {
        let mut written = Writes::new();
        if start < end {
            for writes in self.overlay.iter().map(|writes| &**writes).chain([&self.own]) {
                let range = writes.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
                written.extend(range.map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        let index = self.index()?;
        let stored = index.range(start, end)?;
        Ok(Scan { index, written: written.into_iter(), stored, back, waiting: (None, None) })
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

type Written = (IVec, Option<IVec>);

/// Entries of a range, written ones before stored ones of the same key.
pub(in crate::store) struct Scan<'a> {
    index: &'a Index,
    written: btree_map::IntoIter<IVec, Option<IVec>>,
    stored: sled::Iter,
    back: bool,
    waiting: (Option<Written>, Option<(IVec, IVec)>),
}

impl Scan<'_> {
    fn step(&mut self) -> Result<Option<(IVec, IVec)>, Unavailable> {
        loop {
            let (written, stored) = &mut self.waiting;
            if written.is_none() {
                *written = if self.back { self.written.next_back() } else { self.written.next() };
            }
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
    type Item = Result<(IVec, IVec), Unavailable>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
