//! Who is typing where: a state per user and conversation, the "or" of the user's connections.

use std::collections::BTreeMap;

use super::io::ConnectionId;
use super::{Class, Engine, Timer};
use crate::id::{ConversationId, UserId};
use crate::protocol::TypingStatus;
use crate::time::Monotonic;

/// All typing states. Bounded by `typing_per_connection`.
pub(super) type Typing = BTreeMap<(ConversationId, UserId), State>;

/// Somebody types.
pub(super) struct State {
    /// On which connections, and until when without a refresh. Never empty.
    conns: BTreeMap<ConnectionId, Monotonic>,
    /// When others were last told.
    told: Monotonic,
}

impl Engine {
    /// A client says whether its user types.
    pub(super) fn type_in(&mut self, conn: ConnectionId, conversation: &ConversationId, is_typing: bool) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let user = connection.user.clone();
        if !is_typing {
            return self.stop_typing(conn, &user.id, conversation);
        }
        if !connection.typing.contains(conversation) {
            connection.typing.push_back(conversation.clone());
            let oldest = (connection.typing.len() > self.limits.engine.typing_per_connection)
                .then(|| connection.typing.front().cloned());
            if let Some(oldest) = oldest.flatten() {
                self.stop_typing(conn, &user.id, &oldest);
            }
        }
        self.keep_typing(conn, &user.id, conversation);
    }

    fn keep_typing(&mut self, conn: ConnectionId, user: &UserId, conversation: &ConversationId) {
        let (now, periods) = (self.now.monotonic, &self.limits.periods);
        let until = now.plus(periods.typing_expires);
        let key = (conversation.clone(), user.clone());
        if let Some(state) = self.typing.get_mut(&key) {
            state.conns.insert(conn, until);
            if now.since(state.told) < periods.typing_repeat {
                return;
            }
            state.told = now;
        } else {
            self.timers.set(until, Timer::Typing(key.0.clone(), key.1.clone()));
            self.cache.pin(conversation);
            self.typing.insert(key, State { conns: BTreeMap::from([(conn, until)]), told: now });
        }
        self.tell_typing(user, conversation, true);
    }

    /// The user does not type on this connection any more.
    pub(super) fn stop_typing(&mut self, conn: ConnectionId, user: &UserId, conversation: &ConversationId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.typing.retain(|other| other != conversation);
        }
        let key = (conversation.clone(), user.clone());
        if let Some(state) = self.typing.get_mut(&key) {
            state.conns.remove(&conn);
            if state.conns.is_empty() {
                self.end_typing(&key);
            }
        }
    }

    /// The user does not type there any more, whatever the connection.
    pub(super) fn end_typing(&mut self, key: &(ConversationId, UserId)) {
        let Some(state) = self.typing.remove(key) else { return };
        let (conversation, user) = key;
        self.timers.cancel(&Timer::Typing(conversation.clone(), user.clone()));
        for conn in state.conns.keys() {
            if let Some(connection) = self.connections.get_mut(conn) {
                connection.typing.retain(|other| other != conversation);
            }
        }
        self.tell_typing(user, conversation, false);
        self.cache.unpin(conversation);
    }

    /// Ends what was not refreshed, and waits for the rest.
    pub(super) fn typing_due(&mut self, conversation: ConversationId, user: UserId) {
        let (now, key) = (self.now.monotonic, (conversation, user));
        let Some(state) = self.typing.get(&key) else { return };
        let expired: Vec<_> =
            state.conns.iter().filter(|(_, until)| **until <= now).map(|(conn, _)| *conn).collect();
        for conn in expired {
            self.stop_typing(conn, &key.1, &key.0);
        }
        let next = self.typing.get(&key).and_then(|state| state.conns.values().min().copied());
        if let Some(next) = next {
            self.timers.set(next, Timer::Typing(key.0, key.1));
        }
    }

    fn tell_typing(&mut self, user: &UserId, conversation: &ConversationId, is_typing: bool) {
        let event = TypingStatus {
            conversation_id: conversation.clone(),
            user_id: user.clone(),
            is_typing,
            timestamp: self.now.wall,
        };
        self.broadcast(conversation, user, Class::Typing, &event);
    }
}
