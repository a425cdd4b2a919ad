//! A bounded cache of values by id, whose changes can be taken back.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

use chat_core::store::UnavailableError;

/// Recently used values, in two generations. The older generation is dropped when the younger one
/// is full.
#[derive(Debug)]
pub(super) struct UndoCache<K, V> {
    /// Most values of a generation.
    most: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// Previous values of ids changed since [`keep`](Self::keep), oldest change first. A batch
    /// bounds their number.
    before: Vec<(K, Option<V>)>,
}

impl<K: Clone + Eq + Hash, V: Clone> UndoCache<K, V> {
    /// An empty cache of at most `most` values.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most / 2, young: HashMap::new(), old: HashMap::new(), before: Vec::new() }
    }

    /// The value of an id, from `read` if it is not in the cache.
    pub(super) fn get(
        &mut self,
        id: &K,
        read: impl FnOnce() -> Result<Option<V>, UnavailableError>,
    ) -> Result<Option<V>, UnavailableError> {
        if let Some(value) = self.young.get(id) {
            return Ok(Some(value.clone()));
        }
        let value = match self.old.remove(id) {
            Some(value) => Some(value),
            None => read()?,
        };
        if let Some(value) = &value {
            self.remember(id, value.clone());
        }
        Ok(value)
    }

    /// Sets the value of an id.
    pub(super) fn set(&mut self, id: &K, value: V) {
        let before = if let Some(known) = self.young.get_mut(id) {
            Some(mem::replace(known, value))
        } else {
            let before = self.old.remove(id);
            self.remember(id, value);
            before
        };
        self.before.push((id.clone(), before));
    }

    /// Confirms all changes so far.
    pub(super) fn keep(&mut self) {
        self.before.clear();
    }

    /// Takes back all changes since [`keep`](Self::keep).
    pub(super) fn undo(&mut self) {
        while let Some((id, value)) = self.before.pop() {
            self.old.remove(&id);
            match value {
                Some(value) => self.remember(&id, value),
                None => drop(self.young.remove(&id)),
            }
        }
    }

    fn remember(&mut self, id: &K, value: V) {
        if self.young.len() >= self.most {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(id.clone(), value);
    }
}
