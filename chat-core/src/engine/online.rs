//! The connected users, their connections, and the connections of each team.

use std::collections::BTreeMap;

use super::io::ConnectionId;
use crate::id::{TeamId, UserId};

/// The connections of each connected user and of each team. Bounded by the connections, each of
/// which has a bounded number of teams.
#[derive(Default)]
pub(super) struct Online {
    /// The oldest first; never empty.
    users: BTreeMap<UserId, Vec<ConnectionId>>,
    /// In order; never empty.
    teams: BTreeMap<TeamId, Vec<ConnectionId>>,
}

impl Online {
    pub(super) fn add(&mut self, user: UserId, teams: &[TeamId], conn: ConnectionId) {
        self.users.entry(user).or_default().push(conn);
        self.join(teams, conn);
    }

    pub(super) fn remove(&mut self, user: &UserId, teams: &[TeamId], conn: ConnectionId) {
        if let Some(conns) = self.users.get_mut(user) {
            conns.retain(|other| *other != conn);
            if conns.is_empty() {
                self.users.remove(user);
            }
        }
        self.leave(teams, conn);
    }

    /// Moves a connection from some teams to others.
    pub(super) fn change_teams(&mut self, conn: ConnectionId, from: &[TeamId], to: &[TeamId]) {
        if from != to {
            self.leave(from, conn);
            self.join(to, conn);
        }
    }

    fn join(&mut self, teams: &[TeamId], conn: ConnectionId) {
        for team in teams {
            let conns = self.teams.entry(team.clone()).or_default();
            if let Err(place) = conns.binary_search(&conn) {
                conns.insert(place, conn);
            }
        }
    }

    fn leave(&mut self, teams: &[TeamId], conn: ConnectionId) {
        for team in teams {
            let Some(conns) = self.teams.get_mut(team) else { continue };
            if let Ok(place) = conns.binary_search(&conn) {
                conns.remove(place);
            }
            if conns.is_empty() {
                self.teams.remove(team);
            }
        }
    }

    /// The connections of a user, the oldest first.
    pub(super) fn of(&self, user: &UserId) -> &[ConnectionId] {
        self.users.get(user).map_or(&[], Vec::as_slice)
    }

    /// The connections of a team, in order.
    pub(super) fn of_team(&self, team: &TeamId) -> &[ConnectionId] {
        self.teams.get(team).map_or(&[], Vec::as_slice)
    }

    /// The number of connected users.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }
}
