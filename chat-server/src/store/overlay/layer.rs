//! A layer of the overlay, and how a reader sees its layers.

use std::collections::{BTreeMap, HashMap, btree_map, hash_map};
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

use chat_core::store::Position;
use sled::IVec;

use crate::store::index::view::{Bounds, Writes, Written, first_of, next_of};
use crate::store::keys;

/// Writes of some groups.
#[derive(Default, Debug)]
pub(in crate::store) struct Layer(RwLock<Entries>);

#[derive(Default, Debug)]
struct Entries {
    ordered: BTreeMap<IVec, Versions>,
    /// Client message ids. They are asked for one by one and have no order; as many as all others together, they are found
    /// at a fraction of the cost.
    originals: HashMap<IVec, Versions>,
}

/// What was written under a key, and after which group.
#[derive(Debug)]
struct Versions {
    newest: (Position, Option<IVec>),
    /// Oldest first: as many as the groups of a layer wrote it before.
    older: Vec<(Position, Option<IVec>)>,
}

impl Layer {
    pub(super) fn write(&self, writes: Writes, position: Position) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in writes {
            entries.write(key, (position, value));
        }
    }

    /// Shows each key with its newest value, by their keys; client message ids in no order, after the others.
    pub(in crate::store) fn show<T>(
        &self,
        to: impl for<'a> FnOnce(&mut dyn Iterator<Item = (&'a IVec, &'a Option<IVec>)>) -> T,
    ) -> T {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let all = entries.ordered.iter().chain(&entries.originals);
        to(&mut all.map(|(key, versions)| (key, &versions.newest.1)))
    }
}

impl Entries {
    fn write(&mut self, key: IVec, newest: (Position, Option<IVec>)) {
        match key.starts_with(keys::ORIGINALS) {
            true => match self.originals.entry(key) {
                hash_map::Entry::Vacant(vacant) => drop(vacant.insert(Versions::of(newest))),
                hash_map::Entry::Occupied(mut versions) => versions.get_mut().replace(newest),
            },
            false => match self.ordered.entry(key) {
                btree_map::Entry::Vacant(vacant) => drop(vacant.insert(Versions::of(newest))),
                btree_map::Entry::Occupied(mut versions) => versions.get_mut().replace(newest),
            },
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Versions> {
        match key.starts_with(keys::ORIGINALS) {
            true => self.originals.get(key),
            false => self.ordered.get(key),
        }
    }
}

impl Versions {
    fn of(newest: (Position, Option<IVec>)) -> Self {
        Self { newest, older: Vec::new() }
    }

    fn replace(&mut self, newest: (Position, Option<IVec>)) {
        self.older.push(mem::replace(&mut self.newest, newest));
    }

    /// What stood there at a position.
    fn at(&self, position: Position) -> Option<Option<IVec>> {
        let mut versions = [&self.newest].into_iter().chain(self.older.iter().rev());
        versions.find(|(since, _)| *since <= position).map(|(_, value)| value.clone())
    }
}

/// The overlay as it was at a position.
#[derive(Clone, Default, Debug)]
pub(in crate::store) struct Snapshot {
    pub(super) position: Position,
    /// The younger one first.
    pub(super) layers: [Arc<Layer>; 2],
}

impl Snapshot {
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

    /// The first key of a range that was written, or the last. Client message ids are in no range.
    pub(in crate::store) fn next(&self, left: &Bounds, back: bool) -> Option<Written> {
        let [young, ripe] = self.layers.each_ref().map(|layer| {
            let entries = layer.0.read().unwrap_or_else(PoisonError::into_inner);
            next_of(&entries.ordered, left, back, |versions| versions.at(self.position))
        });
        first_of(young, ripe, back)
    }
}
