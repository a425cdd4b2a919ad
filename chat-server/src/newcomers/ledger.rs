//! The places of newcomers, and the order of eviction. Without clocks or sockets.

use std::collections::BTreeMap;

use super::{AddressGroup, Crowd};

/// The progress of a newcomer, in the order of eviction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Answered or refused, and still to be closed.
    Leaving,
    /// Has not sent a complete request.
    Silent,
    /// Its token is being verified.
    Asking,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Leaving, Self::Silent, Self::Asking];
}

/// The limits on places.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewcomerLimits {
    /// All newcomers.
    pub(super) all: usize,
    /// Newcomers of one limited group.
    pub(super) of_group: usize,
    /// Newcomers in [`Stage::Leaving`].
    pub(super) leaving: usize,
}

/// The reason for an eviction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Cause {
    /// All places were taken.
    Full,
    /// All places of the group were taken.
    Group,
    /// Too many newcomers were leaving.
    Leaving,
}

/// An evicted newcomer.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Evicted<T> {
    pub(super) value: T,
    pub(super) group: AddressGroup,
    pub(super) cause: Cause,
}

/// Newcomers by stage, group and age, with a value each.
///
/// At a limit, the oldest member of the largest group is evicted: first among leaving newcomers,
/// then among silent ones, then among the rest. A client with a single place therefore keeps that
/// place unless there are as many groups as places.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    bounds: NewcomerLimits,
    stages: [Crowd<T>; 3],
    known: BTreeMap<u64, (Stage, AddressGroup)>,
    next: u64,
}

impl<T> Ledger<T> {
    pub(super) fn new(bounds: NewcomerLimits) -> Self {
        let stages = Stage::ALL.map(|_| Crowd::default());
        Self { bounds, stages, known: BTreeMap::new(), next: 0 }
    }

    /// The number of all newcomers.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Sets the limit on all newcomers. Takes effect with the next one.
    pub(super) fn bound(&mut self, all: usize) {
        self.bounds.all = all;
    }

    /// Gives a silent newcomer a place. Returns its number, and the newcomer evicted for it.
    pub(super) fn enter(&mut self, group: AddressGroup, value: T) -> (u64, Option<Evicted<T>>) {
        let evicted = self.make_room_in(group).or_else(|| self.make_room());
        let number = self.next;
        self.next += 1;
        self.put(number, Stage::Silent, group, value);
        (number, evicted)
    }

    /// Sets the stage of a newcomer, and its group if one is given. Has no effect after an
    /// eviction.
    pub(super) fn advance(
        &mut self,
        number: u64,
        stage: Stage,
        group: Option<AddressGroup>,
    ) -> Option<Evicted<T>> {
        let (value, before) = self.take(number)?;
        let group = group.unwrap_or(before);
        let mut evicted = None;
        if group != before {
            evicted = self.make_room_in(group);
        }
        if stage == Stage::Leaving && self.stage(stage).len() >= self.bounds.leaving {
            evicted = evicted.or_else(|| self.evict_most(stage, Cause::Leaving));
        }
        self.put(number, stage, group, value);
        evicted
    }

    /// The group that a newcomer counts for, if it still has its place.
    pub(super) fn group_of(&self, number: u64) -> Option<AddressGroup> {
        self.known.get(&number).map(|(_, group)| *group)
    }

