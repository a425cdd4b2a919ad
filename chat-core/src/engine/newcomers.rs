//! Control users who have connected while their account is still being looked up. The newcomers of
//! chat-server are others: connections without a verified token.
//!
//! A connected control user hears of each support conversation created from then on. So a creation
//! waits for the newcomers before it, and only for them: later newcomers do not hold a creation up.

use std::collections::BTreeMap;

use super::io::ConnectionId;
use super::origin::Origin;

/// The newcomers, numbered, and the creations that wait for them.
///
/// Bounded by the connections: each is one newcomer or has one waiting creation.
#[derive(Default)]
pub(super) struct Newcomers {
    next: u64,
    coming: BTreeMap<ConnectionId, u64>,
    /// Waiting creations in order, each with a number. Newcomers with smaller numbers are awaited.
    waiting: Vec<(u64, Origin)>,
}

impl Newcomers {
    /// Adds an unknown control user who has connected.
    pub(super) fn add(&mut self, conn: ConnectionId) {
        self.coming.entry(conn).or_insert(self.next);
        self.next += 1;
    }

    /// Removes a connection that is closed, or whose user is known now.
    pub(super) fn remove(&mut self, conn: ConnectionId) {
        self.coming.remove(&conn);
        self.waiting.retain(|(_, origin)| !origin.is_of(conn));
    }

    /// The number of the next newcomer.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Makes a creation wait if a newcomer before this number is present.
    pub(super) fn wait(&mut self, before: u64, origin: &Origin) -> bool {
        let waits = self.coming.values().any(|number| *number < before);
        if waits {
            self.waiting.push((before, origin.clone()));
        }
        waits
    }

    /// Removes the creations whose newcomers are all known.
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
