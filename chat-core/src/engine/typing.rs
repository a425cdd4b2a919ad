//! Typing states, one per user and conversation. A user types while any connection does, of this
//! engine or of another one over the same store.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use super::io::ConnectionId;
use super::{Class, Engine, Output, Timer};
use crate::conversation::Standing;
use crate::id::{ConversationId, UserId};
use crate::limits::Limits;
use crate::protocol::TypingStatus;
use crate::store::Life;
use crate::time::Monotonic;

/// A shorter window would set timers that are due at once, for ever.
const SHORTEST_WINDOW: Duration = Duration::from_millis(1);

/// The limit of typing states with which another one is taken over from another engine.
const HINTED_MOST: usize = 4_096;

/// All typing states. Bounded by `typing_per_connection` and [`HINTED_MOST`], and for ended states
/// by the requests of one `typing_window`.
pub(super) type Typing = BTreeMap<(ConversationId, UserId), TypingState>;

/// A word between the engines of a [shared](crate::store::Directory::shared) store about a typing
/// user. Best effort: a lost end is made up for by
/// [`typing_expires`](crate::limits::Periods::typing_expires), and a lost begin by the next word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypingHint {
    /// The engine that says it.
    pub from: Life,
    /// The conversation.
    pub conversation: ConversationId,
    /// The user.
    pub user: UserId,
    /// Whether the user types on a connection of that engine.
    pub is_typing: bool,
}

/// A place where a user types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum TypingPlace {
    /// A connection of this engine.
    Here(ConnectionId),
    /// A connection of another engine.
    Elsewhere(Life),
}

/// A user who types, or has typed within the last `typing_window`.
pub(super) struct TypingState {
    /// The places where the user types, each with the time until which no refresh is needed. Empty
    /// once typing ends.
    places: BTreeMap<TypingPlace, Monotonic>,
    /// Whether the other engines were told that the user types here.
    hinted: bool,
    /// The time of the last event to others, and the state in this event.
    told: Monotonic,
    shown: bool,
    /// The start of the current window, and the number of changes told within.
    window: Monotonic,
    changes: u32,
}

impl TypingState {
    fn new(now: Monotonic) -> Self {
        Self { places: BTreeMap::new(), hinted: false, told: now, shown: false, window: now, changes: 0 }
    }

    /// Whether the user types.
    pub(super) fn is_typing(&self) -> bool {
        !self.places.is_empty()
    }

    /// Whether to tell the other engines, and whether the user types here. A hint is no
    /// reason for another one.
    fn hint(&mut self) -> Option<bool> {
        let is_here = matches!(self.places.first_key_value(), Some((TypingPlace::Here(_), _)));
        (mem::replace(&mut self.hinted, is_here) || is_here).then_some(is_here)
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
        let expires = self.places.values().min().copied();
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
            return self.stop_typing(TypingPlace::Here(conn), &user, conversation);
        }
        if !connection.typing.contains(conversation) {
            connection.typing.push_back(conversation.clone());
            let oldest = (connection.typing.len() > self.limits.engine.typing_per_connection)
                .then(|| connection.typing.front().cloned());
            if let Some(oldest) = oldest.flatten() {
                self.stop_typing(TypingPlace::Here(conn), &user, &oldest);
            }
        }
        self.keep_typing(TypingPlace::Here(conn), &user, conversation);
    }

    /// Takes over a hint of another engine, if the conversation is known here.
    pub(super) fn typing_elsewhere(&mut self, hint: TypingHint) {
        let TypingHint { from, conversation, user, is_typing } = hint;
        if from == self.follow.life() {
            return;
        }
        let (place, key) = (TypingPlace::Elsewhere(from), (conversation, user));
        if !is_typing {
            return self.stop_typing(place, &key.1, &key.0);
        }
        let has_room = self.typing.contains_key(&key) || self.typing.len() < HINTED_MOST;
        let known = self.cache.get(&key.0).filter(|_| has_room);
        if known.is_some_and(|one| one.participation.members.standing(&key.1) != Standing::Withdrawn) {
            self.keep_typing(place, &key.1, &key.0);
        }
    }

    fn keep_typing(&mut self, place: TypingPlace, user: &UserId, conversation: &ConversationId) {
        let now = self.now.monotonic;
        let key = (conversation.clone(), user.clone());
        if !self.typing.contains_key(&key) {
            self.cache.pin(conversation);
        }
        let state = self.typing.entry(key.clone()).or_insert_with(|| TypingState::new(now));
        state.places.insert(place, now.plus(self.limits.periods.typing_expires));
        self.settle_typing(&key);
    }

    /// Ends typing in one place.
    pub(super) fn stop_typing(&mut self, place: TypingPlace, user: &UserId, conversation: &ConversationId) {
        self.forget_typing(place, conversation);
        let key = (conversation.clone(), user.clone());
        if self.typing.get_mut(&key).is_some_and(|state| state.places.remove(&place).is_some()) {
            self.settle_typing(&key);
        }
    }

    /// Removes a conversation from those in which a connection is typing.
    fn forget_typing(&mut self, place: TypingPlace, conversation: &ConversationId) {
        if let TypingPlace::Here(conn) = place
            && let Some(connection) = self.connections.get_mut(&conn)
        {
            connection.typing.retain(|other| other != conversation);
        }
    }

    /// Ends typing in a conversation, in all places.
    pub(super) fn end_typing(&mut self, key: &(ConversationId, UserId)) {
        let Some(state) = self.typing.get_mut(key) else { return };
        for place in mem::take(&mut state.places).into_keys() {
            self.forget_typing(place, &key.0);
        }
        self.settle_typing(key);
    }

    /// Ends expired typing and tells delayed changes.
    pub(super) fn typing_due(&mut self, conversation: ConversationId, user: UserId) {
        let (now, key) = (self.now.monotonic, (conversation, user));
        let Some(state) = self.typing.get(&key) else { return };
        let expired: Vec<_> =
            state.places.iter().filter(|(_, until)| **until <= now).map(|(place, _)| *place).collect();
        for place in expired {
            self.stop_typing(place, &key.1, &key.0);
        }
        self.settle_typing(&key);
    }

    /// Tells others a change, within the budget, and sets the timer for the rest.
    fn settle_typing(&mut self, key: &(ConversationId, UserId)) {
        let Some(state) = self.typing.get_mut(key) else { return };
        let (is_told, is_typing) = (state.settle(self.now.monotonic, &self.limits), state.is_typing());
        let next = state.next(self.limits.periods.typing_window);
        let hint = if is_told { state.hint() } else { None };
        if is_told {
            self.tell_typing(&key.1, &key.0, is_typing);
        }
        if let Some(is_typing) = hint {
            self.hint_typing(key, is_typing);
        }
        let timer = Timer::Typing(key.0.clone(), key.1.clone());
        if let Some(next) = next {
            return self.timers.set(next, timer);
        }
        self.timers.cancel(&timer);
        self.typing.remove(key);
        self.cache.unpin(&key.0);
    }

    /// Tells the other engines, if there may be any.
    fn hint_typing(&mut self, (conversation, user): &(ConversationId, UserId), is_typing: bool) {
        if self.follow.is_shared() {
            let (from, conversation, user) = (self.follow.life(), conversation.clone(), user.clone());
            self.outputs.push_back(Output::HintTyping(TypingHint { from, conversation, user, is_typing }));
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
