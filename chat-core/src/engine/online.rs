//! The connected users and their connections.

use std::collections::BTreeMap;

use super::io::ConnectionId;
use crate::id::UserId;

/// The connections of each connected user. Bounded by the connections.
#[derive(Default)]
pub(super) struct Online {
    /// The oldest first; never empty.
    conns: BTreeMap<UserId, Vec<ConnectionId>>,
    changes: u64,
}

impl Online {
    pub(super) fn add(&mut self, user: UserId, conn: ConnectionId) {
        self.conns.entry(user).or_default().push(conn);
        self.changes += 1;
    }

    pub(super) fn remove(&mut self, user: &UserId, conn: ConnectionId) {
        if let Some(conns) = self.conns.get_mut(user) {
            conns.retain(|other| *other != conn);
            if conns.is_empty() {
                self.conns.remove(user);
            }
            self.changes += 1;
        }
    }

    /// The connections of a user, the oldest first.
    pub(super) fn of(&self, user: &UserId) -> &[ConnectionId] {
        self.conns.get(user).map_or(&[], Vec::as_slice)
    }

    /// The number of connected users.
    pub(super) fn users(&self) -> usize {
        self.conns.len()
    }

    /// The number of changes so far. A result stays valid while this number stays.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }
}
