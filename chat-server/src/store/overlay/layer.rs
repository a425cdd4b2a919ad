//! A layer of the overlay, and how a reader sees its layers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

use chat_core::store::Position;
use sled::IVec;

use crate::store::index::view::{Bounds, Writes, Written, first_of, next_of};

/// Writes of some groups.
#[derive(Default, Debug)]
pub(in crate::store) struct Layer(RwLock<BTreeMap<IVec, Versions>>);

/// What was written under a key, and after which group.
#[derive(Debug)]
struct Versions {
    newest: (Position, Option<IVec>),
    /// Oldest first: as many as the groups of a layer wrote it before.
    older: Vec<(Position, Option<IVec>)>,
}

impl Layer {
    pub(super) fn write(&self, writes: Writes, position: Position) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in writes {
            let newest = (position, value);
            match map.entry(key) {
                Entry::Vacant(vacant) => drop(vacant.insert(Versions { newest, older: Vec::new() })),
                Entry::Occupied(mut versions) => versions.get_mut().replace(newest),
            }
        }
    }

    /// Shows each key with its newest value, by their keys.
    pub(in crate::store) fn show<T>(
        &self,
        to: impl for<'a> FnOnce(&mut dyn Iterator<Item = (&'a IVec, &'a Option<IVec>)>) -> T,
    ) -> T {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        to(&mut map.iter().map(|(key, versions)| (key, &versions.newest.1)))
    }
}

impl Versions {
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
            let map = layer.0.read().unwrap_or_else(PoisonError::into_inner);
            map.get(key).and_then(|versions| versions.at(self.position))
        })
    }

    /// The first key of a range that was written, or the last.
    pub(in crate::store) fn next(&self, left: &Bounds, back: bool) -> Option<Written> {
        let [young, ripe] = self.layers.each_ref().map(|layer| {
            let map = layer.0.read().unwrap_or_else(PoisonError::into_inner);
            next_of(&map, left, back, |versions| versions.at(self.position))
        });
        first_of(young, ripe, back)
    }
}
