//! Newcomers of one stage, by group and age.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::AddressGroup;

/// Newcomers with a value each, numbered by age. Every operation takes logarithmic time, because a
/// flood causes one for each connection.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    members: BTreeMap<AddressGroup, BTreeMap<u64, T>>,
    ranking: BTreeSet<Rank>,
    len: usize,
}

/// The order of eviction, from the end: limited groups before exempt ones, larger before smaller,
/// and of equal groups the one with the oldest member first.
type Rank = (bool, usize, Reverse<u64>, AddressGroup);

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), ranking: BTreeSet::new(), len: 0 }
    }
}

impl<T> Crowd<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn len_of(&self, group: AddressGroup) -> usize {
        self.members.get(&group).map_or(0, BTreeMap::len)
    }

    pub(super) fn insert(&mut self, group: AddressGroup, number: u64, value: T) {
        self.change(group, |members| members.insert(number, value));
    }

    pub(super) fn remove(&mut self, group: AddressGroup, number: u64) -> Option<T> {
        self.change(group, |members| members.remove(&number))
    }

    /// The number of the oldest member of a group.
    pub(super) fn oldest_of(&self, group: AddressGroup) -> Option<u64> {
        self.members.get(&group)?.first_key_value().map(|(number, _)| *number)
    }

    /// The oldest member of the largest group.
    pub(super) fn oldest_of_most(&self) -> Option<(AddressGroup, u64)> {
        self.ranking.last().map(|&(_, _, Reverse(number), group)| (group, number))
    }

    /// The oldest member of the smallest group; exempt groups come first.
    pub(super) fn oldest_of_fewest(&self) -> Option<(AddressGroup, u64)> {
        self.ranking.first().map(|&(_, _, Reverse(number), group)| (group, number))
    }

    fn change<R>(&mut self, group: AddressGroup, change: impl FnOnce(&mut BTreeMap<u64, T>) -> R) -> R {
        let members = self.members.entry(group).or_default();
        if let Some(rank) = rank(group, members) {
            self.ranking.remove(&rank);
        }
        let before = members.len();
        let result = change(members);
        self.len = self.len - before + members.len();
        match rank(group, members) {
            Some(rank) => drop(self.ranking.insert(rank)),
            None => drop(self.members.remove(&group)),
        }
        result
    }
}

fn rank<T>(group: AddressGroup, members: &BTreeMap<u64, T>) -> Option<Rank> {
    let (oldest, _) = members.first_key_value()?;
    Some((group.is_limited, members.len(), Reverse(*oldest), group))
}
