//! The messages of a conversation in a layer.

use std::ops::Bound;

use super::layer::{Versions, Write};
use crate::store::index::backend::Bytes;
use crate::store::index::view::KeyBounds;

/// Messages by key. They arrive in the order of their numbers, and are appended.
#[derive(Debug)]
pub(super) struct ConversationMessages(Vec<(Bytes, Versions)>);

impl ConversationMessages {
    /// A conversation with its first message.
    pub(super) fn of(key: Bytes, newest: Write) -> Self {
        Self(vec![(key, Versions::of(newest))])
    }

    /// Adds a message, or another version of one.
    pub(super) fn write(&mut self, key: Bytes, newest: Write) {
        let at = match self.0.last() {
            Some((last, _)) if *last < key => self.0.len(),
            _ => self.0.partition_point(|(other, _)| *other < key),
        };
        match self.0.get_mut(at) {
            Some((same, versions)) if *same == key => versions.replace(newest),
            _ => self.0.insert(at, (key, Versions::of(newest))),
        }
    }

    /// The versions of a message.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Versions> {
        let at = self.0.binary_search_by(|(other, _)| other[..].cmp(key)).ok()?;
        self.0.get(at).map(|(_, versions)| versions)
    }

    /// All messages.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Bytes, &Versions)> {
        self.0.iter().map(|(key, versions)| (key, versions))
    }

    /// The messages in a range.
    pub(super) fn range(
        &self,
        (start, end): &KeyBounds,
    ) -> impl DoubleEndedIterator<Item = (&Bytes, &Versions)> {
        let (mut first, mut behind) = (0, self.0.len());
        match start {
            Bound::Included(start) => first = self.0.partition_point(|(key, _)| key < start),
            Bound::Excluded(start) => first = self.0.partition_point(|(key, _)| key <= start),
            Bound::Unbounded => {}
        }
        match end {
            Bound::Included(end) => behind = self.0.partition_point(|(key, _)| key <= end),
            Bound::Excluded(end) => behind = self.0.partition_point(|(key, _)| key < end),
            Bound::Unbounded => {}
        }
        let within = self.0.get(first..behind).unwrap_or_default();
        within.iter().map(|(key, versions)| (key, versions))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ops::RangeBounds as _;

    use chat_core::store::Position;

    use super::*;

    fn key(seq: u8) -> Bytes {
        (&[b'm', 0xff, seq]).into()
    }

    #[test]
    fn they_are_found_by_key_and_by_range_as_in_a_map_whatever_order_they_come_in() {
        let (mut messages, mut map) =
            (ConversationMessages::of(key(4), (Position(0), None)), BTreeMap::new());
        map.insert(key(4), None);
        for (position, seq) in (1..).zip([6, 8, 2, 6, 10, 4]) {
            let value = Some(Bytes::from(&[seq]));
            messages.write(key(seq), (Position(position), value.clone()));
            map.insert(key(seq), value);
        }
        let newest = |versions: &Versions| versions.at(Position(99)).unwrap();
        assert!(
            messages
                .iter()
                .map(|(key, versions)| (key, newest(versions)))
                .eq(map.clone().iter().map(|(key, value)| (key, value.clone())))
        );
        let bounds = (0..12).flat_map(|seq| [Bound::Included(key(seq)), Bound::Excluded(key(seq))]);
        let bounds: Vec<_> = bounds.chain([Bound::Unbounded]).collect();
        for start in &bounds {
            for end in &bounds {
                let within = map.keys().filter(|key| (start.as_ref(), end.as_ref()).contains(key));
                let range = (start.clone(), end.clone());
                assert!(messages.range(&range).map(|(key, _)| key).eq(within), "{range:?}");
            }
        }
        for seq in 0..12 {
            assert_eq!(messages.get(&key(seq)).map(newest), map.get(&key(seq)).cloned());
        }
        assert_eq!(messages.get(&key(6)).unwrap().at(Position(3)), Some(Some((&[6]).into())), "an older one");
        assert_eq!(messages.get(&key(6)).unwrap().at(Position(0)), None);
    }
}