    /// Frees a newcomer's place, if still held.
    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        self.take(number).map(|(value, _)| value)
    }

    /// Evicts one newcomer, whatever the limits.
    pub(super) fn evict(&mut self) -> Option<Evicted<T>> {
        Stage::ALL.into_iter().find_map(|stage| self.evict_most(stage, Cause::Full))
    }

    fn make_room(&mut self) -> Option<Evicted<T>> {
        if self.len() < self.bounds.all { None } else { self.evict() }
    }

    fn make_room_in(&mut self, group: AddressGroup) -> Option<Evicted<T>> {
        let held: usize = self.stages.iter().map(|crowd| crowd.len_of(group)).sum();
        if !group.is_limited || held < self.bounds.of_group {
            return None;
        }
        let number = self.stages.iter().find_map(|crowd| crowd.oldest_of(group))?;
        self.take(number).map(|(value, group)| Evicted { value, group, cause: Cause::Group })
    }

    fn evict_most(&mut self, stage: Stage, cause: Cause) -> Option<Evicted<T>> {
        let (_, number) = self.stage(stage).oldest_of_most()?;
        self.take(number).map(|(value, group)| Evicted { value, group, cause })
    }

    fn put(&mut self, number: u64, stage: Stage, group: AddressGroup, value: T) {
        self.known.insert(number, (stage, group));
        self.stage(stage).insert(group, number, value);
    }

    fn take(&mut self, number: u64) -> Option<(T, AddressGroup)> {
        let (stage, group) = self.known.remove(&number)?;
        self.stage(stage).remove(group, number).map(|value| (value, group))
    }

    fn stage(&mut self, stage: Stage) -> &mut Crowd<T> {
        &mut self.stages[stage as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const BOUNDS: NewcomerLimits = NewcomerLimits { all: 6, of_group: 4, leaving: 2 };

    fn group(address: &str) -> AddressGroup {
        AddressGroup::new(address.parse::<IpAddr>().unwrap(), true)
    }

    fn exempt(address: &str) -> AddressGroup {
        AddressGroup::new(address.parse::<IpAddr>().unwrap(), false)
    }

    /// A ledger with these newcomers. Each value is the newcomer's number.
    fn ledger(groups: &[AddressGroup]) -> Ledger<u64> {
        let mut ledger = Ledger::new(BOUNDS);
        for (number, group) in (0..).zip(groups) {
            assert_eq!(ledger.enter(*group, number), (number, None));
        }
        ledger
    }

    fn enter(ledger: &mut Ledger<u64>, group: AddressGroup) -> Option<(u64, Cause)> {
        let number = ledger.next;
        let (entered, evicted) = ledger.enter(group, number);
        assert_eq!(entered, number);
        evicted.map(|evicted| (evicted.value, evicted.cause))
    }

    #[test]
    fn the_oldest_of_the_address_that_holds_most_gives_way() {
        let (few, many, honest) = (group("192.0.2.1"), group("192.0.2.2"), group("192.0.2.3"));
        let mut ledger = ledger(&[honest, few, few, many, many, many]);
        assert_eq!(enter(&mut ledger, few), Some((3, Cause::Full)));
        // Now `few` has three, and `many` two.
        assert_eq!(enter(&mut ledger, many), Some((1, Cause::Full)));
        // Among equal groups the oldest newcomer decides.
        assert_eq!(enter(&mut ledger, many), Some((4, Cause::Full)));
        for _ in 0..100 {
            let (victim, _) = enter(&mut ledger, many).unwrap();
            assert_ne!(victim, 0, "the honest one holds a single place");
        }
        assert_eq!(ledger.len(), BOUNDS.all);
    }

    #[test]
    fn those_that_leave_give_way_first_and_those_that_ask_last() {
        let (one, two) = (group("192.0.2.1"), group("192.0.2.2"));
        let mut ledger = ledger(&[one, one, one, one, two, two]);
        assert_eq!(ledger.advance(0, Stage::Asking, None), None);
        assert_eq!(ledger.advance(5, Stage::Leaving, None), None);
        assert_eq!(enter(&mut ledger, two), Some((5, Cause::Full)));
        assert_eq!(enter(&mut ledger, two), Some((1, Cause::Full)));
        for number in [2, 3, 4, 6, 7] {
            assert_eq!(ledger.advance(number, Stage::Asking, None), None);
        }
        assert_eq!(
            enter(&mut ledger, two),
            Some((0, Cause::Full)),
            "the oldest of the three of equal groups"
        );
    }

    #[test]
    fn at_the_limit_of_an_address_its_own_oldest_gives_way() {
        let (full, other) = (group("192.0.2.1"), group("192.0.2.2"));
        let mut ledger = ledger(&[other, full, full, full, full]);
        assert_eq!(enter(&mut ledger, full), Some((1, Cause::Group)));
        assert_eq!(ledger.advance(3, Stage::Leaving, None), None);
        assert_eq!(enter(&mut ledger, full), Some((3, Cause::Group)));
        assert_eq!(enter(&mut ledger, other), None);
    }

    #[test]
    fn an_exempt_address_has_no_limit_of_its_own_and_gives_way_after_the_others() {
        let (proxy, few) = (exempt("127.0.0.1"), group("192.0.2.2"));
        let mut ledger = ledger(&[proxy, proxy, proxy, proxy, proxy, few]);
        assert_eq!(enter(&mut ledger, proxy), Some((5, Cause::Full)));
        assert_eq!(enter(&mut ledger, proxy), Some((0, Cause::Full)));
    }

    #[test]
    fn among_exempt_addresses_the_one_that_holds_most_gives_way() {
        let (many, honest) = (exempt("127.0.0.1"), exempt("127.0.0.2"));
        let mut ledger = ledger(&[honest, many, many, many, many, many]);
        assert_eq!(enter(&mut ledger, many), Some((1, Cause::Full)));
    }

    #[test]
    fn behind_a_proxy_a_newcomer_counts_for_the_address_that_it_comes_from() {
        let (proxy, behind) = (exempt("127.0.0.1"), group("192.0.2.1"));
        let mut ledger = ledger(&[proxy, proxy, proxy, proxy, proxy]);
        for number in 0..4 {
            assert_eq!(ledger.advance(number, Stage::Asking, Some(behind)), None);
        }
        let evicted = ledger.advance(4, Stage::Asking, Some(behind)).unwrap();
        assert_eq!((evicted.value, evicted.group, evicted.cause), (0, behind, Cause::Group));
    }

    #[test]
    fn of_those_that_leave_only_some_stay() {
        let (one, two) = (group("192.0.2.1"), group("192.0.2.2"));
        let mut ledger = ledger(&[one, two, two]);
        assert_eq!(ledger.advance(0, Stage::Leaving, None), None);
        assert_eq!(ledger.advance(1, Stage::Leaving, None), None);
        let evicted = ledger.advance(2, Stage::Leaving, None).unwrap();
        assert_eq!((evicted.value, evicted.cause), (0, Cause::Leaving));
        assert_eq!(ledger.len(), 2);
    }

    #[test]
    fn what_is_gone_changes_nothing() {
        let one = group("192.0.2.1");
        let mut ledger = ledger(&[one, one]);
        assert_eq!((ledger.remove(0), ledger.remove(0)), (Some(0), None));
        assert_eq!(ledger.advance(0, Stage::Leaving, None), None);
        assert_eq!((ledger.len(), ledger.evict().map(|evicted| evicted.value)), (1, Some(1)));
        assert_eq!((ledger.len(), ledger.evict()), (0, None));
        assert!(ledger.known.is_empty() && ledger.stages.iter().all(|crowd| crowd.len() == 0));
    }
}
