//! Accepted connections waiting for their turn.

use super::{AddressGroup, Crowd};

/// A fair queue: the smallest group is served first. A flood from a few addresses delays nobody
/// else.
///
/// Accepting is cheap compared with a handshake, and keeps up with a flood that handshakes could
/// not. At the limit, the oldest connection of the largest group is closed without further work.
#[derive(Debug)]
pub(crate) struct Lobby<T> {
    crowd: Crowd<T>,
    most: usize,
    next: u64,
}

impl<T> Lobby<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { crowd: Crowd::default(), most, next: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.crowd.len() == 0
    }

    /// Sets the limit. Takes effect with the next connection.
    pub(super) fn bound(&mut self, most: usize) {
        self.most = most;
    }

    /// Queues a connection, and returns the one evicted for it.
    pub(super) fn enter(&mut self, group: AddressGroup, value: T) -> Option<(AddressGroup, T)> {
        let evicted = if self.crowd.len() < self.most { None } else { self.crowd.oldest_of_most() };
        let evicted = evicted.and_then(|(group, number)| Some((group, self.crowd.remove(group, number)?)));
        self.crowd.insert(group, self.next, value);
        self.next += 1;
        evicted
    }

    /// The connection to serve next.
    pub(crate) fn next(&mut self) -> Option<T> {
        let (group, number) = self.crowd.oldest_of_fewest()?;
        self.crowd.remove(group, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(number: u8) -> AddressGroup {
        AddressGroup::new([192, 0, 2, number].into(), true)
    }

    #[test]
    fn who_comes_alone_is_served_before_a_flood_that_came_earlier() {
        let mut lobby = Lobby::new(100);
        for number in 0..90 {
            assert_eq!(lobby.enter(group(number % 30), u32::from(number)), None);
        }
        assert_eq!(lobby.enter(group(200), 1_000), None);
        assert_eq!(lobby.next(), Some(1_000));
        // Within a group the oldest is served first.
        let mut served: Vec<_> =
            std::iter::from_fn(|| lobby.next()).filter(|value| value % 30 == 7).collect();
        assert_eq!(served, [7, 37, 67]);
        served.clear();
        assert!(lobby.is_empty());
    }

    #[test]
    fn what_is_too_much_is_of_the_group_that_holds_most() {
        let mut lobby = Lobby::new(4);
        for (from, value) in [(1, 10), (2, 20), (2, 21), (2, 22)] {
            assert_eq!(lobby.enter(group(from), value), None);
        }
        assert_eq!(lobby.enter(group(3), 30), Some((group(2), 20)));
        assert_eq!(lobby.enter(group(2), 23), Some((group(2), 21)));
        let served: Vec<_> = std::iter::from_fn(|| lobby.next()).collect();
        assert_eq!((served.len(), served.contains(&10), served.contains(&30)), (4, true, true));
    }
}
