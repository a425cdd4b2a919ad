//! A layer of the memtable, and a reader's snapshot of all layers.

use std::collections::{BTreeMap, HashMap, btree_map, hash_map};
use std::mem;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use chat_core::store::Position;

use super::messages::ConversationMessages;
use crate::store::index::backend::Bytes;
use crate::store::index::view::{KeyBounds, Writes, Written, first_of, next_of};
use crate::store::keys;

/// The writes of some groups.
#[derive(Default, Debug)]
pub(in crate::store) struct Layer(RwLock<LayerEntries>);

#[derive(Default, Debug)]
struct LayerEntries {
    ordered: BTreeMap<Bytes, Versions>,
    /// Messages by conversation. No range is larger than a conversation, and nearly all messages
    /// come in order.
    messages: HashMap<Bytes, ConversationMessages>,
    /// Client message ids. They are as many as all other keys together, are read one by one, and
    /// need no order. A hash map finds them at a fraction of the cost.
    originals: HashMap<Bytes, Versions>,
}

/// The values of a key, with their positions.
#[derive(Debug)]
pub(super) struct Versions {
    newest: Write,
    /// Earlier values, oldest first: one per group of the layer that wrote the key.
    older: Vec<Write>,
}

/// A value, with the position of its group.
pub(super) type Write = (Position, Option<Bytes>);

impl Layer {
    /// An empty layer with the capacity of this one. The next layer is seldom larger.
    pub(super) fn another(&self) -> Self {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let originals = HashMap::with_capacity(entries.originals.len());
        Self(RwLock::new(LayerEntries { originals, ..LayerEntries::default() }))
    }

    pub(super) fn write(&self, writes: Writes, position: Position) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in writes {
            entries.write(key, (position, value));
        }
    }

    /// Passes each key with its newest value: first all others by key, then messages by
    /// conversation, then client message ids in no order.
    pub(in crate::store) fn show<T>(
        &self,
        to: impl for<'a> FnOnce(&mut dyn Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>) -> T,
    ) -> T {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let messages = entries.messages.values().flat_map(ConversationMessages::iter);
        let all = entries.ordered.iter().chain(messages).chain(&entries.originals);
        to(&mut all.map(|(key, versions)| (key, &versions.newest.1)))
    }
}

impl LayerEntries {
    fn write(&mut self, key: Bytes, newest: Write) {
        if key.starts_with(keys::ORIGINALS) {
            match self.originals.entry(key) {
                hash_map::Entry::Vacant(vacant) => drop(vacant.insert(Versions::of(newest))),
                hash_map::Entry::Occupied(mut versions) => versions.get_mut().replace(newest),
            }
        } else if let Some(conversation) = keys::messages_of(&key) {
            match self.messages.get_mut(conversation) {
                Some(messages) => messages.write(key, newest),
                None => {
                    drop(self.messages.insert(conversation.into(), ConversationMessages::of(key, newest)));
                }
            }
        } else {
            match self.ordered.entry(key) {
                btree_map::Entry::Vacant(vacant) => drop(vacant.insert(Versions::of(newest))),
                btree_map::Entry::Occupied(mut versions) => versions.get_mut().replace(newest),
            }
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Versions> {
        if key.starts_with(keys::ORIGINALS) {
            return self.originals.get(key);
        }
        match keys::messages_of(key) {
            Some(conversation) => self.messages.get(conversation)?.get(key),
            None => self.ordered.get(key),
        }
    }

    /// The first or last key of a range that was written by `position`.
    fn next(&self, left: &KeyBounds, back: bool, position: Position) -> Option<Written> {
        let written = |versions: &Versions| versions.at(position);
        match keys::messages_of(start_of(left)) {
            Some(conversation) => next_of(self.messages.get(conversation)?.range(left), back, written),
            None => next_of(self.ordered.range(left.clone()), back, written),
        }
    }
}

/// The start of a range.
fn start_of((start, _): &KeyBounds) -> &[u8] {
    match start {
        Bound::Included(key) | Bound::Excluded(key) => key,
        Bound::Unbounded => &[],
    }
}

impl Versions {
    pub(super) fn of(newest: Write) -> Self {
        Self { newest, older: Vec::new() }
    }

    pub(super) fn replace(&mut self, newest: Write) {
        self.older.push(mem::replace(&mut self.newest, newest));
    }

    /// The value at a position.
    pub(super) fn at(&self, position: Position) -> Option<Option<Bytes>> {
        let mut versions = [&self.newest].into_iter().chain(self.older.iter().rev());
        versions.find(|(since, _)| *since <= position).map(|(_, value)| value.clone())
    }
}

/// The memtable as of a position.
#[derive(Clone, Default, Debug)]
pub(in crate::store) struct MemTableSnapshot {
    pub(super) position: Position,
    /// The active layer first.
    pub(super) layers: [Arc<Layer>; 2],
}

impl MemTableSnapshot {
    /// The position.
    pub(in crate::store) fn position(&self) -> Position {
        self.position
    }

    /// The value written under a key.
    pub(in crate::store) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.layers.iter().find_map(|layer| {
            let entries = layer.0.read().unwrap_or_else(PoisonError::into_inner);
            entries.get(key).and_then(|versions| versions.at(self.position))
        })
    }

    /// The first or last written key of a range. Client message ids are in no range, and messages
    /// only in a range within their conversation.
    pub(in crate::store) fn next(&self, left: &KeyBounds, back: bool) -> Option<Written> {
        let [active, frozen] = self.layers.each_ref().map(|layer| {
            let entries = layer.0.read().unwrap_or_else(PoisonError::into_inner);
            entries.next(left, back, self.position)
        });
        first_of(active, frozen, back)
    }
}
