//! Typing states, one per user and conversation. A user types while any connection does.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use super::io::ConnectionId;
use super::{Class, Engine, Timer};
use crate::id::{ConversationId, UserId};
use crate::limits::Limits;
use crate::protocol::TypingStatus;
use crate::time::Monotonic;

/// A shorter window would set timers that are due at once, for ever.
const SHORTEST_WINDOW: Duration = Duration::from_millis(1);

/// All typing states. Bounded by `typing_per_connection`, and for ended states by the requests of
/// one `typing_window`.
pub(super) type Typing = BTreeMap<(ConversationId, UserId), TypingState>;

/// A user who types, or has typed within the last `typing_window`.
pub(super) struct TypingState {
    /// The typing connections, each with the time until which no refresh is needed. Empty once
    /// typing ends.
    conns: BTreeMap<ConnectionId, Monotonic>,
    /// The time of the last event to others, and the state in this event.
    told: Monotonic,
    shown: bool,
    /// The start of the current window, and the number of changes told within.
    window: Monotonic,
    changes: u32,
}

impl TypingState {
    fn new(now: Monotonic) -> Self {
        Self { conns: BTreeMap::new(), told: now, shown: false, window: now, changes: 0 }
    }

    /// Whether the user types.
    pub(super) fn is_typing(&self) -> bool {
        !self.conns.is_empty()
    }

    /// Whether to tell others now. A change beyond the window's budget waits for the next window.
    fn settle(&mut self, now: Monotonic, limits: &Limits) -> bool {
        let is_typing = self.is_typing();
        if now.since(self.window) >= limits.periods.typing_window {
            (self.window, self.changes) = (now, 0);
        }
        let is_change = is_typing != self.shown;
        let is_repeat = is_typing && self.shown && now.since(self.told) >= limits.periods.typing_repeat;
        let is_told = is_repeat || is_change && self.changes < limits.engine.typing_changes;
        if is_told {
            self.changes += u32::from(is_change);
            (self.told, self.shown) = (now, is_typing);
        }
        is_told
    }

    /// The time of the next check, or `None` if nothing is left to tell or to remember.
    fn next(&self, window: Duration) -> Option<Monotonic> {
        let expires = self.conns.values().min().copied();
        let is_pending = self.is_typing() != self.shown;
        let remembers = !self.is_typing() && self.changes > 0;
        let ends = (is_pending || remembers).then(|| self.window.plus(window.max(SHORTEST_WINDOW)));
        expires.into_iter().chain(ends).min()
    }
}

impl Engine {
    /// Handles a typing indicator of a client.
    pub(super) fn type_in(&mut self, conn: ConnectionId, conversation: &ConversationId, is_typing: bool) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let user = connection.account.user().id.clone();
        if !is_typing {
            return self.stop_typing(conn, &user, conversation);
        }
        if !connection.typing.contains(conversation) {
            connection.typing.push_back(conversation.clone());
            let oldest = (connection.typing.len() > self.limits.engine.typing_per_connection)
                .then(|| connection.typing.front().cloned());
            if let Some(oldest) = oldest.flatten() {
                self.stop_typing(conn, &user, &oldest);
            }
        }
        self.keep_typing(conn, &user, conversation);
    }

    fn keep_typing(&mut self, conn: ConnectionId, user: &UserId, conversation: &ConversationId) {
        let now = self.now.monotonic;
        let key = (conversation.clone(), user.clone());
        if !self.typing.contains_key(&key) {
            self.cache.pin(conversation);
        }
        let state = self.typing.entry(key.clone()).or_insert_with(|| TypingState::new(now));
        state.conns.insert(conn, now.plus(self.limits.periods.typing_expires));
        self.settle_typing(&key);
    }

    /// Ends typing on one connection.
    pub(super) fn stop_typing(&mut self, conn: ConnectionId, user: &UserId, conversation: &ConversationId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.typing.retain(|other| other != conversation);
        }
        let key = (conversation.clone(), user.clone());
        if self.typing.get_mut(&key).is_some_and(|state| state.conns.remove(&conn).is_some()) {
            self.settle_typing(&key);
        }
    }

    /// Ends typing in a conversation, on all connections.
    pub(super) fn end_typing(&mut self, key: &(ConversationId, UserId)) {
        let Some(state) = self.typing.get_mut(key) else { return };
        for conn in mem::take(&mut state.conns).into_keys() {
            if let Some(connection) = self.connections.get_mut(&conn) {
                connection.typing.retain(|other| *other != key.0);
            }
        }
        self.settle_typing(key);
    }

    /// Ends expired typing and tells delayed changes.
    pub(super) fn typing_due(&mut self, conversation: ConversationId, user: UserId) {
        let (now, key) = (self.now.monotonic, (conversation, user));
        let Some(state) = self.typing.get(&key) else { return };
        let expired: Vec<_> =
            state.conns.iter().filter(|(_, until)| **until <= now).map(|(conn, _)| *conn).collect();
        for conn in expired {
            self.stop_typing(conn, &key.1, &key.0);
        }
        self.settle_typing(&key);
    }

    /// Tells others a change, within the budget, and sets the timer for the rest.
    fn settle_typing(&mut self, key: &(ConversationId, UserId)) {
        let Some(state) = self.typing.get_mut(key) else { return };
        let (is_told, is_typing) = (state.settle(self.now.monotonic, &self.limits), state.is_typing());
        let next = state.next(self.limits.periods.typing_window);
        if is_told {
            self.tell_typing(&key.1, &key.0, is_typing);
        }
        let timer = Timer::Typing(key.0.clone(), key.1.clone());
        if let Some(next) = next {
            return self.timers.set(next, timer);
        }
        self.timers.cancel(&timer);
        self.typing.remove(key);
        self.cache.unpin(&key.0);
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
