//! How much there is in an engine, and what it has answered: for who watches it.

use std::collections::BTreeMap;

use super::{ConnectionId, Engine, Handled, Output};
use crate::id::UserId;
use crate::protocol::{ErrorCode, EventType};

/// Answered requests by event and outcome: no event for what was no request, no code for what was done.
pub type Answered = BTreeMap<(Option<EventType>, Option<ErrorCode>), u64>;

/// What [`Engine::stats`] tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineStats {
    /// Open connections.
    pub connections: usize,
    /// Users with at least one.
    pub users_online: usize,
    /// Users in conversations in which they are typing.
    pub typing: usize,
    /// Conversations that are kept in memory.
    pub conversations_cached: usize,
    /// PendingCalls to the store and the verifier that are not answered, commits aside.
    pub pending_calls: usize,
    /// Changes that wait for a commit, or are in the one that is under way.
    pub changes_waiting: usize,
    /// Since the start.
    pub answered: Answered,
}

impl Engine {
    /// How much there is in it, and what it has answered.
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            connections: self.connections.len(),
            users_online: self.online.users(),
            typing: self.typing.values().filter(|state| state.is_typing()).count(),
            conversations_cached: self.cache.len(),
            pending_calls: self.calls.len(),
            changes_waiting: self.commits.len(),
            answered: self.answered.clone(),
        }
    }

    /// Counts an answer to a client, and tells of it.
    pub(super) fn count_answer(&mut self, handled: Handled) {
        *self.answered.entry((handled.event, handled.code)).or_default() += 1;
        self.outputs.push_back(Output::Handled(handled));
    }

    /// The connections of a user, the oldest first.
    pub fn connections_of(&self, user: &UserId) -> &[ConnectionId] {
        self.online.of(user)
    }

    /// Whether a user has a connection.
    pub fn is_connected(&self, user: &UserId) -> bool {
        !self.online.of(user).is_empty()
    }
}
