//! The control users that were connected in a period.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chat_core::protocol::Role;
use chat_core::time::Timestamp;

use crate::audit::{AuditKind, AuditLine};

/// Control users by their connections, from the lines of a trail in order.
pub(super) struct ControlPresence {
    from: Timestamp,
    until: Timestamp,
    open: BTreeMap<u64, (String, Timestamp)>,
    /// Users with a connection in the period.
    seen: BTreeSet<String>,
}

impl ControlPresence {
    pub(super) fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from, until, open: BTreeMap::new(), seen: BTreeSet::new() }
    }

    /// Takes up a line of the trail.
    pub(super) fn see(&mut self, line: &AuditLine<'_>) {
        match (line.what, line.connection) {
            (AuditKind::Started, _) => self.open.clear(),
            (AuditKind::Connected, Some(connection)) => {
                let is_control = Role::ALL
                    .iter()
                    .any(|role| role.is_control() && line.role.as_deref() == Some(role.as_str()));
                if let Some(user) = line.user.as_deref().filter(|_| is_control && line.at <= self.until) {
                    self.open.insert(connection, (user.to_owned(), line.at));
                }
            }
            (AuditKind::Ended, Some(connection)) => {
                if let Some((user, _)) = self.open.remove(&connection).filter(|_| line.at >= self.from) {
                    self.seen.insert(user);
                }
            }
            _ => {}
        }
    }
}

impl fmt::Display for ControlPresence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let still = self.open.values().map(|(user, _)| user);
        let users: BTreeSet<&String> = self.seen.iter().chain(still).collect();
        if users.is_empty() {
            return f.write_str("no control user was connected in this time");
        }
        let users: Vec<&str> = users.into_iter().map(String::as_str).collect();
        write!(f, "control users with a connection in this time: {}", users.join(", "))
    }
}
