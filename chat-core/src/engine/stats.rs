//! Figures of an engine, for metrics.

use std::collections::BTreeMap;

use super::{ConnectionId, Engine, Handled, Output};
use crate::conversation::Conversation;
use crate::id::UserId;
use crate::protocol::{ErrorCode, EventType};

/// Counts of answered frames by event and outcome. No event means no request, no code means
/// success.
pub type Answered = BTreeMap<(Option<EventType>, Option<ErrorCode>), u64>;

/// Figures of an engine, from [`Engine::stats`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineStats {
    /// Whether the engine has loaded its directory. Over a [shared](crate::store::Directory::shared)
    /// store, connections from before are refused.
    pub is_ready: bool,
    /// Open connections.
    pub connections: usize,
    /// Users with at least one connection.
    pub users_online: usize,
    /// Pairs of a conversation and a user who is typing.
    pub typing: usize,
    /// Conversations in the cache.
    pub conversations_cached: usize,
    /// Unanswered calls to the store and the verifier, without commits.
    pub pending_calls: usize,
    /// Changes queued for a commit or under way.
    pub changes_waiting: usize,
    /// Answers since the start.
    pub answered: Answered,
    /// Joins that named a later number than the store has, in the same epoch: a sign that the store
    /// is older than what clients were told.
    pub joins_beyond: u64,
}

impl Engine {
    /// Returns the current figures.
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            is_ready: self.ready,
            connections: self.connections.len(),
            users_online: self.online.users(),
            typing: self.typing.values().filter(|state| state.is_typing()).count(),
            conversations_cached: self.cache.len(),
            pending_calls: self.calls.len(),
            changes_waiting: self.commits.len(),
            answered: self.answered.clone(),
            joins_beyond: self.joins_beyond,
        }
    }

    /// Counts an answer to a client and reports the request as handled.
    pub(super) fn count_answer(&mut self, handled: Handled) {
        *self.answered.entry((handled.event, handled.code)).or_default() += 1;
        self.outputs.push_back(Output::Handled(handled));
    }

    /// The connections of a user, the oldest first.
    pub fn connections_of(&self, user: &UserId) -> &[ConnectionId] {
        self.online.of(user)
    }

    /// The participants of a conversation who have no connection, without one user.
    pub fn absent(&self, conversation: &Conversation, except: &UserId) -> Vec<UserId> {
        let participants = self.directory.participants(conversation).into_iter();
        participants.filter(|user| *user != except && self.online.of(user).is_empty()).cloned().collect()
    }
}
