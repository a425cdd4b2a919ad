//! Control users who have connected and are not known yet, for their account is being looked up.
//!
//! A connected control user hears of each support conversation that is created from then on. So a creation waits for the
//! newcomers who were there before it, and only for these: however many more come, it is not held up.

use std::collections::BTreeMap;

use super::io::ConnectionId;
use super::origin::Origin;

/// The newcomers, each with its number, and the creations that wait for them.
///
/// Bounded by the connections, of which each is one newcomer or has one creation that waits.
#[derive(Default)]
pub(super) struct Newcomers {
    next: u64,
    coming: BTreeMap<ConnectionId, u64>,
    /// With the number of the first newcomer that it does not wait for, in their order.
    waiting: Vec<(u64, Origin)>,
}

impl Newcomers {
    /// A control user who is not known has connected.
    pub(super) fn add(&mut self, conn: ConnectionId) {
        self.coming.entry(conn).or_insert(self.next);
        self.next += 1;
    }

    /// Its user is known now, or the connection is gone, and waits for nobody.
    pub(super) fn remove(&mut self, conn: ConnectionId) {
        self.coming.remove(&conn);
        self.waiting.retain(|(_, origin)| !origin.is_of(conn));
    }

    /// The number of the next newcomer: all who are there have a smaller one.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Has a creation wait if a newcomer before this number is there.
    pub(super) fn wait(&mut self, before: u64, origin: &Origin) -> bool {
        let waits = self.coming.values().any(|number| *number < before);
        if waits {
            self.waiting.push((before, origin.clone()));
        }
        waits
    }

    /// Takes out the creations for which nobody is missing any more.
    pub(super) fn ready(&mut self) -> Vec<Origin> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let first = self.coming.values().min().copied().unwrap_or(self.next);
        self.waiting.extract_if(.., |(before, _)| *before <= first).map(|(_, origin)| origin).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_forgotten_with_its_connection() {
        let (newcomer, creator, another) = (ConnectionId(1), ConnectionId(2), ConnectionId(3));
        let mut newcomers = Newcomers::default();
        newcomers.add(newcomer);
        for conn in [creator, another] {
            assert!(newcomers.wait(newcomers.next(), &Origin::Request(conn, 1)));
        }
        newcomers.remove(creator);
        newcomers.remove(newcomer);
        assert_eq!(newcomers.ready(), [Origin::Request(another, 1)]);
    }
}
