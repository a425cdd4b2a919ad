//! A layer of the memtable, and how a reader sees its layers.

use std::collections::{BTreeMap, HashMap, btree_map, hash_map};
use std::mem;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use chat_core::store::Position;
use sled::IVec;

use super::messages::ConversationMessages;
use crate::store::index::view::{KeyBounds, Writes, Written, first_of, next_of};
use crate::store::keys;

/// Writes of some groups.
#[derive(Default, Debug)]
pub(in crate::store) struct Layer(RwLock<LayerEntries>);

#[derive(Default, Debug)]
struct LayerEntries {
    ordered: BTreeMap<IVec, Versions>,
    /// ConversationMessages of each conversation. They are asked for in no larger range, and nearly all come one behind the other.
    messages: HashMap<IVec, ConversationMessages>,
    /// Client message ids. They are asked for one by one and have no order; as many as all others together, they are found
    /// at a fraction of the cost.
    originals: HashMap<IVec, Versions>,
}

/// What was written under a key, and after which group.
#[derive(Debug)]
pub(super) struct Versions {
    newest: Write,
    /// Oldest first: as many as the groups of a layer wrote it before.
    older: Vec<Write>,
}

/// What was written, and with which group.
pub(super) type Write = (Position, Option<IVec>);

impl Layer {
    /// An empty layer with room for as much as is in this one: the next is seldom larger.
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

    /// Shows each key with its newest value, by their keys; those of messages conversation by conversation, after the
    /// others, and client message ids in no order, after these.
    pub(in crate::store) fn show<T>(
        &self,
        to: impl for<'a> FnOnce(&mut dyn Iterator<Item = (&'a IVec, &'a Option<IVec>)>) -> T,
    ) -> T {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let messages = entries.messages.values().flat_map(ConversationMessages::iter);
        let all = entries.ordered.iter().chain(messages).chain(&entries.originals);
        to(&mut all.map(|(key, versions)| (key, &versions.newest.1)))
    }
}

impl LayerEntries {
    fn write(&mut self, key: IVec, newest: Write) {
        if key.starts_with(keys::ORIGINALS) {
            match self.originals.entry(key) {
                hash_map::Entry::Vacant(vacant) => drop(vacant.insert(Versions::of(newest))),
                hash_map::Entry::Occupied(mut versions) => versions.get_mut().replace(newest),
            }
        } else if let Some(conversation) = keys::messages_of(&key) {
            match self.messages.get_mut(conversation) {
                Some(messages) => messages.write(key, newest),
                None => {
                    drop(self.messages.insert(conversation.into(), ConversationMessages::of(key, newest)))
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

    /// The first key of a range that was written by then, or the last.
    fn next(&self, left: &KeyBounds, back: bool, position: Position) -> Option<Written> {
        let written = |versions: &Versions| versions.at(position);
        match keys::messages_of(start_of(left)) {
            Some(conversation) => next_of(self.messages.get(conversation)?.range(left), back, written),
            None => next_of(self.ordered.range(left.clone()), back, written),
        }
    }
}

/// Where a range begins.
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

    /// What stood there at a position.
    pub(super) fn at(&self, position: Position) -> Option<Option<IVec>> {
        let mut versions = [&self.newest].into_iter().chain(self.older.iter().rev());
        versions.find(|(since, _)| *since <= position).map(|(_, value)| value.clone())
    }
}

/// The memtable as it was at a position.
#[derive(Clone, Default, Debug)]
pub(in crate::store) struct MemTableSnapshot {
    pub(super) position: Position,
    /// The younger one first.
    pub(super) layers: [Arc<Layer>; 2],
}

impl MemTableSnapshot {
    /// The position.
    pub(in crate::store) fn position(&self) -> Position {
        self.position
    }

    /// What was written under a key.
    pub(in crate::store) fn get(&self, key: &[u8]) -> Option<Option<IVec>> {
        self.layers.iter().find_map(|layer| {
            let entries = layer.0.read().unwrap_or_else(PoisonError::into_inner);
            entries.get(key).and_then(|versions| versions.at(self.position))
        })
    }

    /// The first key of a range that was written, or the last. Client message ids are in no range, and messages in one of
    /// their conversation alone.
    pub(in crate::store) fn next(&self, left: &KeyBounds, back: bool) -> Option<Written> {
        let [active, frozen] = self.layers.each_ref().map(|layer| {
            let entries = layer.0.read().unwrap_or_else(PoisonError::into_inner);
            entries.next(left, back, self.position)
        });
        first_of(active, frozen, back)
    }
}
