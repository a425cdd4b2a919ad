//! A layer of the memtable, and a reader's snapshot of all layers.

use std::collections::{BTreeMap, HashMap, btree_map};
use std::mem;
use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use chat_core::id::ConversationId;
use chat_core::store::Position;

use super::messages::ConversationMessages;
use crate::store::index::backend::Bytes;
use crate::store::index::view::{KeyBounds, Written, first_of};
use crate::store::index::writes::{IndexBatch, Writes};
use crate::store::values::MessageValue;
use crate::store::write::journal::Location;

/// The writes of some groups.
#[derive(Default, Debug)]
pub(in crate::store) struct Layer(RwLock<LayerEntries>);

#[derive(Default, Debug)]
struct LayerEntries {
    rows: BTreeMap<Bytes, Versions>,
    messages: HashMap<ConversationId, ConversationMessages>,
    client_ids: HashMap<Bytes, (Position, Location)>,
}

/// The values of a row, with their positions.
#[derive(Debug)]
struct Versions {
    newest: Write,
    /// Earlier values, oldest first: one per group of the layer that wrote the row.
    older: Vec<Write>,
}

/// A value, with the position of its group.
type Write = (Position, Option<Bytes>);

impl Layer {
    /// An empty layer with the capacity of this one. The next layer is seldom larger.
    pub(super) fn another(&self) -> Self {
        let client_ids = HashMap::with_capacity(self.entries().client_ids.len());
        Self(RwLock::new(LayerEntries { client_ids, ..LayerEntries::default() }))
    }

    pub(super) fn write(&self, Writes { rows, messages, client_ids }: Writes, position: Position) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in rows {
            match entries.rows.entry(key) {
                btree_map::Entry::Vacant(vacant) => drop(vacant.insert(Versions::of((position, value)))),
                btree_map::Entry::Occupied(mut versions) => versions.get_mut().replace((position, value)),
            }
        }
        for ((conversation, seq), message) in messages {
            entries.messages.entry(conversation).or_default().push(seq, position, message);
        }
        let client_ids = client_ids.into_iter().map(|(key, location)| (key, (position, location)));
        entries.client_ids.extend(client_ids);
    }

    /// All writes of the layer, each row with its newest value.
    pub(in crate::store) fn batch(&self) -> IndexBatch {
        let entries = self.entries();
        let mut batch = IndexBatch::default();
        for (key, versions) in &entries.rows {
            batch.row(key.clone(), versions.newest.1.clone());
        }
        for (conversation, messages) in &entries.messages {
            messages.iter().for_each(|(seq, message)| batch.message(conversation, seq, message));
        }
        for (key, (_, location)) in &entries.client_ids {
            batch.client_id(key.clone(), *location);
        }
        batch
    }

    fn entries(&self) -> RwLockReadGuard<'_, LayerEntries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LayerEntries {
    /// The first row of a range that was written by `position`.
    fn next_row(&self, left: &KeyBounds, position: Position) -> Option<Written> {
        let mut rows = self.rows.range(left.clone());
        rows.find_map(|(key, versions)| Some((key.clone(), versions.at(position)?)))
    }
}

impl Versions {
    fn of(newest: Write) -> Self {
        Self { newest, older: Vec::new() }
    }

    fn replace(&mut self, newest: Write) {
        self.older.push(mem::replace(&mut self.newest, newest));
    }

    /// The value at a position.
    fn at(&self, position: Position) -> Option<Option<Bytes>> {
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

    /// The value written to a row.
    pub(in crate::store) fn row(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.layers.iter().find_map(|layer| layer.entries().rows.get(key)?.at(self.position))
    }

    /// The first written row of a range.
    pub(in crate::store) fn next_row(&self, left: &KeyBounds) -> Option<Written> {
        let [active, frozen] =
            self.layers.each_ref().map(|layer| layer.entries().next_row(left, self.position));
        first_of(active, frozen)
    }

    /// The first or the newest written message of a range.
    pub(in crate::store) fn message(
        &self,
        conversation: &ConversationId,
        seqs: &RangeInclusive<u64>,
        newest: bool,
    ) -> Option<(u64, MessageValue)> {
        let find = |layer: &Arc<Layer>| {
            layer.entries().messages.get(conversation)?.find(seqs, newest, self.position)
        };
        let [active, frozen] = &self.layers;
        if newest { find(active).or_else(|| find(frozen)) } else { find(frozen).or_else(|| find(active)) }
    }

    /// The location written under the key of a client message id.
    pub(in crate::store) fn client_id(&self, key: &[u8]) -> Option<Location> {
        self.layers.iter().find_map(|layer| {
            let (written, location) = *layer.entries().client_ids.get(key)?;
            (written <= self.position).then_some(location)
        })
    }
}
